// Inside the checker: which sites a transaction had to write, and what.
#pragma once

#include <vector>

#include "verdict/homes.h"

namespace geocommit::verdict {

[[nodiscard]] bool writes(const std::vector<Operation>& operations);
/// The writes of them, in the order of entities.
[[nodiscard]] std::vector<Operation> sorted_writes(const std::vector<Operation>& operations);

/// A site that had to write; its operations where the client's request is known.
struct Writer {
  NodeId site;
  std::vector<Operation> operations;
};

/// From the client's request and the placement, which owe nothing to the servers. Without the request (`outcome` is
/// null, or names no operations): the cohort on record, unless all that is known to have been executed are reads.
[[nodiscard]] std::vector<Writer> writers_of(const Evidence& evidence, const ClientOutcome* outcome,
                                             const Directory& directory, const Protocol& protocol, const Homes& homes);

}  // namespace geocommit::verdict
