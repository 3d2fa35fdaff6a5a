// A participant's part, until it is bound by a YES: it executes, makes its vote durable, votes. While it is not bound
// it may abort alone, when somebody asks for the outcome: durably, before it says so (Bernstein, Hadzilacos, Goodman
// 1987, section 7.4, cooperative termination).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/machine_base.h"

namespace geocommit {

/// Somebody who asked for the outcome, and how: to be answered once the abort is durable.
struct Asker {
  NodeId node;
  std::uint8_t kind{};
  Ballot ballot;
  auto operator<=>(const Asker&) const = default;
};

class Voter {
 public:
  /// What its vote and its records are called in the protocol at hand.
  struct Words {
    std::uint8_t vote{}, prepared{}, abort{};
  };
  /// What has come of a step.
  enum class End : std::uint8_t {
    none,       ///< It goes on, or the input was nothing to it.
    prepared,   ///< Bound: YES has left.
    aborted,    ///< Alone; decided and released; whoever asked is to be answered.
    read_only,  ///< Released; nothing more concerns this site.
  };

  explicit Voter(Words words) : words_(words) {}

  void prepare(Effects effects);
  [[nodiscard]] End executed(Effects effects, Vote vote, Reason reason);
  [[nodiscard]] End forced(Effects effects, std::uint8_t record);
  /// Of a site that is not bound: it will abort.
  void asked(Effects effects, const Asker& asker);
  /// Told abort before it was bound. False: it never heard of the transaction.
  bool told_abort(Effects effects, Reason reason);
  /// To the coordinator.
  void send_vote(Effects effects, Vote vote, Reason reason, bool retry) const;

  [[nodiscard]] const std::vector<Asker>& askers() const { return askers_; }
  [[nodiscard]] std::string_view describe() const;
  void encode(std::string& out) const;

 private:
  enum class State : std::uint8_t {
    initial,
    executing,
    preparing,  ///< `prepared` is being forced.
    aborting,   ///< Somebody asked; `abort` is being forced.
    over,
  };

  Words words_;
  State state_{State::initial};
  bool prepare_seen_{};  ///< Locks are held, and the coordinator waits for a vote.
  std::vector<Asker> askers_;
};

}  // namespace geocommit
