#include "protocols/parts/announcement.h"

namespace geocommit {
namespace {

void send_decision(Effects effects, std::uint8_t kind, NodeId site, Outcome outcome, Reason reason, bool retry) {
  Message decision = effects.message(site, Role::participant, kind);
  decision.outcome = outcome;
  decision.reason = reason;
  decision.retry = retry;
  effects.send(decision);
}

}  // namespace

void send_decisions(Effects effects, std::uint8_t kind, const std::vector<NodeId>& sites, Outcome outcome,
                    Reason reason, bool retry) {
  for (const NodeId site : sites) {
    send_decision(effects, kind, site, outcome, reason, retry);
  }
}

void Announcement::begin(Effects effects, std::vector<NodeId> sites, Outcome outcome, std::string_view to_one,
                         bool retry) {
  waiting_ = std::move(sites);
  outcome_ = outcome;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    send_decision(effects, kind_, waiting_[i], outcome, Reason::none, retry);
    if (i == 0) {
      effects.note(to_one);
    }
  }
  effects.arm(timer_, resend_.next());
}

void Announcement::again(Effects effects) {
  send_decisions(effects, kind_, waiting_, outcome_, Reason::none, true);
  effects.arm(timer_, resend_.next());
}

void Announcement::encode(std::string& out) const {
  put(out, waiting_);
  put(out, static_cast<std::uint32_t>(resend_.factor()));
}

}  // namespace geocommit
