#include "runner/findings.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "runner/console.h"
#include "runner/report_data.h"

namespace geocommit {
namespace {

constexpr std::size_t kGroupsMax = 64;  // sentences on a sweep of thousands help nobody

const Json* at(const Json& object, std::initializer_list<const char*> path) {
  const Json* now = &object;
  for (const char* key : path) {
    if (!now->is_object()) return nullptr;
    const auto found = now->find(key);
    if (found == now->end()) return nullptr;
    now = &*found;
  }
  return now;
}

std::optional<double> number(const Json& object, std::initializer_list<const char*> path) {
  const Json* found = at(object, path);
  return found != nullptr && found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
}

double number_or_zero(const Json& object, std::initializer_list<const char*> path) {
  return number(object, path).value_or(0);
}

std::string text(const Json& object, std::initializer_list<const char*> path) {
  const Json* found = at(object, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

bool truth(const Json& object, const char* key) {
  const Json* found = at(object, {key});
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

/// 10200 ms as "10.2 s", 152 as "152 ms".
std::string span(double milliseconds) {
  return milliseconds >= 1000 ? figure(milliseconds / 1000) + " s" : figure(milliseconds) + " ms";
}

std::string counted(double count, const std::string& one, const std::string& many) {
  return std::to_string(std::llround(count)) + " " + (std::llround(count) == 1 ? one : many);
}

std::string listed(const std::vector<std::string>& items) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == items.size() ? " and " : ", ") + items[i];
  }
  return out;
}

/// The repetitions of one protocol at one sweep point.
struct Group {
  std::string name;  ///< "2pc", with a sweep "2pc at workload.rate=50/s".
  std::string protocol;
  std::string point;
  std::vector<const Json*> cells;

