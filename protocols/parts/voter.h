// A participant's part: it executes, makes its vote durable, votes. While it is not bound by a YES it may abort alone,
// when somebody asks for the outcome: durably, before it says so (Bernstein, Hadzilacos, Goodman 1987, section 7.4,
// cooperative termination). Bound, it carries out what the machine has learnt.
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
  /// What its vote and its records are called in the protocol at hand.
  struct Words {
    std::uint8_t vote{}, prepared{}, commit{}, abort{};
  };
  /// What has come of a step.
  enum class End : std::uint8_t {
    none,       ///< It goes on, or the input was nothing to it.
    prepared,   ///< Bound: YES has left.
    aborted,    ///< Alone, or told so; decided and released, and whoever asked is answered.
    read_only,  ///< Released; nothing more concerns this site.
  };

  /// read_only: a site that has nothing to write may vote so, and is out of it.
  explicit Voter(Words words, bool read_only = true) : words_(words), read_only_(read_only) {}

  /// Bound already, it votes YES again.
  void prepare(Effects effects);
  [[nodiscard]] End executed(Effects effects, Vote vote, Reason reason);
  [[nodiscard]] End forced(Effects effects, std::uint8_t record);
  /// Of a site that is not bound: it will abort.
  void asked(Effects effects, const Asker& asker);
  /// Of a site that is not bound. A commit is nonsense to it, and so is an abort if it never heard of the transaction.
  [[nodiscard]] End told(Effects effects, Outcome outcome, Reason reason);
  /// Of a site that is bound: a commit is forced, an abort noted; applied or dropped, and the locks are free at once.
  void carry_out(Effects effects, Outcome outcome, Reason reason);
  /// Restarted with its `prepared`.
  void bind() { state_ = State::prepared; }

  [[nodiscard]] Phase phase() const;
  void encode(std::string& out) const;

 private:
  enum class State : std::uint8_t {
    initial,
    executing,
    preparing,  ///< `prepared` is being forced.
    aborting,   ///< Somebody asked; `abort` is being forced.
    prepared,
    aborted,
    read_only,
  };

  [[nodiscard]] End aborted(Effects effects);
  void send_vote(Effects effects, Vote vote, Reason reason, bool retry) const;

  Words words_;
  bool read_only_;
  State state_{State::initial};
  bool prepare_seen_{};  ///< Locks are held, and the coordinator waits for a vote.
  std::vector<Asker> askers_;
};

}  // namespace geocommit
