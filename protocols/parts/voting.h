// A coordinator's part, until the votes are in: PREPARE to all, and what each answers; a NO, the timer or a wound
// aborts (Bernstein, Hadzilacos, Goodman 1987, section 7.4: the voting phase).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocols/parts/ballot_box.h"

namespace geocommit {

class Voting {
 public:
  /// What its messages and its timer are called in the protocol at hand.
  struct Words {
    std::uint8_t prepare{}, decision{}, timer{};
  };
  /// Of a protocol that calls them what all do.
  template <class Kind, class Timer>
  [[nodiscard]] static constexpr Words words() {
    return {static_cast<std::uint8_t>(Kind::prepare), static_cast<std::uint8_t>(Kind::decision),
            static_cast<std::uint8_t>(Timer::vote)};
  }
  /// What has come of a step.
  enum class End : std::uint8_t {
    none,       ///< It goes on, or the input was nothing to it.
    yes,        ///< All votes are in, none is NO: whom the outcome concerns, yes() says.
    read_only,  ///< ... and it concerns nobody: decided (Ends::here).
    aborted,    ///< Decided, and told (Ends::here).
  };

  /// What comes of an end without a YES, and of an abort.
  enum class Ends : std::uint8_t {
    here,         ///< It is decided and told.
    with_machine  ///< Nothing, but that Voting says so: its machine decides, records and tells it.
  };

  Voting(Words words, const TxnContext& context, Ends ends = Ends::here)
      : words_(words), ends_(ends), votes_(context) {}

  [[nodiscard]] End begin(Effects effects);
  [[nodiscard]] End vote(Effects effects, const Message& in);
  /// Its own: the votes are late.
  [[nodiscard]] End timer(Effects effects, std::uint8_t timer);
  /// Once the votes are in it is too late for that: a record of them may be durable.
  [[nodiscard]] End wounded(Effects effects);
  /// While nobody can have been told commit. Who may have voted YES is told, by a restarted coordinator again.
  End abort(Effects effects, Reason reason);
  /// Restarted: there is nothing to vote on any more. False: it has begun, or was closed before.
  [[nodiscard]] bool close(Effects effects);

  /// Of its abort.
  [[nodiscard]] Reason reason() const { return reason_; }
  [[nodiscard]] bool is_new() const { return state_ == State::initial; }
  [[nodiscard]] bool is_open() const { return state_ == State::collecting; }
  [[nodiscard]] std::vector<NodeId> yes(const TxnContext& context) const { return votes_.yes(context); }
  /// Who may have voted YES: whom an abort concerns.
  [[nodiscard]] std::vector<NodeId> yes_or_silent(const TxnContext& context) const {
    return votes_.yes_or_silent(context);
  }
  /// The first record, of `kind`: with the descriptor, and whom the outcome concerns.
  [[nodiscard]] LogRecord record(const TxnContext& context, std::uint8_t kind,
                                 Outcome outcome = Outcome::undecided) const;
  [[nodiscard]] Phase phase() const;
  void encode(std::string& out) const;

 private:
  enum class State : std::uint8_t { initial, collecting, yes, read_only, aborted, closed };

  Words words_;
  Ends ends_;
  State state_{State::initial};
  Reason reason_{Reason::none};
  BallotBox votes_;
};

}  // namespace geocommit
