// State x input tables and state diagrams, as the machines behave within small searches, not as somebody drew them.
#pragma once

#include <functional>
#include <string>

#include "sim/explore/explore.h"
#include "sim/explore/node_model.h"

namespace geocommit::explore {

/// Searches as it is told (reductions included), then shows the nodes' tables.
Report explore_tables(const Options& options, const std::function<void(const NodeModel&)>& inspect);

struct StateTables {
  std::string matrix;  ///< Markdown: a table per role.
  std::string dot;     ///< Graphviz: a cluster per role.
};
/// Of a row with machines.
[[nodiscard]] StateTables tabulate(const Protocol& protocol);

}  // namespace geocommit::explore
