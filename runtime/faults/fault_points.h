// What a NodeRuntime gives the engine as its observer: passes everything on, and shows protocol points to the faults.
#pragma once

#include <utility>
#include <vector>

#include "engine/observer.h"
#include "runtime/faults/node_faults.h"

namespace geocommit {

class FaultPoints final : public ForwardingObserver {
 public:
  FaultPoints(NodeFaults& faults, std::vector<Observer*> targets)
      : ForwardingObserver(std::move(targets)), faults_(faults) {}

  void noted(const TxnDescriptor& txn, Role role, std::string_view event) override {
    ForwardingObserver::noted(txn, role, event);  // first: an event log then has the mark by which the node died
    faults_.at_point(txn.txn, event);
  }

 private:
  NodeFaults& faults_;
};

}  // namespace geocommit
