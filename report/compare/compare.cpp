#include "report/compare/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "os/console.h"
#include "report/report_data.h"

namespace geocommit::compare {
namespace {

struct Metric {
  const char* name;
  const char* unit;
  std::array<const char*, 3> path;          ///< In a cell; "" ends it.
  bool latency{};                           ///< Left out where nothing was recorded.
  bool more_is_better{}, absent_is_best{};  ///< As Row's.
  const char* plus{};                       ///< A neighbour that is added to it.
  bool count{};  ///< Of each commit: a whole number where every commit had the same, and no chance in it.
};
constexpr Metric latency(const char* name, const char* in, const char* percentile) {
  return {.name = name, .unit = "ms", .path = {in, percentile, ""}, .latency = true};
}
constexpr Metric per_commit(const char* name, const char* what) {
  return {.name = name, .unit = "", .path = {"costs_per_commit", what, ""}, .count = true};
}
constexpr std::array kMetrics{
    latency("commit latency p50", "commit_latency_ms", "p50"),
    latency("commit latency p99", "commit_latency_ms", "p99"),
    latency("client latency p50", "client_latency_ms", "p50"),
    latency("client latency p99", "client_latency_ms", "p99"),
    latency("lock hold, commits p50", "lock_hold_ms", "p50"),
    latency("lock hold, commits p99", "lock_hold_ms", "p99"),
    latency("lock hold, aborted too p99", "lock_hold_all_ms", "p99"),
    latency("in doubt, aborted too p99", "in_doubt_all_ms", "p99"),
    Metric{.name = "blocked participants",
           .unit = "",
           .path = {"blocking_ms", "count", ""},
           .absent_is_best = true,
           .plus = "censored"},
    Metric{.name = "longest blocked",
           .unit = "ms",
           .path = {"blocking_ms", "max", ""},
           .latency = true,
           .absent_is_best = true},
    Metric{.name = "commits per second", .unit = "/s", .path = {"goodput_per_s", "", ""}, .more_is_better = true},
    Metric{.name = "availability", .unit = "", .path = {"availability", "", ""}, .more_is_better = true},
    per_commit("messages per commit", "messages"),
    per_commit("forced writes per commit", "forced_writes")};

std::optional<double> figure_of(const Json& cell, const Metric& metric) {
  const Json* now = &cell;
  double more = 0;
  for (const char* key : metric.path) {
    if (*key == '\0') break;
    if (!now->is_object()) return std::nullopt;
    if (metric.plus != nullptr) more = now->value(metric.plus, 0.0);
    const auto found = now->find(key);
    if (found == now->end()) return std::nullopt;
    // Blocking counts those that ended; one that did not is in its figures too.
    const auto recorded = [&] { return found->value("count", 0.0) + found->value("censored", 0.0); };
    if (metric.latency && found->is_object() && recorded() <= 0) return std::nullopt;
    now = &*found;
  }
  return now->is_number() ? std::optional(now->get<double>() + more) : std::nullopt;
}

std::optional<double> abort_share(const Json& cell) {
  const Json counts = cell.value("transactions", Json::object());
  const double offered = counts.value("offered", 0.0);
  if (offered <= 0) return std::nullopt;
  double aborted = 0;
  const Json causes = counts.value("aborted", Json::object());
  for (const auto& [reason, count] : causes.items()) {
    aborted += count.is_number() ? count.get<double>() : 0;
  }
  return 100 * aborted / offered;
}

/// The cells of one side of one subject.
struct Side {
  std::string label;
  std::vector<const Json*> cells;
  std::string
      simulated;  ///< The seed of a simulation: what differs under one seed is no noise. Empty: it ran for real.
};

std::string point_of(const Json& cell) {
  std::string out;
  const Json sweep = cell.value("sweep", Json::object());
  for (const auto& [key, value] : sweep.items()) {
    out += (out.empty() ? " at " : ", ") + key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return out;
}

bool whole(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [&](double v) { return v == std::round(v) && v == values.front(); });
}

Judgement judge(const Value& value, const std::vector<double>& first, bool exact) {
  const bool constant =
      std::all_of(value.repetitions.begin(), value.repetitions.end(), [&](double v) { return v == first.front(); }) &&
      std::all_of(first.begin(), first.end(), [&](double v) { return v == first.front(); });
  if (constant) return Judgement::same;
  if (!value.difference.known()) return exact ? Judgement::differs : Judgement::untold;
  return *value.difference.low <= 0 && *value.difference.high >= 0 ? Judgement::noise : Judgement::differs;
}

template <class Get>
Row make_row(const std::string& name, const std::string& unit, const std::vector<Side>& sides, std::uint64_t seed,
             Get get, bool count = false) {
  Row row{name, unit, {}};
  for (const Side& side : sides) {
    Value value;
    for (const Json* cell : side.cells) {
      if (const std::optional<double> one = get(*cell)) value.repetitions.push_back(*one);
    }
    if (value.repetitions.empty()) {
      row.values.emplace_back();
      continue;
    }
    value.mean = bootstrap_mean(value.repetitions, seed);
    if (!row.values.empty() && row.values.front()) {
      const auto& first = row.values.front()->repetitions;
      value.difference = bootstrap_difference(first, value.repetitions, seed);
      value.effect = hedges_g(first, value.repetitions);
      value.larger = share_larger(first, value.repetitions);
      const bool exact = (!side.simulated.empty() && side.simulated == sides.front().simulated) ||
                         (count && whole(first) && whole(value.repetitions));
      value.judgement = judge(value, first, exact);
    }
    row.values.push_back(std::move(value));
  }
  return row;
}

std::string verdict_of(const Side& side) {
  std::string worst = "pass";
  for (const Json* cell : side.cells) {
    const std::string verdict = cell->value("verdict", "unknown");
    const bool expected = cell->value("expected", false);
    if (verdict == "violation") worst = worst == "violation" || !expected ? "violation" : "violation (expected)";
    if (verdict == "unknown" && worst == "pass") worst = "unknown";
  }
  return worst;
}

/// One sentence about a side's row against the first side's.
std::string sentence(const Row& row, std::size_t side, const std::vector<std::string>& sides) {
  const Value& value = *row.values[side];
  const Value& first = *row.values.front();
  const std::string& a = sides.front();
  const std::string& b = sides[side];
  const double base = first.mean.mean;
  const double change = value.difference.mean;
  const bool relative = base != 0;
  const std::string unit = row.unit.empty() ? "" : " " + row.unit;
  const std::string size = relative ? figure(100 * std::fabs(change / base)) + " %" : figure(std::fabs(change)) + unit;
  const std::string direction = change > 0 ? " above " : " below ";
  switch (value.judgement) {
    case Judgement::same:
      return "";
    case Judgement::untold:
      return row.metric + ": " + b + " is " + size + direction + a +
             "; with one repetition nobody can tell whether that is noise.";
    case Judgement::noise:
      return row.metric + ": no difference beyond noise (" + b + " is " + size + direction + a + ").";
    case Judgement::differs: {
      std::string range;
      if (relative && value.difference.known()) {
        const double x = 100 * *value.difference.low / base;
        const double y = 100 * *value.difference.high / base;
        range = " (95 %: " + figure(std::min(std::fabs(x), std::fabs(y))) + " to " +
                figure(std::max(std::fabs(x), std::fabs(y))) + " %)";
      }
      return row.metric + ": " + b + " is " + size + direction + a + range +
             (value.difference.known() ? ", more than noise." : ".");
    }
  }
  return "";
}

void add_findings(Subject& subject) {
  for (std::size_t side = 1; side < subject.sides.size(); ++side) {
    std::vector<std::string> quiet;
    std::size_t untold = 0;
    for (const Row& row : subject.rows) {
      if (!row.values.front() || !row.values[side]) continue;
      const Value& value = *row.values[side];
      if (value.judgement == Judgement::differs) subject.findings.push_back(sentence(row, side, subject.sides));
      if (value.judgement == Judgement::noise) quiet.push_back(row.metric);
      untold += value.judgement == Judgement::untold ? 1 : 0;
    }
    if (!quiet.empty()) {
      std::string names;
      for (const std::string& name : quiet) names += (names.empty() ? "" : ", ") + name;
      subject.findings.push_back("No difference beyond noise between " + subject.sides.front() + " and " +
                                 subject.sides[side] + " in: " + names + ".");
    }
    if (untold > 0) {
      subject.findings.push_back("Cannot tell with one repetition: " + std::to_string(untold) + " figures of " +
                                 subject.sides[side] + " are not those of " + subject.sides.front() +
                                 ", and nothing says how much of that is noise. Run with repetitions: 5 or more.");
    }
    if (subject.verdicts[side] != subject.verdicts.front()) {
      subject.findings.push_back("The verdicts differ: " + subject.sides.front() + ": " + subject.verdicts.front() +
                                 "; " + subject.sides[side] + ": " + subject.verdicts[side] + ".");
    }
  }
  if (subject.findings.empty()) subject.findings.push_back("Every figure is the same.");
}

Subject make_subject(const std::string& name, const std::vector<Side>& sides, std::uint64_t seed) {
  Subject subject;
  subject.name = name;
  for (const Side& side : sides) {
    subject.sides.push_back(side.label);
    subject.verdicts.push_back(verdict_of(side));
  }
  for (const Metric& metric : kMetrics) {
    Row row = make_row(
        metric.name, metric.unit, sides, seed, [&](const Json& cell) { return figure_of(cell, metric); }, metric.count);
    row.more_is_better = metric.more_is_better;
    row.absent_is_best = metric.absent_is_best;
    if (std::any_of(row.values.begin(), row.values.end(), [](const auto& v) { return v.has_value(); })) {
      subject.rows.push_back(std::move(row));
    }
  }
  subject.rows.push_back(make_row("aborted", "%", sides, seed, abort_share));
  add_findings(subject);
  return subject;
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? "-"
         : found->is_string()                      ? found->get<std::string>()
                                                   : found->dump();
}

std::vector<const Json*> selected(const Source& source) {
  std::vector<const Json*> out;
  for (const Json& cell : source.summary["cells"]) {
    const std::string name = cell["cell"].get<std::string>();
    const bool fits = source.selector.empty() || cell["protocol"] == source.selector || name == source.selector ||
                      name.rfind(source.selector + "-r", 0) == 0;  // "2pc-p1": its repetitions
    if (fits) out.push_back(&cell);
  }
  return out;
}

std::string simulated_seed(const Json& summary) {
  return text_of(summary, "emulation") == "sim" ? text_of(summary, "seed") : "";
}

using Subjects = std::vector<std::pair<std::string, std::vector<Side>>>;

void put(Subjects& subjects, const std::string& name, const std::string& side, const Source& source, const Json* cell) {
  auto subject = std::find_if(subjects.begin(), subjects.end(), [&](const auto& s) { return s.first == name; });
  if (subject == subjects.end()) subject = subjects.insert(subjects.end(), {name, {}});
  auto& sides = subject->second;
  auto found = std::find_if(sides.begin(), sides.end(), [&](const Side& s) { return s.label == side; });
  if (found == sides.end()) found = sides.insert(sides.end(), Side{side, {}, simulated_seed(source.summary)});
  found->cells.push_back(cell);
}

Subjects subjects_of(const std::vector<Source>& sources) {
  Subjects out;
  const bool chosen = std::all_of(sources.begin(), sources.end(), [](const Source& s) { return !s.selector.empty(); });
  for (const Source& source : sources) {
    for (const Json* cell : selected(source)) {
      const std::string protocol = (*cell)["protocol"].get<std::string>();
      if (sources.size() == 1) {
        put(out, "the protocols" + point_of(*cell), protocol, source, cell);
      } else if (chosen) {
        put(out, "what was chosen" + point_of(*cell), source.label, source, cell);
      } else {
        put(out, protocol + point_of(*cell), source.label, source, cell);
      }
    }
  }
  return out;
}

/// Why a run has less than it was to have; empty: it has all.
std::string cut_short(const Source& source) {
  const Json& summary = source.summary;
  const auto planned = summary.find("cells_planned");
  const std::size_t there = summary["cells"].size();
  if (planned != summary.end() && planned->is_number_unsigned() && planned->get<std::size_t>() > there) {
    return source.label + ": " + std::to_string(there) + " of " + planned->dump() + " cells were run";
  }
  for (const Json* cell : selected(source)) {
    const bool failed = cell->contains("failure") && !(*cell)["failure"].is_null();
    if (failed || cell->value("interrupted", false)) {
      return source.label + ": " + text_of(*cell, "cell") + (failed ? " failed" : " was interrupted");
    }
  }
  return "";
}

/// JSON that is none of ours: a field is not what a summary has there.
Error not_ours(const Json::exception& problem) {
  return Error{std::string("summary.json: not as a run writes it: ") + problem.what()};
}

}  // namespace

std::string_view name_of(Judgement judgement) {
  switch (judgement) {
    case Judgement::same:
      return "same";
    case Judgement::noise:
      return "noise";
    case Judgement::differs:
      return "differs";
    case Judgement::untold:
      return "cannot tell";
  }
  return "";
}

Result<Source> load(const std::string& argument) {
  std::error_code error;
  Source out;
  out.label = argument;
  std::string folder = argument;
  if (const auto colon = argument.rfind(':'); colon != std::string::npos && !std::filesystem::exists(argument, error)) {
    folder = argument.substr(0, colon);
    out.selector = argument.substr(colon + 1);
  }
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  auto summary = read_summary(folder);
  if (!summary) return summary.error();
  out.summary = std::move(summary).value();
  out.settings = read_settings(std::filesystem::path(folder) / "experiment.yaml");
  std::ifstream environment(std::filesystem::path(folder) / "environment.json");
  if (const Json told = Json::parse(environment, nullptr, false); told.is_object())
    out.commit = text_of(told, "commit");
  const std::string name = std::filesystem::path(folder).filename().string();
  out.label = out.selector.empty() ? name : name + ":" + out.selector;
  if (!selected(out).empty()) return out;
  std::string there;
  for (const Json& cell : out.summary["cells"]) there += " " + cell["cell"].get<std::string>();
  return Error{argument + ": no cell or protocol of that name; there are:" + (there.empty() ? " none" : there)};
}

Result<Comparison> tabulate(const Source& source, std::uint64_t seed) try {
  const std::vector<Source> sources{source};
  Comparison out;
  for (const auto& [name, sides] : subjects_of(sources)) out.subjects.push_back(make_subject(name, sides, seed));
  return out;
} catch (const Json::exception& problem) {
  return not_ours(problem);
}

Result<Comparison> compare(const std::vector<Source>& sources, std::uint64_t seed) try {
  Comparison out;
  std::size_t alone = 0;
  for (const auto& [name, sides] : subjects_of(sources)) {
    if (sides.size() < sources.size() && sources.size() > 1 && sides.front().label == sources.front().label) {
      out.lacking.push_back(name + ": in " + sources.front().label + ", and not in every other run");
    }
    if (sides.size() < 2) {
      ++alone;
      continue;
    }
    out.subjects.push_back(make_subject(name, sides, seed));
  }
  if (out.subjects.empty()) {
    return Error{
        "nothing to compare: " +
        std::string(sources.size() == 1
                        ? "the run has one protocol; give a second run, or FOLDER:CELL twice"
                        : "the runs have no protocol at the same sweep point in common; choose with FOLDER:PROTOCOL")};
  }
  if (alone > 0)
    out.notes.push_back(std::to_string(alone) + " protocols or sweep points are in one run only, and left out.");
  for (std::size_t i = 1; i < sources.size(); ++i) {
    for (std::string& note : differences(sources.front(), sources[i])) out.notes.push_back(std::move(note));
  }
  for (std::size_t i = 1; i < sources.size(); ++i) {
    if (const std::string what = cut_short(sources[i]); !what.empty()) out.lacking.push_back(what);
  }
  std::size_t judged = 0;
  for (const Subject& subject : out.subjects) {
    for (const Row& row : subject.rows) {
      for (const auto& value : row.values) judged += value && value->difference.known() ? 1 : 0;
    }
  }
  if (judged >= 20) {
    out.notes.push_back("Of the " + std::to_string(judged) + " differences judged here, about " +
                        std::to_string(judged / 20) + " would look like more than noise by chance alone.");
  }
  return out;
} catch (const Json::exception& problem) {
  return not_ours(problem);
}

}  // namespace geocommit::compare
