// The durable logs of a cell's nodes and the outcome logs of its clients, as the History that the checkers judge.
#pragma once

#include "runner/cell.h"
#include "verdict/history.h"

namespace geocommit {

/// What cannot be read is named in the History, never left out silently. `directory` must outlive the result.
[[nodiscard]] History read_history(const CellContext& context, const CellEvidence& evidence,
                                   const Directory& directory);

}  // namespace geocommit
