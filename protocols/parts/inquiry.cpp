#include "protocols/parts/inquiry.h"

namespace geocommit {

void Inquiry::ask(Effects effects, bool retry) {
  ++rounds_;
  const TxnContext& context = effects.context();
  if (context.coordinator != context.self) {
    Message inquiry = effects.message(context.coordinator, Role::coordinator, kind_);
    inquiry.retry = retry;
    effects.send(inquiry);
  }
  for (const Member& member : context.cohort) {
    if (member.node != context.self) {
      Message to_peer = effects.message(member.node, Role::participant, kind_);
      to_peer.to_epoch = member.epoch;
      to_peer.retry = retry;
      effects.send(to_peer);
    }
  }
  wait(effects);
}

void Inquiry::encode(std::string& out) const {
  put(out, rounds_ > 0 ? 1U : 0U);
  put(out, static_cast<std::uint32_t>(interval_.factor()));
}

}  // namespace geocommit
