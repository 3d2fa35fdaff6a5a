// What report.html shows, gathered from the files of a results folder alone, so that any old folder gives its report
// again. Bounded: what does not fit is left out, and said.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "measure/histogram.h"

namespace geocommit {

using Json = nlohmann::ordered_json;

/// A CSV file (RFC 4180): the header, and rows as wide as it. Rows of another width (a last line cut short) are left
/// out. Empty if the file is not there.
struct CsvFile {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  /// Index of a column, or the number of columns.
  [[nodiscard]] std::size_t column(std::string_view name) const;
};
[[nodiscard]] CsvFile read_csv(const std::filesystem::path& file);

/// summary.json of a folder; an error says what to pass instead.
[[nodiscard]] Result<Json> read_summary(const std::filesystem::path& folder);

/// Adds the buckets `lower_ms,upper_ms,count` of a row to a histogram; false if they are not numbers.
bool add_bucket(const std::vector<std::string>& row, std::size_t first, Histogram& to);

/// The cells of a summary that are repetitions of one another: same protocol, same sweep point. In order of appearance.
struct CellGroup {
  std::string protocol;
  Json sweep;
  std::vector<std::size_t> cells;  ///< Indices into summary["cells"].
};
[[nodiscard]] std::vector<CellGroup> group_cells(const Json& summary);

/// {summary, environment, experiment, groups, series, traces, findings, limits}; report/README.md says what each holds.
[[nodiscard]] Result<Json> report_data(const std::filesystem::path& folder);

}  // namespace geocommit
