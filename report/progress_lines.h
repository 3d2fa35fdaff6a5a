// What a program reads while a run goes on (--progress json): one JSON object a line on standard output, and nothing
// else there (docs/results.md, "Progress for programs"). Keys are only ever added.
#pragma once

#include <filesystem>
#include <string>

#include "report/judge.h"

namespace geocommit {

/// Every cell is still to come. `emulation`: what the run is over.
[[nodiscard]] std::string started_line(const Plan& plan, const std::string& emulation,
                                       const std::filesystem::path& results);
/// Cell `number` of plan.cells, from 1, begins.
[[nodiscard]] std::string cell_line(const Plan& plan, std::size_t number);
/// A cell's load, about once a second; all regions together.
struct LoadProgress {
  std::string cell;
  Duration elapsed{}, total{};  ///< Since the load began, warm-up included.
  double commits_per_s{};
  double client_p50_ms{},
      client_p99_ms{};  ///< The slowest client's, of the last whole second; 0, written as null: none.
  std::uint64_t in_doubt{}, blocked{};
  std::vector<std::string> faults;  ///< In force since the line before, in words.
};
[[nodiscard]] std::string load_line(const LoadProgress& load);
[[nodiscard]] std::string judged_line(const CellResult& result);
/// `status`: the exit status.
[[nodiscard]] std::string ended_line(int status);

}  // namespace geocommit
