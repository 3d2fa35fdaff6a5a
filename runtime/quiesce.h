// The proof that all is at rest (engine/quiescence.h), over the control plane: for the runner and for tests alike.
#pragma once

#include "engine/quiescence.h"
#include "runtime/control.h"

namespace geocommit {

/// One look at `nodes`, after telling those whose turn it is to begin nothing any more. A node that is not asked, or
/// does not answer within `timeout`, keeps it from being proven.
void look(Quiescence& quiescence, ControlClient& control, const std::vector<NodeId>& nodes, Duration timeout);

}  // namespace geocommit
