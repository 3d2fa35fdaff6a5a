// What durable records prove, in the checker's words. The same for logs on disk and for those of the virtual world.
#pragma once

#include <vector>

#include "engine/record.h"
#include "verdict/history.h"

namespace geocommit {

/// Appends what a record proves: a prepared record is a YES, a record with an outcome fixes it; home region: what was
/// shipped, what a change of masters left behind. Nothing for the others (precommit, end, checkpoints). Times of
/// another clock than `clock` are not known (0: whichever it is).
void append_facts(const DurableRecord& record, std::vector<Fact>& facts, std::uint64_t clock = 0);
/// The same for a node's own log, with its starts.
void append_facts(const DurableRecord& record, NodeHistory& node, std::uint64_t clock = 0);

}  // namespace geocommit
