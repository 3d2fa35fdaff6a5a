// Two or more runs or cells side by side: what differs, by how much, and whether that is more than noise between
// repetitions.
#pragma once

#include <filesystem>
#include <istream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "report/compare/statistics.h"

namespace geocommit::compare {

/// What stands on the command line: `FOLDER`, `FOLDER:PROTOCOL` or `FOLDER:CELL`. The part after the last colon is a
/// selector if the folder before it exists.
struct Source {
  std::string label;     ///< As given.
  std::string selector;  ///< Empty: all.
  nlohmann::ordered_json summary;
  std::map<std::string, std::string> settings;  ///< Of experiment.yaml, by path ("workload.rate"); empty: not there.
  std::string commit;                           ///< Of the geocommit that made it; empty: not known.
};
[[nodiscard]] Result<Source> load(const std::string& argument);

/// The experiment.yaml of a results folder as paths and values. Items of lists have numbers: "faults.0".
[[nodiscard]] std::map<std::string, std::string> read_settings(std::istream& yaml);
[[nodiscard]] std::map<std::string, std::string> read_settings(const std::filesystem::path& file);
/// A sentence for each thing that two runs were told differently.
[[nodiscard]] std::vector<std::string> differences(const Source& a, const Source& b);

/// Does the difference mean something?
enum class Judgement : std::uint8_t {
  same,     ///< Every value is equal.
  noise,    ///< The interval of the difference includes zero.
  differs,  ///< It does not.
  untold,   ///< One repetition on a side: nobody can tell.
};
[[nodiscard]] std::string_view name_of(Judgement judgement);

/// One side's figure, and its difference from the first side's.
struct Value {
  std::vector<double> repetitions;
  Estimate mean;
  Estimate difference;  ///< From the first side; count 0 at the first side itself.
  std::optional<double> effect;
  double larger{0.5};
  Judgement judgement{Judgement::same};
};

struct Row {
  std::string metric;                        ///< "commit latency p50"
  std::string unit;                          ///< "ms", "/s", "", "%"
  std::vector<std::optional<Value>> values;  ///< By side; none where a side has no such figure.
  bool more_is_better{};
  bool absent_is_best{};  ///< Not recorded: there was nothing of the kind, and that is good.
};

/// The rows of one thing that the sides have in common: a protocol at a sweep point, or whatever was selected.
struct Subject {
  std::string name;
  std::vector<std::string> sides;
  std::vector<std::string> verdicts;  ///< By side.
  std::vector<Row> rows;
  std::vector<std::string> findings;  ///< Plain sentences.
};

struct Comparison {
  std::vector<Subject> subjects;
  std::vector<std::string> notes;    ///< In what else the runs differ; what was left out.
  std::vector<std::string> lacking;  ///< What a later run does not have, or not whole.
};

/// One source without selector: its protocols with each other, per sweep point. Several: the same protocol and point
/// across them; with selectors, what was selected. An error if nothing is in common.
[[nodiscard]] Result<Comparison> compare(const std::vector<Source>& sources, std::uint64_t seed);

/// One run's figures, a subject per sweep point, whatever the number of its protocols; nothing is judged against noise
/// that cannot be known.
[[nodiscard]] Result<Comparison> tabulate(const Source& source, std::uint64_t seed);

/// A line on each thing that is worse on another side than on the first, beyond noise, or is not there any more; and on
/// each worse verdict.
[[nodiscard]] std::vector<std::string> regressions(const Comparison& comparison);
/// There are differences, and of none it could be told whether it is noise.
[[nodiscard]] bool nothing_told(const Comparison& comparison);

/// For the terminal, within 100 columns where names allow.
[[nodiscard]] std::string print(const Comparison& comparison, bool colour);
/// "152", or "152 [151, 153]" where the interval is known and wider than nothing.
[[nodiscard]] std::string with_interval(const Estimate& estimate, const std::string& open = "[",
                                        const std::string& close = "]");
/// "commit latency p50, ms"
[[nodiscard]] std::string title_of(const Row& row);
/// A row per subject, metric and side.
[[nodiscard]] std::string to_csv(const Comparison& comparison);
/// A table per subject, ready to paste: Markdown (GitHub's), LaTeX (booktabs), JSON. A figure with its 95 % interval
/// where there are repetitions.
[[nodiscard]] std::string to_markdown(const Comparison& comparison);
[[nodiscard]] std::string to_latex(const Comparison& comparison);
[[nodiscard]] std::string to_json(const Comparison& comparison);
/// One page without scripts or network.
[[nodiscard]] std::string to_html(const Comparison& comparison);

}  // namespace geocommit::compare
