// The loaded part of a cell: start, watch, and one row a second.
#pragma once

#include "runner/launch.h"

namespace geocommit {

/// Starts the clients and follows them until their load is over (or the cell cannot go on: see the evidence).
void offer_load(const CellContext& context, CellFleet& fleet, CellEvidence& evidence);

}  // namespace geocommit
