// One sentence a scenario: what each protocol did while the same thing was wrong.
#include <algorithm>
#include <array>
#include <cmath>

#include "os/console.h"
#include "report/findings_group.h"

namespace geocommit {
namespace {

constexpr std::size_t kScenariosMax = 6;
constexpr double kStalenessTold = 1000;  // milliseconds

struct Wrong {
  const char* key;
  const char* before;  ///< Before the number ...
  const char* one;
  const char* many;
  const char* after;  ///< ... and after it.
};
/// What happened to transactions says more than what it did to sums.
constexpr std::array kWrongs{
    Wrong{"split_outcome", "committed", "transaction", "transactions", "on one side and aborted %s on the other"},
    Wrong{"told_commit_but_aborted", "told a client commit for", "transaction", "transactions", "that aborted"},
    Wrong{"told_abort_but_committed", "told a client abort for", "transaction", "transactions", "that committed"},
    Wrong{"commit_without_all_yes", "committed", "transaction", "transactions", "without a YES of every participant"},
    Wrong{"lost_acknowledged_write", "lost", "acknowledged write", "acknowledged writes", ""},
    Wrong{"negative_balance", "took", "balance", "balances", "below 0"},
    Wrong{"executed_twice", "executed", "transaction", "transactions", "twice"},
    Wrong{"isolation_anomaly", "left", "set of transactions", "sets of transactions", "without a serial order"},
    Wrong{"money_not_conserved", "left", "sum of money", "sums of money", "off"}};

double wrong_count(const Group& group) {
  double out = 0;
  for (const Wrong& wrong : kWrongs) out += group.sum({"violations", wrong.key});
  return out;
}

/// The longest that one was blocked: past its decision timeout, as everywhere. 0: nobody was.
double longest_blocked(const Group& group) {
  if (group.blocked() < 1) return 0;
  return std::max(group.most({"blocking_ms", "max"}), group.most({"blocking_ms", "censored_lower_bound_max"}));
}

/// "2pc blocked 7 participants for up to 9.20 s past their decision timeout while us-east-1 was cut off"; after the
/// first of a list "3pc 12 for up to 4.00 s".
std::string hold_clause(const Group& group, const std::string& trouble, bool first) {
  if (group.blocked() < 1) {
    return group.protocol + " blocked nobody" + (trouble.empty() ? "" : " while " + trouble);
  }
  const double open = group.sum({"blocking_ms", "censored"});
  std::string out = group.protocol +
                    (first ? " blocked " + counted(group.blocked(), "participant", "participants")
                           : " " + std::to_string(std::llround(group.blocked()))) +
                    " for " + (open > 0 ? "at least " : "up to ") + span(longest_blocked(group));
  if (first) out += std::string(" past ") + (group.blocked() < 2 ? "its" : "their") + " decision timeout";
  if (open > 0) out += " (" + std::to_string(std::llround(open)) + " still at the end)";
  return out + (trouble.empty() ? "" : " while " + trouble);
}

/// "3pc committed 14 transactions on one side and aborted them on the other, as its fault model predicts"
std::string wrong_clause(const Group& group, const std::string& trouble) {
  return group.protocol + " " + wrongs_of(group).front() + (trouble.empty() ? "" : " while " + trouble) +
         (all_expected(group) ? ", as its fault model predicts" : "");
}

/// A share as people say it: "0 %", "2.9 %", "72 %".
std::string percent(double share) {
  const double tenths = std::round(1000 * share);
  const std::string whole = std::to_string(std::llround(tenths / 10));
  if (tenths >= 100 || std::fmod(tenths, 10) == 0) return whole + " %";
  return std::to_string(std::llround(std::floor(tenths / 10))) + "." +
         std::to_string(std::llround(std::fmod(tenths, 10))) + " %";
}

/// "Answered within 1 s meanwhile: 2pc 1.2 %, home-region 72 %."
std::string answered(const std::vector<const Group*>& groups) {
  std::vector<std::string> shares;
  for (const Group* group : groups) {
    const auto share = group->middle({"phases", "during", "availability"});
    if (share && !troubles(*group).empty()) shares.push_back(group->protocol + " " + percent(*share));
  }
  return shares.empty() ? "" : " Answered within 1 s meanwhile: " + listed(shares) + ".";
}

/// " The replicas of home-region were up to 4.35 s behind."
std::string behind(const std::vector<const Group*>& groups) {
  std::string out;
  if (groups.size() > 1) return out;  // the table has it
  for (const Group* group : groups) {
    const double most = group->most({"staleness_ms", "max"});
    if (most < kStalenessTold || troubles(*group).empty()) continue;
    out += " As far as homes knew, replicas of " + group->protocol + " were up to " + span(most) + " behind.";
  }
  return out;
}

/// The groups of one point, and how much the point matters.
struct Point {
  std::string name;
  std::vector<const Group*> groups;
  [[nodiscard]] double weight() const {
    double out = 0;
    for (const Group* group : groups) out += 1e9 * wrong_count(*group) + longest_blocked(*group);
    return out;
  }
  [[nodiscard]] bool eventful() const {
    return weight() > 0 ||
           std::any_of(groups.begin(), groups.end(), [](const Group* g) { return g->planned_faults(); });
  }
};

struct Scenario {
  std::string name;
  std::vector<Point> points;
  [[nodiscard]] const Point& worst() const {
    return *std::max_element(points.begin(), points.end(),
                             [](const Point& a, const Point& b) { return a.weight() < b.weight(); });
  }
};

template <typename List>
auto& named(List& list, const std::string& name) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const auto& one) { return one.name == name; });
  if (found != list.end()) return *found;
  list.push_back({name, {}});
  return list.back();
}

