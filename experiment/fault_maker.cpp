#include "experiment/fault_maker.h"

#include <algorithm>
#include <utility>

#include "experiment/fault_names.h"

namespace geocommit {

Fault FaultMaker::blank(FaultKind kind) const {
  Fault fault;
  fault.kind = kind;
  fault.length = entry_.length;
  fault.on = entry_.on;
  fault.occurrence = entry_.occurrence;
  fault.trigger = trigger_;
  return fault;
}

NamedFault FaultMaker::at_node(FaultKind kind, std::string label, NodeId node) const {
  Fault fault = blank(kind);
  fault.node = node;
  if (trigger_ == node) fault.trigger = {};
  fault.tail = entry_.tail;
  if (kind == FaultKind::clock_step) fault.extra = entry_.extra;
  const NodeInfo* info = directory_.find(node);
  return {std::move(label), info != nullptr ? info->name : "", index_, {fault}};
}

NamedFault FaultMaker::partition(const std::vector<std::vector<std::string>>& names,
                                 const std::vector<std::vector<NodeId>>& groups) const {
  NamedFault out{"partition", "", index_, {}};
  for (const auto& name : names) out.target += (out.target.empty() ? "" : " | ") + joined(name, ",");
  for (std::size_t i = 0; i + 1 < groups.size(); ++i) {
    Fault fault = blank(FaultKind::cut);
    fault.from = groups[i];
    for (std::size_t j = i + 1; j < groups.size(); ++j)
      fault.to.insert(fault.to.end(), groups[j].begin(), groups[j].end());
    fault.both_ways = true;
    out.parts.push_back(std::move(fault));
  }
  return out;
}

NamedFault FaultMaker::on_link(FaultKind kind, const std::vector<std::vector<std::string>>& ends,
                               std::vector<NodeId> from, std::vector<NodeId> to) const {
  Fault fault = blank(kind);
  fault.from = std::move(from);
  fault.to = std::move(to);
  fault.both_ways = entry_.both_ways;
  const std::string target = joined(ends.at(0), ",") + (entry_.both_ways ? " <-> " : " -> ") + joined(ends.at(1), ",");
  return {kind == FaultKind::cut ? "cut" : std::string(name_of(entry_.form)), target, index_, {fault}};
}

NamedFault FaultMaker::mastership(FaultKind kind, RegionId home, RegionId successor) const {
  Fault fault = blank(kind);
  fault.home = home;
  fault.successor = successor;
  return {std::string(name_of(entry_.form)), entry_.victim + " -> " + entry_.successor, index_, {fault}};
}

}  // namespace geocommit
