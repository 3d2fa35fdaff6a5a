#include "report/findings.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "os/console.h"
#include "report/findings_group.h"

namespace geocommit {
namespace {

constexpr std::size_t kUnjudgedMax = 3;

/// A finding about one protocol at one point: of those of one `topic` the heaviest is told.
struct Weighted {
  Finding finding;
  std::string topic;
  double weight{};
};

/// A topic's heaviest finding stands for the others, which are counted.
void keep_heaviest(const std::vector<Weighted>& all, std::vector<Finding>& out) {
  std::vector<std::string> told;
  for (const Weighted& one : all) {
    if (std::find(told.begin(), told.end(), one.topic) != told.end()) continue;
    told.push_back(one.topic);
    const Weighted* heaviest = &one;
    std::size_t points = 0;
    for (const Weighted& other : all) {
      if (other.topic != one.topic) continue;
      ++points;
      if (other.weight > heaviest->weight) heaviest = &other;
    }
    Finding finding = heaviest->finding;
    if (points > 1) {
      finding.text.pop_back();
      finding.text += "; the worst of " + std::to_string(points) + " points.";
    }
    out.push_back(std::move(finding));
  }
}

std::string first_of(const Json* list) {
  const bool said = list != nullptr && list->is_array() && !list->empty() && list->front().is_string();
  return said ? ": " + list->front().get<std::string>() : "";
}

/// What no fault model predicts is told in full; what one predicts belongs to its scenario.
void violations(const Group& group, std::vector<Weighted>& out) {
  const auto wrongs = wrongs_of(group);
  if (wrongs.empty() || all_expected(group)) return;
  const std::string during = troubles(group);
  out.push_back({{FindingKind::violation, group.name + " " + listed(wrongs) + (wrongs.size() > 1 ? "," : "") +
                                              (during.empty() ? "" : " while " + during) + "."},
                 group.protocol + " violation",
                 static_cast<double>(wrongs.size())});
}

void unjudged(const std::vector<Group>& groups, std::vector<Finding>& out) {
  std::size_t more = 0;
  for (const Group& group : groups) {
    for (const Json* cell : group.cells) {
      if (text(*cell, {"verdict"}) != "unknown") continue;
      if (out.size() >= kUnjudgedMax) {
        ++more;
        continue;
      }
      out.push_back({FindingKind::unknown, text(*cell, {"cell"}) + " could not be judged" +
                                               first_of(at(*cell, {"verdict_detail", "unknown_reasons"})) + "."});
    }
  }
  if (more > 0) {
    out.push_back({FindingKind::unknown,
                   counted(static_cast<double>(more), "more cell", "more cells") + " could not be judged."});
  }
}

/// Changes of a home's master: what was left behind, and how long nobody could write.
void mastership(const Group& group, std::vector<Weighted>& out) {
  const double transfer = group.most({"write_gap_ms", "transfer", "max"});
  const double failover = group.most({"write_gap_ms", "failover", "max"});
  if (transfer > 0) {
    out.push_back({{FindingKind::warning,
                    group.name + " handed a home over as planned: " + span(transfer) + " without writes to it."},
                   group.protocol + " transfer",
                   transfer});
  }
  const double lost = group.sum({"verdict_detail", "rpo", "acknowledged"});
  if (failover <= 0 && lost < 1) return;
  std::string sentence = group.name + " failed a home over";
  if (failover > 0) sentence += ": " + span(failover) + " after the order it took writes again";
  sentence += lost < 1 ? ", and nothing acknowledged was left behind."
                       : ", and " + counted(lost, "acknowledged transaction was", "acknowledged transactions were") +
                             " left behind (its recovery point, RPO; not a violation).";
  if (failover <= 0) sentence.erase(sentence.find(", and"), 1);
  out.push_back({{FindingKind::warning, sentence}, group.protocol + " failover", lost * 1e9 + failover});
}

/// What the client side lost.
void losses(const Group& group, std::vector<Weighted>& out) {
  const bool overloaded = overloaded_of(group);
  if (overloaded) {
    const double offered = group.middle({"load", "offered_per_s"}).value_or(0);
    const double done = group.middle({"load", "done_per_s"}).value_or(0);
    out.push_back({{FindingKind::warning, group.name + " was overloaded: offered " + figure(offered) + "/s, done " +
                                              figure(done) + "/s. Its latencies are those of a queue that grew."},
                   group.protocol + " overloaded",
                   offered - done});
  }
  if (const double shed = group.sum({"transactions", "shed"}); shed > 0) {
    out.push_back({{FindingKind::warning, group.name + " was offered more than it could take: " +
                                              counted(shed, "transaction was", "transactions were") + " shed."},
                   group.protocol + " shed",
                   shed});
  }
  if (const double lost = group.sum({"transactions", "unknown"}); lost > 0) {
    out.push_back({{FindingKind::warning, group.name + ": clients never learned the outcome of " +
                                              counted(lost, "transaction", "transactions") +
                                              ", so that its client latencies are lower bounds."},
                   group.protocol + " unknown",
                   lost});
  }
}

void invalid(const std::vector<Group>& groups, std::vector<Finding>& out) {
  std::string first;
  std::size_t others = 0;
  for (const Group& group : groups) {
    for (const Json* cell : group.cells) {
      const Json* valid = at(*cell, {"valid"});
      if (valid == nullptr || !valid->is_boolean() || valid->get<bool>()) continue;
      const Json* reasons = at(*cell, {"reasons"});
      const bool one = reasons != nullptr && reasons->is_array() && reasons->size() == 1;
      if (one && truth(*cell, {"load", "overloaded"})) continue;  // losses() has said it
      if (first.empty()) {
        first = "The latencies of " + text(*cell, {"cell"}) + " may not be used" + first_of(at(*cell, {"reasons"}));
      } else {
        ++others;
      }
    }
  }
  if (first.empty()) return;
  if (others > 0) first += "; nor those of " + counted(static_cast<double>(others), "more cell", "more cells");
  out.push_back({FindingKind::warning, first + "."});
}

/// The first threshold that some cell does not keep.
void thresholds(const std::vector<Group>& groups, std::vector<Finding>& out) {
  std::string first;
  std::size_t others = 0;
  for (const Group& group : groups) {
    for (const Json* cell : group.cells) {
      const Json* results = at(*cell, {"thresholds"});
      if (results == nullptr || !results->is_array()) continue;
      for (const Json& one : *results) {
        if (truth(one, {"kept"})) continue;
        if (first.empty()) {
          first = text(*cell, {"cell"}) + " does not keep its threshold " + text(one, {"threshold"}) + ": " +
                  text(one, {"why"});
        } else {
          ++others;
        }
      }
    }
  }
  if (first.empty()) return;
  if (others > 0) first += "; " + counted(static_cast<double>(others), "more is", "more are") + " not kept";
  out.push_back({FindingKind::warning, first + "."});
}

/// "2pc commits in 152 ms, 3pc in 303 ms (2.00 times as long) and home-region in 2.50 ms (60.8 times faster)"; empty:
/// nothing.
std::string commit_latencies(const std::vector<Group>& groups, const std::string& point) {
  std::vector<std::string> commits;
  std::optional<double> first;
  for (const Group& group : groups) {
    if (group.point != point) continue;
    const auto commit = group.middle({"commit_latency_ms", "p50"});
    if (!commit || group.sum({"commit_latency_ms", "count"}) < 1) continue;
    std::string words = group.protocol + (commits.empty() ? " commits in " : " in ") + span(*commit);
    if (first && *first > 0 && *commit >= *first) words += " (" + figure(*commit / *first) + " times as long)";
    if (first && *commit > 0 && *commit < *first) words += " (" + figure(*first / *commit) + " times faster)";
    if (!first) first = commit;
    if (overloaded_of(group)) words += " (overloaded)";
    commits.push_back(words);
  }
  return listed(commits);
}

void comparison(const std::vector<Group>& groups, std::vector<Finding>& out) {
  std::vector<std::string> points;
  std::vector<std::string> said;
  for (const Group& group : groups) {
    if (std::find(points.begin(), points.end(), group.point) != points.end()) continue;
    const std::string words = commit_latencies(groups, group.point);
    if (words.empty()) continue;
    points.push_back(group.point);
    said.push_back(words);
  }
  if (points.empty()) return;
  const bool alike = std::all_of(said.begin(), said.end(), [&](const std::string& one) { return one == said.front(); });
  const auto say = [&](const std::string& where, const std::string& words) {
    out.push_back({FindingKind::comparison, where + "at p50, " + words + "."});
  };
  if (points.size() == 1) {
    out.push_back({FindingKind::comparison, "At p50 " + said.front() + "."});
  } else if (alike) {
    say("At every point, ", said.front());
  } else if (said.front() == said.back()) {
    say("At " + points.front() + " and at " + points.back() + ", ", said.front());
  } else {
    say("At " + points.front() + ", ", said.front());
    say("At " + points.back() + ", ", said.back());
  }
  std::vector<std::string> locks;
  for (const Group& group : groups) {
    const auto hold = group.middle({"lock_hold_ms", "p50"});
    if (group.point == points.front() && hold && *hold > 0) {
      locks.push_back(group.protocol + " " + figure(1000 / *hold));
    }
  }
  if (locks.size() < 2) return;
  out.push_back({FindingKind::comparison, "By their lock hold times" + (alike ? "" : " at " + points.front()) +
                                              ", one hot key can take this many commits a second: " + listed(locks) +
                                              "."});
}

/// A prediction is a range where the distribution has a step at its median, which may then fall on either side.
void prediction(const std::vector<Group>& groups, std::vector<Finding>& out) {
  std::vector<std::string> close;
  std::vector<Weighted> inside;
  std::vector<Weighted> far;
  for (const Group& group : groups) {
    const auto measured = group.middle({"commit_latency_ms", "p50"});
    const auto low = group.middle({"prediction_ms", "detail", "commit_latency", "p45"});
    const auto middle = group.middle({"prediction_ms", "detail", "commit_latency", "p50"});
    const auto high = group.middle({"prediction_ms", "detail", "commit_latency", "p55"});
    if (!measured || !low || !middle || !high || *low <= 0) continue;
    const bool range = *high > 1.05 * *low;
    const std::string ends = figure(*low) + " to " + figure(*high) + " ms";
    const std::string whose = "The commit latency of " + group.name + " at p50, " + figure(*measured) + " ms, is ";
    if (range && *measured >= *low && *measured <= *high) {
      inside.push_back({{FindingKind::prediction,
                         whose + "inside the range that theory gives, " + ends + ", which says no more than that."},
                        group.protocol + " inside",
                        *high / *low});
      continue;
    }
    const double from = !range ? *middle : *measured > *high ? *high : *low;
    const double off = *measured / from - 1;
    if (!range && std::fabs(off) <= 0.05) {
      close.push_back(group.name);
      continue;
    }
    far.push_back(
        {{FindingKind::prediction,
          whose + figure(std::fabs(off) * 100) + " % " + (off > 0 ? "above" : "below") +
              (range ? " the range that theory gives without load, " + ends + "." : " what theory says without load.")},
         group.protocol,
         std::fabs(off)});
  }
  keep_heaviest(far, out);
  keep_heaviest(inside, out);
  if (close.size() > 6) close = {std::to_string(close.size()) + " of the cells"};
  if (!close.empty()) {
    out.push_back(
        {FindingKind::prediction, "The commit latency of " + listed(close) + " is within 5 % of theory at p50."});
  }
}

/// A run that did not come to its end: how far it came.
std::optional<std::string> cut_short(const Json& summary) {
  const Json& cells = summary.at("cells");
  const auto whole = static_cast<std::size_t>(std::count_if(cells.begin(), cells.end(), [](const Json& cell) {
    const auto interrupted = cell.find("interrupted");
    return interrupted == cell.end() || *interrupted != true;
  }));
  const auto said = summary.find("cells_planned");
  const std::size_t planned =
      std::max(cells.size(), said != summary.end() && said->is_number_integer() ? said->get<std::size_t>() : 0);
  if (whole == planned) return std::nullopt;
  return std::to_string(whole) + " of " + std::to_string(planned) + " cells came to " +
         (planned == 1 ? "its" : "their") + " end.";
}

/// Which protocols passed everywhere, which at some points only, and what that says.
void passed(const Json& summary, const std::vector<Group>& groups, std::vector<Finding>& out) {
  struct Passes {
    std::string protocol;
    std::size_t points{}, of{};
  };
  std::vector<Passes> all;
  double committed = 0;
  double left_behind = 0;
  for (const Group& group : groups) {
    auto one = std::find_if(all.begin(), all.end(), [&](const Passes& p) { return p.protocol == group.protocol; });
    if (one == all.end()) one = all.insert(all.end(), {group.protocol, 0, 0});
    ++one->of;
    const bool pass = std::all_of(group.cells.begin(), group.cells.end(),
                                  [](const Json* cell) { return text(*cell, {"verdict"}) == "pass"; });
    if (!pass) continue;
    ++one->points;
    committed += group.sum({"verdict_detail", "committed"});
    left_behind += group.sum({"verdict_detail", "rpo", "acknowledged"});
  }
  std::vector<std::string> names;
  std::string partly;
  bool everywhere = true;
  for (const Passes& one : all) {
    everywhere = everywhere && one.points == one.of;
    if (one.points == one.of) names.push_back(one.protocol);
    if (one.points == one.of || one.points == 0) continue;
    partly += (partly.empty() ? "" : ", ") + one.protocol + " at " + std::to_string(one.points) + " of " +
              std::to_string(one.of) + " points";
  }
  if (names.empty() && partly.empty()) return;
  if (!partly.empty() && !names.empty()) partly = ", and " + partly;
  const auto missing = cut_short(summary);
  out.push_back({FindingKind::pass, (missing      ? *missing + " What there is passed: of "
                                     : everywhere ? "Every cell passed: of "
                                                  : "Passed: " + listed(names) + partly + ". There, of ") +
                                        counted(committed, "committed transaction", "committed transactions") +
                                        " in the durable logs, every outcome agreed, " +
                                        (left_behind > 0 ? "nothing acknowledged was lost but " +
                                                               counted(left_behind, "transaction", "transactions") +
                                                               " that a fenced failover left behind (RPO), and "
                                                         : "nothing acknowledged was lost, and ") +
                                        "money was conserved."});
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
  unjudged(groups, out);
  std::vector<Weighted> heavy;
  for (const Group& group : groups) {
    violations(group, heavy);
    mastership(group, heavy);
    losses(group, heavy);
  }
  keep_heaviest(heavy, out);
  invalid(groups, out);
  thresholds(groups, out);
  add_scenarios(groups, out);
  comparison(groups, out);
  prediction(groups, out);
  passed(summary, groups, out);
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
      std::size_t end = std::min(one.text.find(' ', from), one.text.size());
      if (one.text.compare(end, 2, " %") == 0) end = std::min(one.text.find(' ', end + 1), one.text.size());
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