Finding sentence_of(const Scenario& scenario) {
  const Point& point = scenario.worst();
  // Those whose fault never came are told apart.
  const auto spared_one = [](const Group* group) { return group->planned_faults() && troubles(*group).empty(); };
  const auto hit = std::find_if_not(point.groups.begin(), point.groups.end(), spared_one);
  const std::string trouble = hit == point.groups.end() ? "" : troubles(**hit);
  const bool alike = std::all_of(point.groups.begin(), point.groups.end(),
                                 [&](const Group* group) { return spared_one(group) || troubles(*group) == trouble; });
  std::string out = point.name;
  if (scenario.points.size() > 1 && point.weight() > 0) {
    out += " (the worst of " + std::to_string(scenario.points.size()) + ")";
  }
  if (!out.empty()) out += ": ";
  const bool all_hit = std::none_of(point.groups.begin(), point.groups.end(), spared_one);
  if (point.weight() <= 0 && alike && all_hit && !trouble.empty() && point.groups.size() > 1) {
    return {FindingKind::blocking, (out.empty() ? "Nobody" : out + "nobody") + " was blocked while " + trouble + "." +
                                       answered(point.groups) + behind(point.groups)};
  }
  // What was wrong is said once, with the first clause, where it was the same for all.
  std::vector<const Group*> order = point.groups;
  std::stable_partition(order.begin(), order.end(), [](const Group* group) { return group->blocked() > 0; });
  std::vector<std::string> clauses;
  const auto with = [&](const Group& group) { return clauses.empty() || !alike ? troubles(group) : std::string(); };
  for (const Group* group : order) {
    if (spared_one(group)) continue;
    const bool violated_only = group->blocked() < 1 && !wrongs_of(*group).empty();
    if (!violated_only) clauses.push_back(hold_clause(*group, with(*group), clauses.empty() || !alike));
  }
  bool split = false;
  std::string wrongs;
  for (const Group* group : order) {
    if (wrongs_of(*group).empty()) continue;
    wrongs += (wrongs.empty() && clauses.empty() ? "" : "; ") +
              wrong_clause(*group, group->blocked() > 0 || (alike && split) ? "" : with(*group));
    split = true;
  }
  std::string spared;
  for (const Group* group : order) {
    if (spared_one(group)) spared += " " + group->protocol + " met no fault.";
  }
  for (std::size_t i = 0; i < clauses.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == clauses.size() ? ", and " : ", ") + clauses[i];
  }
  out += wrongs;
  if (!clauses.empty() || split) out += ".";
  if (clauses.empty() && !split) spared.erase(0, 1);
  return {split ? FindingKind::expected : FindingKind::blocking,
          out + spared + answered(point.groups) + behind(point.groups)};
}

}  // namespace

bool all_expected(const Group& group) {
  return std::all_of(group.cells.begin(), group.cells.end(), [](const Json* cell) {
    return text(*cell, {"verdict"}) != "violation" || truth(*cell, {"expected"});
  });
}

std::vector<std::string> wrongs_of(const Group& group) {
  std::vector<std::string> out;
  for (const Wrong& wrong : kWrongs) {
    const double count = group.sum({"violations", wrong.key});
    if (count < 1) continue;
    std::string after = wrong.after;
    if (const auto place = after.find("%s"); place != std::string::npos) {
      after.replace(place, 2, count < 2 ? "it" : "them");
    }
    out.push_back(std::string(wrong.before) + " " + counted(count, wrong.one, wrong.many) +
                  (after.empty() ? "" : " " + after));
  }
  return out;
}

void add_scenarios(const std::vector<Group>& groups, std::vector<Finding>& out) {
  std::vector<Scenario> scenarios;
  for (const Group& group : groups)
    named(named(scenarios, group.scenario).points, group.point).groups.push_back(&group);
  std::erase_if(scenarios, [](const Scenario& one) { return !one.worst().eventful(); });
  std::size_t left_out = 0;
  while (scenarios.size() > kScenariosMax) {
    scenarios.erase(std::min_element(scenarios.begin(), scenarios.end(), [](const Scenario& a, const Scenario& b) {
      return a.worst().weight() < b.worst().weight();
    }));
    ++left_out;
  }
  for (const Scenario& one : scenarios) out.push_back(sentence_of(one));
  if (left_out > 0) {
    out.push_back(
        {FindingKind::blocking,
         "Less happened in " + counted(static_cast<double>(left_out), "more scenario", "more scenarios") + "."});
  }
}

}  // namespace geocommit
