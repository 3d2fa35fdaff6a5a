// What runs have left behind in a folder of results: ./geocommit results.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace geocommit {

/// A results folder. One without a readable summary was not finished: it is listed, and never removed.
struct PastRun {
  std::filesystem::path folder;
  std::filesystem::file_time_type written;  ///< When its summary was last written; without one, the folder.
  bool finished{};
  std::string name, emulation;
  std::size_t cells{}, cells_planned{};
  std::string verdict;  ///< The worst of its cells: "violation", "unknown", "pass"; "" if none ran.
  bool expected{};      ///< All violations are what the protocols' fault models predict.
  std::uintmax_t bytes{};
};

/// Those directly in `folder`, newest first. What is no results folder is left out.
[[nodiscard]] Result<std::vector<PastRun>> past_runs(const std::filesystem::path& folder);

/// A line each, under a heading.
[[nodiscard]] std::string print(const std::vector<PastRun>& runs, bool colour);

/// Removes all finished runs but the newest `keep`; the folders that are gone, or would be.
/// \param dry  only says which
[[nodiscard]] Result<std::vector<PastRun>> remove_old_runs(const std::filesystem::path& folder, std::size_t keep,
                                                           bool dry);

}  // namespace geocommit
