#include "protocols/parts/announcement.h"

#include "protocols/parts/answers.h"

namespace geocommit {

void send_decisions(Effects effects, std::uint8_t kind, const std::vector<NodeId>& sites, Outcome outcome,
                    Reason reason, bool retry, std::string_view to_one) {
  for (const NodeId site : sites) {
    Message decision = effects.message(site, Role::participant, kind);
    decision.outcome = outcome;
    decision.reason = reason;
    decision.retry = retry;
    effects.send(decision);
    if (!to_one.empty() && site == sites.front()) {
      effects.note(to_one);
    }
  }
}

void Announcement::begin(Effects effects, std::vector<NodeId> sites, bool retry, Outcome outcome, Reason reason) {
  waiting_ = std::move(sites);
  begun_ = true;
  outcome_ = outcome;
  reason_ = reason;
  send_decisions(effects, words_.decision, waiting_, outcome_, reason_, retry, "decision-sent-to-one");
  effects.arm(words_.timer, resend_.next());
}

void Announcement::timer(Effects effects, std::uint8_t timer) {
  if (waiting_.empty() || timer != words_.timer) {
    return effects.ignored();
  }
  send_decisions(effects, words_.decision, waiting_, outcome_, reason_, true);
  effects.arm(words_.timer, resend_.next());
}

bool Announcement::acknowledged(Effects effects, NodeId site) {
  if (std::erase(waiting_, site) == 0) {
    effects.ignored();
    return false;
  }
  if (!waiting_.empty()) {
    return false;
  }
  effects.cancel(words_.timer);
  effects.append(make_record(words_.end));
  return true;
}

void Announcement::asked(Effects effects, std::uint8_t answer, const Message& in) const {
  begun_ ? send_answer(effects, answer, in.from, phase().seen, outcome_, in.retry)
         : effects.note("inquiry-before-decision");
}

void Announcement::encode(std::string& out) const {
  put(out, waiting_);
  put(out, static_cast<std::uint32_t>(resend_.factor()) << 1U | (begun_ ? 1U : 0U));
  put_all(out, outcome_, reason_);
}

}  // namespace geocommit
