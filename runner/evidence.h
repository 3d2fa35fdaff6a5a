// The durable logs of a cell's nodes and the outcome logs of its clients, as the History that the checkers judge.
#pragma once

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

}  // namespace geocommit