  [[nodiscard]] double sum(std::initializer_list<const char*> path) const {
    double out = 0;
    for (const Json* cell : cells) out += number_or_zero(*cell, path);
    return out;
  }
  [[nodiscard]] double most(std::initializer_list<const char*> path) const {
    double out = 0;
    for (const Json* cell : cells) out = std::max(out, number_or_zero(*cell, path));
    return out;
  }
  /// Middle of the repetitions' values; for a sentence, not for a table.
  [[nodiscard]] std::optional<double> middle(std::initializer_list<const char*> path) const {
    std::vector<double> values;
    for (const Json* cell : cells) {
      if (const auto value = number(*cell, path)) values.push_back(*value);
    }
    if (values.empty()) return std::nullopt;
    std::sort(values.begin(), values.end());
    return values[(values.size() - 1) / 2];
  }
};

std::string point_words(const Json& sweep) {
  std::string out;
  if (!sweep.is_object()) return out;
  for (const auto& [key, value] : sweep.items()) {
    out += (out.empty() ? "" : ", ") + key + (key == "scenario" ? " " : "=") +
           (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return out;
}

std::vector<Group> groups_of(const Json& summary) {
  std::vector<Group> out;
  for (const CellGroup& one : group_cells(summary)) {
    if (out.size() == kGroupsMax) break;
    Group group{one.protocol, one.protocol, point_words(one.sweep), {}};
    if (!group.point.empty()) group.name += " at " + group.point;
    for (const std::size_t index : one.cells) group.cells.push_back(&summary["cells"][index]);
    out.push_back(std::move(group));
  }
  return out;
}

std::size_t names_in(const std::string& list) {
  return 1 + static_cast<std::size_t>(std::count(list.begin(), list.end(), ','));
}

/// "us-east-1 was cut off": a fault by its kind and target (summary.json's `faults`) as a clause. A single name that is
/// kept from some of the regions only is not cut off from the world.
std::string clause(const std::string& kind, const std::string& target, std::size_t regions) {
  if (kind == "crash") return target + " was down";
  if (kind == "pause") return target + " stood still";
  if (kind.starts_with("disk")) return "the disk of " + target + " failed or stalled";
  if (kind == "clock") return "the wall clock of " + target + " was wrong";
  if (kind == "partition") {
    const std::size_t bar = target.find(" | ");
    if (bar == std::string::npos || target.find(" | ", bar + 3) != std::string::npos) return "the network was split";
    const std::string one = target.substr(0, bar);
    const std::string other = target.substr(bar + 3);
    const bool all = names_in(one) + names_in(other) >= regions;
    if (all && names_in(one) == 1) return one + " was cut off";
    if (all && names_in(other) == 1) return other + " was cut off";
    if (all) return "the network was split";
    return one + " and " + other + " were cut off from each other";
  }
  if (kind == "cut" || kind == "drop") return "messages were lost (" + target + ")";
  if (kind == "link") return "the link " + target + " was poor";
  return kind + " " + target + " was in force";
}

/// " while us-east-1 was cut off": what was wrong meanwhile, where it is one or two things.
std::string meanwhile(const Group& group) {
  std::vector<std::string> words;
  for (const Json* cell : group.cells) {
    const Json* faults = at(*cell, {"faults"});
    const Json* regions = at(*cell, {"by_region"});
    if (faults == nullptr || !faults->is_array()) continue;
    for (const Json& fault : *faults) {
      if (number(fault, {"triggered"}) == 0.0) continue;
      const std::string what =
          clause(text(fault, {"kind"}), text(fault, {"target"}), regions != nullptr ? regions->size() : 0);
      if (std::find(words.begin(), words.end(), what) == words.end()) words.push_back(what);
    }
  }
  if (words.empty()) return "";
  if (words.size() > 2) return " under the " + std::to_string(words.size()) + " faults of this run";
  return " while " + listed(words);
}

/// A finding about one protocol at one point, and how much it matters among its points.
struct Weighted {
  Finding finding;
  std::string protocol;
  double weight{};
};

/// With many points, a protocol's heaviest finding of a kind stands for the others, which are counted.
void keep_heaviest(std::vector<Weighted> all, bool many, std::vector<Finding>& out) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::size_t others = 0;
    bool heaviest = true;
    for (std::size_t k = 0; many && k < all.size(); ++k) {
      if (k == i || all[k].protocol != all[i].protocol || all[k].finding.kind != all[i].finding.kind) continue;
      others += all[k].weight > 0 ? 1 : 0;
      heaviest = heaviest && (all[k].weight < all[i].weight || (all[k].weight == all[i].weight && k > i));
    }
    if (!heaviest) continue;
    if (others > 0) {
      all[i].finding.text.pop_back();
      all[i].finding.text += "; the worst of " + std::to_string(others + 1) + " points.";
    }
    out.push_back(std::move(all[i].finding));
  }
}

struct Wrong {
  const char* key;
  const char* before;  ///< Before the number ...
  const char* one;
  const char* many;
  const char* after;  ///< ... and after it.
};
constexpr std::array kWrongs{
    Wrong{"split_outcome", "committed", "transaction", "transactions", "on one side and aborted %s on the other"},
    Wrong{"told_commit_but_aborted", "told a client commit for", "transaction", "transactions", "that aborted"},
    Wrong{"told_abort_but_committed", "told a client abort for", "transaction", "transactions", "that committed"},
    Wrong{"commit_without_all_yes", "committed", "transaction", "transactions", "without a YES of every participant"},
    Wrong{"lost_acknowledged_write", "lost", "acknowledged write", "acknowledged writes", ""},
    Wrong{"executed_twice", "executed", "transaction", "transactions", "twice"},
    Wrong{"money_not_conserved", "left", "sum of money", "sums of money", "off"}};

void violations(const Group& group, std::vector<Weighted>& wrong_ones, std::vector<Finding>& out) {
  bool expected = true;
  for (const Json* cell : group.cells) {
    if (text(*cell, {"verdict"}) == "violation") expected = expected && truth(*cell, "expected");
    if (text(*cell, {"verdict"}) != "unknown") continue;
    const Json* why = at(*cell, {"verdict_detail", "unknown_reasons"});
    const bool said = why != nullptr && why->is_array() && !why->empty() && why->front().is_string();
    out.push_back({FindingKind::unknown, text(*cell, {"cell"}) + " could not be judged" +
                                             (said ? ": " + why->front().get<std::string>() : "") + "."});
  }
  std::vector<std::string> wrongs;
  double weight = 0;
  for (const Wrong& wrong : kWrongs) {
    const double count = group.sum({"violations", wrong.key});
    if (count < 1) continue;
    weight += count;
    std::string after = wrong.after;
    if (const auto place = after.find("%s"); place != std::string::npos) {
      after.replace(place, 2, count < 2 ? "it" : "them");
    }
    wrongs.push_back(std::string(wrong.before) + " " + counted(count, wrong.one, wrong.many) +
                     (after.empty() ? "" : " " + after));
  }
  if (wrongs.empty()) return;
  // What happened to transactions says more than what it did to sums.
  const std::string sentence = group.name + " " + listed(wrongs) + (wrongs.size() > 1 ? "," : "") + meanwhile(group) +
                               (expected ? ", as its fault model predicts." : ".");
  wrong_ones.push_back({{expected ? FindingKind::expected : FindingKind::violation, sentence}, group.protocol, weight});
}

void blocking(const Group& group, bool anyone, std::vector<Weighted>& out) {
  const double ended = group.sum({"blocking_ms", "count"});
  const double open = group.sum({"blocking_ms", "censored"});
  const std::string during = meanwhile(group);
  if (ended + open < 1) {
    if (anyone && !during.empty())
      out.push_back({{FindingKind::blocking, group.name + " blocked nobody" + during + "."}, group.protocol, 0});
    return;
  }
  const double past =
      std::max(group.most({"blocking_ms", "max"}), group.most({"blocking_ms", "censored_lower_bound_max"}));
  // In doubt is the timeout and what came after it; the locks are held all that time.
  const double held = past + group.most({"timeouts_ms", "decision"});
  std::string sentence = group.name + " held locks in doubt for " + (open > 0 ? "at least " : "up to ") + span(held) +
                         during + ": " + counted(ended + open, "participant was", "participants were") + " blocked";
  if (open > 0) sentence += ", " + std::to_string(std::llround(open)) + " of them still at the end";
  out.push_back({{FindingKind::blocking, sentence + "."}, group.protocol, held});
}

void warnings(const Group& group, std::vector<Finding>& out) {
  for (const Json* cell : group.cells) {
    const Json* valid = at(*cell, {"valid"});
    if (valid == nullptr || !valid->is_boolean() || valid->get<bool>()) continue;
    const Json* reasons = at(*cell, {"reasons"});
    const bool said = reasons != nullptr && reasons->is_array() && !reasons->empty() && reasons->front().is_string();
    out.push_back({FindingKind::warning, "The latencies of " + text(*cell, {"cell"}) + " may not be used" +
                                             (said ? ": " + reasons->front().get<std::string>() : "") + "."});
    break;
  }
  if (const double shed = group.sum({"transactions", "shed"}); shed > 0) {
    out.push_back({FindingKind::warning, group.name + " was offered more than it could take: " +
                                             counted(shed, "transaction was", "transactions were") + " shed."});
  }
  if (const double lost = group.sum({"verdict_detail", "rpo", "acknowledged"}); lost > 0) {
    out.push_back(
        {FindingKind::warning, group.name + " left " + counted(lost, "acknowledged write", "acknowledged writes") +
                                   " behind when a home was failed over: its recovery point, not a violation."});
  }
  if (const double lost = group.sum({"transactions", "unknown"}); lost > 0) {
    out.push_back({FindingKind::warning, group.name + ": clients never learned the outcome of " +
                                             counted(lost, "transaction", "transactions") + "."});
  }
}

/// "At p50 2pc commits in 152 ms, 3pc in 303 ms (2.0 times that) and home-region in 2.50 ms."
void comparison(const std::vector<Group>& groups, std::vector<Finding>& out) {
  std::vector<std::string> points;
  for (const Group& group : groups) {
    if (std::find(points.begin(), points.end(), group.point) == points.end()) points.push_back(group.point);
  }
  if (points.size() > 2) points = {points.front(), points.back()};
  for (const std::string& point : points) {
    std::vector<std::string> commits;
    std::vector<std::string> locks;
    std::optional<double> first;
    for (const Group& group : groups) {
      if (group.point != point) continue;
      const auto commit = group.middle({"commit_latency_ms", "p50"});
      if (!commit || group.sum({"commit_latency_ms", "count"}) < 1) continue;
      std::string words = group.protocol + (commits.empty() ? " commits in " : " in ") + span(*commit);
      if (first && *first > 0 && *commit >= *first) words += " (" + figure(*commit / *first) + " times that)";
      if (first && *commit > 0 && *commit < *first) words += " (1/" + figure(*first / *commit) + " of that)";
      if (!first) first = commit;
      commits.push_back(words);
      const auto hold = group.middle({"lock_hold_ms", "p50"});
      if (hold && *hold > 0) locks.push_back(group.protocol + " " + figure(1000 / *hold));
    }
    const std::string head = point.empty() ? "At p50 " : "At " + point + ", at p50, ";
    if (!commits.empty()) out.push_back({FindingKind::comparison, head + listed(commits) + "."});
    if (locks.size() > 1 && point == points.front()) {
      out.push_back(
          {FindingKind::comparison,
           "By their lock hold times, one hot key can take this many commits a second: " + listed(locks) + "."});
    }
  }
}

void prediction(const std::vector<Group>& groups, std::vector<Finding>& out) {
  std::vector<std::string> close;
  for (const Group& group : groups) {
    const auto measured = group.middle({"commit_latency_ms", "p50"});
    const auto low = group.middle({"prediction_ms", "detail", "commit_latency", "p45"});
    const auto high = group.middle({"prediction_ms", "detail", "commit_latency", "p55"});
    if (!measured || !low || !high || *low <= 0) continue;
    const double off = *measured > *high ? *measured / *high - 1 : *measured < *low ? *measured / *low - 1 : 0;
    if (std::fabs(off) <= 0.05) {
      close.push_back(group.name);
    } else {
      out.push_back({FindingKind::prediction, "The commit latency of " + group.name + " is " +
                                                  figure(std::fabs(off) * 100) + " % " + (off > 0 ? "above" : "below") +
                                                  " what theory says without load, at p50."});
    }
  }
  if (close.size() > 6) close = {std::to_string(close.size()) + " of the cells"};
  if (!close.empty()) {
    out.push_back(
        {FindingKind::prediction, "The commit latency of " + listed(close) + " is within 5 % of theory at p50."});
  }
}

}  // namespace

std::string_view name_of(FindingKind kind) {
  switch (kind) {
    case FindingKind::violation:
      return "violation";
    case FindingKind::expected:
      return "expected";
    case FindingKind::unknown:
      return "unknown";
    case FindingKind::blocking:
      return "blocking";
    case FindingKind::warning:
      return "warning";
    case FindingKind::comparison:
      return "comparison";
    case FindingKind::prediction:
      return "prediction";
    case FindingKind::pass:
      return "pass";
  }
  return "";
}

std::vector<Finding> find(const Json& summary) {
  std::vector<Finding> out;
  const std::vector<Group> groups = groups_of(summary);
  if (groups.empty()) return {{FindingKind::unknown, "No cell got as far as a result."}};
  const bool anyone = std::any_of(groups.begin(), groups.end(), [](const Group& group) {
    return group.sum({"blocking_ms", "count"}) + group.sum({"blocking_ms", "censored"}) > 0;
  });
  std::vector<std::string> passed;
  double committed = 0;
  double left_behind = 0;
  std::vector<Weighted> heavy;
  for (const Group& group : groups) {
    violations(group, heavy, out);
    blocking(group, anyone, heavy);
    warnings(group, out);
    const bool pass = std::all_of(group.cells.begin(), group.cells.end(),
                                  [](const Json* cell) { return text(*cell, {"verdict"}) == "pass"; });
    if (!pass) continue;
    committed += group.sum({"verdict_detail", "committed"});
    left_behind += group.sum({"verdict_detail", "rpo", "acknowledged"});
    if (std::find(passed.begin(), passed.end(), group.protocol) == passed.end()) passed.push_back(group.protocol);
  }
  std::vector<std::string> points;
  for (const Group& group : groups) {
    if (std::find(points.begin(), points.end(), group.point) == points.end()) points.push_back(group.point);
  }
  keep_heaviest(std::move(heavy), points.size() > 2, out);
  comparison(groups, out);
  prediction(groups, out);
  if (!passed.empty()) {
    const bool all =
        std::all_of(out.begin(), out.end(), [](const Finding& f) { return f.kind > FindingKind::unknown; });
    out.push_back({FindingKind::pass, (all ? "Every cell passed: of " : listed(passed) + " passed: of ") +
                                          counted(committed, "committed transaction", "committed transactions") +
                                          " in the durable logs, every outcome agreed, " +
                                          (left_behind > 0 ? "nothing acknowledged was lost but " +
                                                                 counted(left_behind, "transaction", "transactions") +
                                                                 " that a fenced failover left behind (RPO), and "
                                                           : "nothing acknowledged was lost, and ") +
                                          "money was conserved."});
  }
  if (out.empty()) out.push_back({FindingKind::unknown, "Nothing was measured."});
  std::stable_sort(out.begin(), out.end(), [](const Finding& a, const Finding& b) { return a.kind < b.kind; });
  return out;
}

std::string print(const std::vector<Finding>& findings, std::size_t width, bool colour) {
  std::string out;
  for (const Finding& one : findings) {
    Colour how = Colour::none;
    if (one.kind == FindingKind::violation) how = Colour::red;
    if (one.kind == FindingKind::expected || one.kind <= FindingKind::unknown)
      how = how == Colour::none ? Colour::yellow : how;
    std::string line = "-";
    std::string paragraph;
    for (std::size_t from = 0; from < one.text.size();) {
      const std::size_t end = std::min(one.text.find(' ', from), one.text.size());
      const std::string word = one.text.substr(from, end - from);
      if (line.size() + 1 + word.size() > width && line.size() > 2) {
        paragraph += line + "\n";
        line = " ";
      }
      line += " " + word;
      from = end + 1;
    }
    out += paint(paragraph + line, how, colour) + "\n";
  }
  return out;
}

}  // namespace geocommit
