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

}  // namespace geocommit::orphans
