#include "protocols/parts/orphans.h"

namespace geocommit::orphans {
namespace {

OrphanRule vote_of(std::uint8_t kind, Vote vote, Reason reason) {
  Message message = reply_of(kind, Role::coordinator);
  message.vote = vote;
  message.reason = reason;
  return reply(message);
}

}  // namespace

OrphanRule ignore(std::string_view note) { return {OrphanAction::ignore, {}, note}; }

OrphanRule make_machine() { return {OrphanAction::make_machine, {}, {}}; }

OrphanRule reply(const Message& message, std::string_view note) { return {OrphanAction::reply, message, note}; }

Message reply_of(std::uint8_t kind, Role to_role) {
  Message message;
  message.kind = kind;
  message.to_role = to_role;
  message.retry = true;
  return message;
}

bool from_coordinator(const Message& message) { return message.from == message.txn.coordinator; }

OrphanRule answer(const Message& message, std::uint8_t kind, SiteState state, std::string_view note) {
  Message answer = reply_of(kind, from_coordinator(message) ? Role::coordinator : Role::participant);
  answer.ballot = message.ballot;
  answer.state = state;
  if (state == SiteState::committed) {
    answer.outcome = Outcome::commit;
  } else if (state == SiteState::aborted) {
    answer.outcome = Outcome::abort;
    answer.reason = Reason::terminated;
  }
  return reply(answer, note);
}

OrphanRule prepare(const Remembered& remembered, std::uint8_t vote) {
  if (remembered.state == SiteState::committed || remembered.below_watermark) {
    return ignore();
  }
  if (remembered.state == SiteState::aborted) {
    return vote_of(vote, Vote::no, Reason::terminated);
  }
  if (!remembered.same_epoch) {
    return vote_of(vote, Vote::no, Reason::stale_epoch);
  }
  return remembered.voted_read_only ? vote_of(vote, Vote::read_only, Reason::none) : make_machine();
}

OrphanRule decision(const Message& message, const Remembered& remembered, std::uint8_t ack, std::uint8_t refusal) {
  if (message.outcome == Outcome::abort) {
    return ignore(remembered.state == SiteState::committed ? "abort-for-committed-transaction" : "");
  }
  if (remembered.state == SiteState::aborted) {
    constexpr std::string_view kSplit = "commit-for-aborted-transaction";
    return refusal != 0 && from_coordinator(message) ? answer(message, refusal, SiteState::aborted, kSplit)
                                                     : ignore(kSplit);
  }
  if (remembered.state == SiteState::committed || remembered.below_watermark || remembered.voted_read_only) {
    return from_coordinator(message) ? reply(reply_of(ack, Role::coordinator)) : ignore();
  }
  return ignore("decision-for-unknown-transaction");  // It voted YES and has lost it (pitfall 3).
}

OrphanRule question(const Message& message, const Remembered& remembered, std::uint8_t kind) {
  if (message.to_role == Role::coordinator) {
    const bool committed = remembered.state == SiteState::committed;
    return remembered.own_transaction ? answer(message, kind, committed ? SiteState::committed : SiteState::aborted)
                                      : ignore();
  }
  if (remembered.state == SiteState::committed || remembered.state == SiteState::aborted) {
    return answer(message, kind, remembered.state);
  }
  if (remembered.voted_read_only || !remembered.same_epoch || remembered.below_watermark) {
    return answer(message, kind, SiteState::unknown);  // It may have committed without this site's knowing.
  }
  return make_machine();
}

OrphanRule usual(const Message& message, const Remembered& remembered, const Words& words, std::uint8_t refusal) {
  const bool to_site = message.to_role == Role::participant;
  if (message.kind == words.inquiry) {
    return question(message, remembered, words.answer);
  }
  if (message.kind == words.prepare && to_site) {
    return prepare(remembered, words.vote);
  }
  if (message.kind == words.decision && to_site) {
    return decision(message, remembered, words.ack, refusal);
  }
  return ignore(message.kind == 0 || message.kind > words.kinds ? "unknown-kind" : "");
}

}  // namespace geocommit::orphans
