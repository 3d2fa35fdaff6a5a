// A coordinator's part: the votes of a cohort (Bernstein, Hadzilacos, Goodman 1987, section 7.4: the voting phase).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "protocols/machine_base.h"

namespace geocommit {

/// The first PREPARE to every participant, addressed to the start that its cohort names.
void send_prepares(Effects effects, std::uint8_t kind);

/// Votes by place in the cohort; a value, like every part.
class BallotBox {
 public:
  enum class Tally : std::uint8_t {
    ignored,   ///< A duplicate, or no vote at all.
    counted,   ///< Others are missing.
    complete,  ///< ... and nobody refused.
    refused,   ///< Somebody voted NO.
  };

  explicit BallotBox(const TxnContext& context) : votes_(context.cohort.size(), Vote::none) {}

  /// `from` is a member. YES after read-only counts as YES (that site holds a prepared record), not the other way.
  Tally count(const TxnContext& context, NodeId from, Vote vote);
  [[nodiscard]] std::size_t missing() const;
  [[nodiscard]] std::size_t counted() const { return votes_.size() - missing(); }
  /// Those who voted YES: whom the outcome concerns, once all votes are in.
  [[nodiscard]] std::vector<NodeId> yes(const TxnContext& context) const;
  /// Those who may have voted YES: whom an abort concerns before that.
  [[nodiscard]] std::vector<NodeId> yes_or_silent(const TxnContext& context) const;

  void encode(std::string& out) const;

 private:
  template <class Matches>
  [[nodiscard]] std::vector<NodeId> sites_with(const TxnContext& context, Matches matches) const;

  std::vector<Vote> votes_;
};

}  // namespace geocommit
