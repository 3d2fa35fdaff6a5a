// The plain faults that one entry of an experiment file stands for, once it is known whom they strike.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "experiment/fault_file.h"

namespace geocommit {

class FaultMaker {
 public:
  /// `index`: of the entry in the file. `trigger`: whose protocol point begins them, if the entry says one.
  FaultMaker(const FaultEntry& entry, const Directory& directory, std::size_t index, NodeId trigger)
      : entry_(entry), directory_(directory), index_(index), trigger_(trigger) {}

  [[nodiscard]] NamedFault at_node(FaultKind kind, std::string label, NodeId node) const;
  /// `names`: of the groups, as people call them.
  [[nodiscard]] NamedFault partition(const std::vector<std::vector<std::string>>& names,
                                     const std::vector<std::vector<NodeId>>& groups) const;
  /// `ends`: likewise, of the two ends.
  [[nodiscard]] NamedFault on_link(FaultKind kind, const std::vector<std::vector<std::string>>& ends,
                                   std::vector<NodeId> from, std::vector<NodeId> to) const;
  [[nodiscard]] NamedFault mastership(FaultKind kind, RegionId home, RegionId successor) const;

 private:
  [[nodiscard]] Fault blank(FaultKind kind) const;

  const FaultEntry& entry_;
  const Directory& directory_;
  std::size_t index_;
  NodeId trigger_;
};

}  // namespace geocommit
