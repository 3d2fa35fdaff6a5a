#include <string>

#include "base/check.h"
#include "protocols/registry.h"

namespace geocommit {

std::string_view name_of(Reason reason) {
  switch (reason) {
    case Reason::none:
      return "none";
    case Reason::lock_conflict:
      return "lock_conflict";
    case Reason::lock_timeout:
      return "lock_timeout";
    case Reason::constraint:
      return "constraint";
    case Reason::vote_timeout:
      return "vote_timeout";
    case Reason::stale_epoch:
      return "stale_epoch";
    case Reason::terminated:
      return "terminated";
    case Reason::recovery:
      return "recovery";
    case Reason::unavailable:
      return "unavailable";
    case Reason::invalid_request:
      return "invalid_request";
    case Reason::replica_away:
      return "replica_away";
    case Reason::forgotten:
      return "forgotten";
  }
  return "?";
}

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::undecided:
      return "undecided";
    case Outcome::commit:
      return "commit";
    case Outcome::abort:
      return "abort";
  }
  return "?";
}

std::string_view name_of(Vote vote) {
  switch (vote) {
    case Vote::none:
      return "none";
    case Vote::yes:
      return "yes";
    case Vote::no:
      return "no";
    case Vote::read_only:
      return "read_only";
  }
  return "?";
}

std::string_view name_of(SiteState state) {
  switch (state) {
    case SiteState::unknown:
      return "unknown";
    case SiteState::working:
      return "working";
    case SiteState::prepared:
      return "prepared";
    case SiteState::precommitted:
      return "precommitted";
    case SiteState::committed:
      return "committed";
    case SiteState::aborted:
      return "aborted";
  }
  return "?";
}

std::string_view name_of(MessageClass message_class) {
  switch (message_class) {
    case MessageClass::prepare:
      return "prepare";
    case MessageClass::vote:
      return "vote";
    case MessageClass::precommit:
      return "precommit";
    case MessageClass::decision:
      return "decision";
    case MessageClass::ack:
      return "ack";
    case MessageClass::inquiry:
      return "inquiry";
    case MessageClass::state:
      return "state";
  }
  return "?";
}

std::string_view name_of(Role role) {
  switch (role) {
    case Role::coordinator:
      return "coordinator";
    case Role::participant:
      return "participant";
    case Role::acceptor:
      return "acceptor";
  }
  return "?";
}

NodeKind host_of(Role role) {
  switch (role) {
    case Role::coordinator:
      return NodeKind::coordinator;
    case Role::participant:
    case Role::acceptor:
      return NodeKind::agent;
  }
  GC_CHECK(false);
}

std::string to_text(const TxnId& txn) {
  return std::to_string(txn.coordinator.value) + "." + std::to_string(txn.epoch.value) + "." +
         std::to_string(txn.counter);
}

}  // namespace geocommit
