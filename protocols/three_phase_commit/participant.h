// A site of a 3PC transaction: the fault-free path, recovery, and what it does when it follows a leader or is one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/machine_base.h"
#include "protocols/parts/inquiry.h"
#include "protocols/parts/voter.h"
#include "protocols/three_phase_commit/leading.h"
#include "protocols/three_phase_commit/three_phase_commit.h"

namespace geocommit::three_phase_commit {

/// Who may move this site between W and PC: a ballot, and who leads it. The original coordinator's is ballot 0.
struct Leadership {
  Ballot ballot;
  NodeId leader;
  auto operator<=>(const Leadership&) const = default;
};
/// Later ballots first; within a ballot the lowest node id leads.
[[nodiscard]] inline bool outranks(const Leadership& a, const Leadership& b) {
  return a.ballot != b.ballot ? a.ballot > b.ballot : a.leader < b.leader;
}

/// Invariants: YES, PRECOMMIT_ACK and ACK leave after `prepared`, `precommit` and `commit` are durable; a PRECOMMIT of
/// an outranked leader is refused; a decision is never refused (whoever sends it cannot take it back); a restarted site
/// in doubt never leads and its state never counts.
class Participant : public MachineBase {
 public:
  using MachineBase::MachineBase;

  [[nodiscard]] std::string describe() const override;

 protected:
  [[nodiscard]] Phase phase() const override;
  void encode(std::string& out) const override;
  void on_message(const Message& in) override;
  void on_executed(Vote vote, Reason reason) override;
  void on_forced(std::uint8_t kind) override;
  void on_timer(std::uint8_t timer) override;
  void on_recovered(const std::vector<LogRecord>& durable) override;

 private:
  enum class State : std::uint8_t {
    voter,          ///< Not in doubt: voter_ says how far.
    prepared,       ///< W
    precommitting,  ///< W; `precommit` is being forced.
    precommitted,   ///< PC
    deciding,       ///< Leader: its own decision is being forced.
  };
  // The fault-free path.
  void on_precommit(const Message& in);
  void precommit_forced();
  void adopt(const Message& in);
  void on_inquiry(const Message& in);

  // Termination.
  void lead(Ballot ballot);
  void on_state_request(const Message& in);
  void go_on(Leading::End end);
  void move_to_precommit();
  void decide_as_leader(Outcome outcome);
  void leader_decision_forced();
  void tell_others(Outcome outcome);
  void wait_for_decision();

  [[nodiscard]] bool in_doubt() const {
    return state_ == State::prepared || state_ == State::precommitting || state_ == State::precommitted;
  }
  [[nodiscard]] Role role_of(NodeId node) const {
    return node == context().coordinator ? Role::coordinator : Role::participant;
  }
  void send_in_doubt(NodeId to, Ballot ballot);
  void send_precommit_ack(bool retry);

  State state_{State::voter};
  Voter voter_{Voter::words<Kind, Record>()};
  /// Volatile: a restarted site's state does not count, so it need not be durable.
  Leadership promised_{Ballot{0}, context().coordinator};
  bool restarted_{};
  std::optional<Message> deferred_;  ///< Precommitting: the highest STATE_REQUEST, to be answered after the force.
  Inquiry inquiry_{raw(Kind::inquiry), raw(Timer::inquiry), context().timeouts.resend};  ///< Restarted.

  Leading leading_;
  bool entered_termination_{};
  Outcome decision_{Outcome::undecided};  ///< Deciding: which.
};

}  // namespace geocommit::three_phase_commit
