// The durable logs of a cell's nodes and the outcome logs of its clients, as the History that the checkers judge.
#pragma once

#include <functional>

#include "runner/cell.h"
#include "verdict/history.h"

namespace geocommit {

struct CellHistory {
  History history;
  std::vector<std::string> unread_outcomes;  ///< Clients whose outcome logs could not be read, and why.
};

/// What cannot be read is named, never left out silently. `directory` must outlive the result.
[[nodiscard]] CellHistory read_history(const CellContext& context, const CellEvidence& evidence,
                                       const Directory& directory);
/// The same from a results folder alone, long after the run. `folder_of` says where a node's files are.
using NodeFolder = std::function<std::filesystem::path(const NodeInfo&)>;
[[nodiscard]] CellHistory read_history(const Plan& plan, const Cell& cell, const NodeFolder& folder_of,
                                       const CellEvidence& evidence, const Directory& directory);

}  // namespace geocommit
