// What got worse, for who gates on a comparison.
#include <algorithm>
#include <array>
#include <string_view>

#include "os/console.h"
#include "report/compare/compare.h"

namespace geocommit::compare {
namespace {

/// As compare.cpp words them, the better first.
std::size_t rank(std::string_view verdict) {
  constexpr std::array<std::string_view, 4> kWorse{"pass", "unknown", "violation (expected)", "violation"};
  return static_cast<std::size_t>(std::find(kWorse.begin(), kWorse.end(), verdict) - kWorse.begin());
}

bool is_worse(const Row& row, std::size_t side) {
  if (!row.values.front() || !row.values[side] || row.values[side]->judgement != Judgement::differs) return false;
  const double change = row.values[side]->difference.mean;
  return row.more_is_better ? change < 0 : change > 0;
}

}  // namespace

std::vector<std::string> regressions(const Comparison& comparison) {
  std::vector<std::string> out;
  for (const Subject& subject : comparison.subjects) {
    for (std::size_t side = 1; side < subject.sides.size(); ++side) {
      const std::string where = subject.name + ", " + subject.sides[side] + ": ";
      if (rank(subject.verdicts[side]) > rank(subject.verdicts.front())) {
        out.push_back(where + "verdict " + subject.verdicts[side] + " instead of " + subject.verdicts.front());
      }
      for (const Row& row : subject.rows) {
        if (!is_worse(row, side)) continue;
        out.push_back(where + title_of(row) + " " + figure(row.values[side]->mean.mean) + " instead of " +
                      figure(row.values.front()->mean.mean));
      }
    }
  }
  return out;
}

}  // namespace geocommit::compare
