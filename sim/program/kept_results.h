// A results folder, long after its run: what was planned, and the evidence of each cell, held against its manifest.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "experiment/plan.h"
#include "report/evidence.h"

namespace geocommit {

struct KeptResults {
  std::filesystem::path folder;
  std::string run_id;
  Plan plan;
  /// Of the cells that were run: the checksum of the manifest, where summary.json has one.
  std::map<std::string, std::optional<std::string>> cells;

  /// `directory` must outlive the result.
  [[nodiscard]] KeptEvidence evidence(const Cell& cell, const Directory& directory) const {
    return read_kept({folder, run_id}, plan, cell, cells.at(cell.id), directory);
  }
};
[[nodiscard]] Result<KeptResults> read_results(const std::filesystem::path& folder);

}  // namespace geocommit
