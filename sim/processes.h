// The processes of a virtual world's nodes: how one starts, dies, and goes on after it stood still.
#pragma once

#include "faults/fault_plan.h"
#include "sim/world_context.h"
#include "workload/random.h"

namespace geocommit::sim {

class Processes {
 public:
  explicit Processes(WorldContext& world);

  /// Its node is down. Waits for the node's disk if that does not work: it could not even force its epoch.
  void start(Node& node);
  /// To be called when an engine has been stepped: it may have been killed in the middle.
  void after_step(Node& node) {
    if (node.dying) {
      crash(node, node.dying_of);
    }
  }
  /// `index`: of the fault that it dies of, and which says when it starts again.
  void crash(Node& node, std::size_t index);
  /// What was held while it stood still, or its disk did, comes now.
  void resume(Node& node);
  /// A write has failed. A node never tries it again, nor goes on without it: it ends itself (pitfall 19).
  void disk_failed(Node& node, const Event& event);
  /// A fault of its disk is over.
  void disk_works(Node& node);

 private:
  void die(Node& node, Tail tail);

  WorldContext& world_;
  Random disk_random_;
};

}  // namespace geocommit::sim
