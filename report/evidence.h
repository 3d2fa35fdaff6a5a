// The durable logs of a cell's nodes and the outcome logs of its clients, as the History that the checkers judge.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "report/cell_evidence.h"
#include "report/manifest.h"
#include "verdict/check.h"
#include "verdict/history.h"

namespace geocommit {

using NodeFolder = std::function<std::filesystem::path(const NodeInfo&)>;
/// What cannot be read is named (History::missing, NodeHistory::log_problem), never left out silently. `directory` must
/// outlive the result. `folder_of` says where a node's files are.
[[nodiscard]] History read_history(const Plan& plan, const Cell& cell, const NodeFolder& folder_of,
                                   const CellEvidence& evidence, const Directory& directory);

/// Of the run that made a cell: what its manifest names it by.
struct CellPlace {
  std::filesystem::path results;
  std::string run_id;
  [[nodiscard]] std::filesystem::path manifest(const Cell& cell) const {
    return child_path(results, {"nodes", cell.id, kManifestFile}).value();
  }
  [[nodiscard]] std::filesystem::path folder(const Cell& cell, const NodeInfo& node) const {
    return child_path(results, {"nodes", cell.id, node.name}).value();
  }
};
/// Writes the cell's manifest, and the balances that its agents reported. The manifest's checksum.
[[nodiscard]] Result<std::string> seal_evidence(const CellPlace& place, const Plan& plan, const Cell& cell,
                                                const CellEvidence& evidence);
/// The evidence of a cell that was judged before, from its results folder. `checksum`: its manifest's, as summary.json
/// has it; none: made by a version that wrote no manifest. What is not as it was is named in the history.
struct KeptEvidence {
  History history;
  CheckOptions options;
};
[[nodiscard]] KeptEvidence read_kept(const CellPlace& place, const Plan& plan, const Cell& cell,
                                     const std::optional<std::string>& checksum, const Directory& directory);

}  // namespace geocommit
