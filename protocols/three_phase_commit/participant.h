// A site of a 3PC transaction; participant.cpp has the fault-free path and recovery, termination.cpp the backup
// coordinator's part.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/machine_base.h"
#include "protocols/parts/inquiry.h"
#include "protocols/parts/voter.h"
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
class Participant final : public MachineBase {
 public:
  explicit Participant(const TxnContext& context);

  [[nodiscard]] std::string describe() const override;
  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override { return std::make_unique<Participant>(*this); }

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
    voting,         ///< voter_ says how far.
    prepared,       ///< W
    precommitting,  ///< W; `precommit` is being forced.
    precommitted,   ///< PC
    deciding,       ///< Leader: its own decision is being forced.
    committing,     ///< Told commit; `commit` is being forced.
    committed,
    aborted,
  };
  enum class Lead : std::uint8_t {
    none,
    collecting,  ///< States of the other sites.
    moving,      ///< W sites to PC, itself first.
  };

  // The fault-free path and recovery (participant.cpp).
  void on_precommit(const Message& in);
  void precommit_forced();
  void on_decision(const Message& in);
  void adopt(Outcome outcome, Reason reason);
  void on_inquiry(const Message& in);
  void go_on(Voter::End end);

  // Termination (termination.cpp).
  void lead(Ballot ballot);
  void on_state_request(const Message& in);
  void on_state_answer(const Message& in);
  void conclude();
  void move_to_precommit();
  void send_precommits();
  void on_leader_ack(const Message& in);
  void decide_as_leader(Outcome outcome);
  void leader_decision_forced();
  void tell_others(Outcome outcome);
  void wait_for_decision();

  [[nodiscard]] bool in_doubt() const {
    return state_ == State::prepared || state_ == State::precommitting || state_ == State::precommitted;
  }
  [[nodiscard]] bool leads() const { return lead_ != Lead::none; }
  [[nodiscard]] Role role_of(NodeId node) const {
    return node == context().coordinator ? Role::coordinator : Role::participant;
  }
  void send_in_doubt(NodeId to, Ballot ballot);
  void send_precommit_ack(bool retry);

  State state_{State::voting};
  Voter voter_;
  Leadership promised_;  ///< Volatile: a restarted site's state does not count, so it need not be durable.
  bool restarted_{};
  std::optional<Message> deferred_;  ///< Precommitting: the highest STATE_REQUEST, to be answered after the force.
  Inquiry inquiry_;                  ///< Restarted.

  // Leading.
  Lead lead_{Lead::none};
  bool entered_termination_{};
  bool precommit_seen_{};         ///< Some live site is in PC.
  std::vector<NodeId> awaited_;   ///< Sites that have not answered the current question.
  std::vector<NodeId> prepared_;  ///< Sites that answered W.
  Outcome decision_{Outcome::undecided};
};

}  // namespace geocommit::three_phase_commit
