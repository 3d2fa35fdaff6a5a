// A leader's two rounds (Skeen 1981, section 6): what the other sites know, then PC for those that are in W. What
// follows from the answers is its participant's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocols/machine_base.h"

namespace geocommit::three_phase_commit {

class Leading {
 public:
  /// What has come of a step.
  enum class End : std::uint8_t {
    none,    ///< It goes on, or the input was nothing to it.
    all,     ///< Everybody who was asked has answered, none with an outcome.
    commit,  ///< Somebody has committed.
    abort,   ///< Somebody has aborted, or never voted and will not.
  };

  /// STATE_REQUEST to the others. `precommitted`: this site is in PC.
  [[nodiscard]] End collect(Effects effects, Ballot ballot, bool precommitted);
  [[nodiscard]] End answered(Effects effects, const Message& in, Ballot ballot);
  /// The second round begins with this site's own record.
  void move(Effects effects);
  /// PRECOMMIT to those that are in W.
  [[nodiscard]] End precommit(Effects effects, Ballot ballot);
  [[nodiscard]] End acknowledged(Effects effects, const Message& in, Ballot ballot);
  void stop() { round_ = Round::none; }

  [[nodiscard]] bool leads() const { return round_ != Round::none; }
  [[nodiscard]] bool collects() const { return round_ == Round::collecting; }
  [[nodiscard]] bool precommit_seen() const { return precommit_seen_; }
  void encode(std::string& out) const;

 private:
  enum class Round : std::uint8_t {
    none,
    collecting,  ///< States of the other sites.
    moving,      ///< W sites to PC, itself first.
  };

  Round round_{Round::none};
  bool precommit_seen_{};         ///< Some live site is in PC.
  std::vector<NodeId> awaited_;   ///< Sites that have not answered the current question.
  std::vector<NodeId> prepared_;  ///< Sites that answered W.
};

}  // namespace geocommit::three_phase_commit
