// What got worse, for who gates on a comparison.
#include <algorithm>
#include <array>
#include <string_view>

#include "config/yaml_values.h"
#include "report/compare/compare.h"
#include "report/rounding.h"

namespace geocommit::compare {
namespace {

/// As compare.cpp words them, the better first.
std::size_t rank(std::string_view verdict) {
  constexpr std::array<std::string_view, 4> kWorse{"pass", "unknown", "violation (expected)", "violation"};
  return static_cast<std::size_t>(std::find(kWorse.begin(), kWorse.end(), verdict) - kWorse.begin());
}

/// What of it is worse than the first side's; empty: nothing.
std::string worse(const Row& row, std::size_t side) {
  const auto &base = row.values.front(), &now = row.values[side];
  if (!base) return "";
  const std::string was = " instead of " + yaml::format_real(three_decimals(base->mean.mean));
  if (!now) return row.absent_is_best ? "" : title_of(row) + ": nothing was recorded" + was;
  if (now->judgement != Judgement::differs) return "";
  const double change = now->difference.mean;
  if (row.more_is_better ? change >= 0 : change <= 0) return "";
  return title_of(row) + " " + yaml::format_real(three_decimals(now->mean.mean)) + was;
}

}  // namespace

std::vector<std::string> regressions(const Comparison& comparison) {
  std::vector<std::string> out = comparison.lacking;
  for (const Subject& subject : comparison.subjects) {
    for (std::size_t side = 1; side < subject.sides.size(); ++side) {
      const std::string where = subject.name + ", " + subject.sides[side] + ": ";
      if (rank(subject.verdicts[side]) > rank(subject.verdicts.front())) {
        out.push_back(where + "verdict " + subject.verdicts[side] + " instead of " + subject.verdicts.front());
      }
      for (const Row& row : subject.rows) {
        if (const std::string what = worse(row, side); !what.empty()) out.push_back(where + what);
      }
    }
  }
  return out;
}

bool nothing_told(const Comparison& comparison) {
  bool untold = false;
  for (const Subject& subject : comparison.subjects) {
    for (const Row& row : subject.rows) {
      for (std::size_t side = 1; side < row.values.size(); ++side) {
        const auto& value = row.values[side];
        if (!row.values.front() || !value || value->judgement == Judgement::same) continue;
        if (value->judgement != Judgement::untold) return false;
        untold = true;
      }
    }
  }
  return untold;
}

}  // namespace geocommit::compare
