// A participant's part: it executes, makes its vote durable, votes. While it is not bound by a YES it may abort alone,
// when somebody asks for the outcome: durably, before it says so (Bernstein, Hadzilacos, Goodman 1987, section 7.4,
// cooperative termination). Bound, it waits for what the machine learns, and carries that out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocols/machine_base.h"

namespace geocommit {

/// Somebody who asked for the outcome, and the kind of the answer: given once the abort is durable.
struct Asker {
  NodeId node;
  std::uint8_t answer{};
  Ballot ballot;
  auto operator<=>(const Asker&) const = default;
};

class Voter {
 public:
  /// What its messages and records are called in the protocol at hand.
  struct Words {
    std::uint8_t prepare{}, vote{}, decision{};
    std::uint8_t ack{};  ///< Of a commit, once it is durable. 0: it is noted only, and nobody waits for it.
    std::uint8_t inquiry{}, answer{};
    std::uint8_t prepared{}, commit{}, abort{};
    std::uint8_t ack_abort{};  ///< As `ack`, of an abort.
  };
  /// Of a protocol that calls them what all do.
  template <class Kind, class Record>
  [[nodiscard]] static constexpr Words words() {
    const auto number = [](auto name) { return static_cast<std::uint8_t>(name); };
    return {number(Kind::prepare),    number(Kind::vote),     number(Kind::decision),
            number(Kind::ack),        number(Kind::inquiry),  number(Kind::answer),
            number(Record::prepared), number(Record::commit), number(Record::abort)};
  }
  /// When a commit is applied, and the locks are free.
  enum class Takes : std::uint8_t {
    effect_at_once,       ///< It is durable with whom it comes from.
    effect_when_durable,  ///< It need not be durable anywhere; it has been passed on to all others before.
  };

  /// read_only: a site that has nothing to write may vote so, and is out of it.
  explicit Voter(Words words, bool read_only = true) : words_(words), read_only_(read_only) {}

  /// PREPARE, questions for the outcome, and what it is told. True: it is bound, and `in` is a decision or an answer
  /// that names an outcome; whether it is to be carried out, the machine says. A machine whose rules are others takes
  /// the message first.
  [[nodiscard]] bool message(Effects effects, const Message& in);
  void executed(Effects effects, Vote vote, Reason reason);
  /// True: bound, YES has left. Whatever ends its part, ends its machine.
  [[nodiscard]] bool forced(Effects effects, std::uint8_t record);
  /// True: bound again, in doubt.
  [[nodiscard]] bool recovered(Effects effects, const std::vector<LogRecord>& durable);
  /// Of a site that is bound. What is acknowledged is forced, and acknowledged then; else it is noted.
  void carry_out(Effects effects, Outcome outcome, Reason reason, Takes takes = Takes::effect_at_once);
  /// Of a site that is bound, and whose machine has made an outcome durable by its own rules.
  void take_effect(Effects effects, Outcome outcome, Reason reason);
  /// A site that is not bound will abort. `retry`: it is asked again.
  void asked(Effects effects, const Asker& asker, bool retry = false);

  [[nodiscard]] bool is_bound() const { return state_ == State::prepared; }
  /// Nobody can stop it any more.
  [[nodiscard]] bool is_committing() const { return state_ == State::committing || state_ == State::transmitted; }

  [[nodiscard]] Phase phase() const;
  void encode(std::string& out) const;

 private:
  enum class State : std::uint8_t {
    initial,
    executing,
    preparing,  ///< `prepared` is being forced.
    aborting,   ///< Somebody asked; `abort` is being forced.
    undoing,    ///< Told so, and in effect; `abort` is being forced, and acknowledged then.
    prepared,
    committing,   ///< In effect; `commit` is being forced.
    transmitted,  ///< ... and takes effect then.
    committed,
    aborted,
    read_only,
  };

  void prepare(Effects effects);
  void told(Effects effects, Outcome outcome, Reason reason);
  void record_abort(Effects effects, Reason reason) const;
  void aborted(Effects effects);
  void send_vote(Effects effects, Vote vote, Reason reason, bool retry) const;

  Words words_;
  bool read_only_;
  State state_{State::initial};
  bool prepare_seen_{};  ///< Locks are held, and the coordinator waits for a vote.
  std::vector<Asker> askers_;
};

}  // namespace geocommit
