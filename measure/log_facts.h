// What durable records prove, in the checker's words. The same for logs on disk and for those of the virtual world.
#pragma once

#include <vector>

#include "engine/record.h"
#include "verdict/history.h"

namespace geocommit {

/// Appends what a record proves: a prepared record is a YES, a record with an outcome fixes it; home region: what was
/// shipped, what a change of masters left behind. Nothing for the others (precommit, end, checkpoints).
void append_facts(const DurableRecord& record, std::vector<Fact>& facts);
/// The same for a node's own log, with its starts.
void append_facts(const DurableRecord& record, NodeHistory& node);

}  // namespace geocommit
