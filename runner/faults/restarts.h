// Which processes are down by a fault, or may end themselves under one, and when they come back. Plain state: whoever
// has it locks.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <vector>

#include "experiment/fault_file.h"

namespace geocommit {

/// By node, the faults (by their place in the plan) that hold it so.
class Holders {
 public:
  void add(NodeId node, std::size_t fault) { by_[node].insert(fault); }
  void remove(NodeId node, std::size_t fault) { by_[node].erase(fault); }
  [[nodiscard]] bool any(NodeId node) const {
    const auto found = by_.find(node);
    return found != by_.end() && !found->second.empty();
  }
  /// Those that are held; then none is.
  std::vector<NodeId> take();

 private:
  std::map<NodeId, std::set<std::size_t>> by_;
};

class Restarts {
 public:
  /// A crash begins. True: the process lives, and is to be killed; false: it was down already, and stays down.
  [[nodiscard]] bool crash(NodeId node, std::size_t fault, Tail tail);
  /// ... is over. True: it is due to be started again.
  [[nodiscard]] bool crash_over(NodeId node, std::size_t fault, Tail tail);
  /// The disk begins to fail: the process may end itself by it, however late (kLogFailedStatus).
  void disk_fails(NodeId node, std::size_t fault);
  /// The disk is whole again. True: the process is due to be started again.
  [[nodiscard]] bool disk_works(NodeId node, std::size_t fault);

  enum class End {
    unexpected,  ///< Nobody's plan.
    expected,    ///< As it was meant to.
    due,         ///< By its disk, and it is due to be started again.
  };
  /// A process has ended; `status` as waitpid gives it.
  [[nodiscard]] End ended(NodeId node, int status);

  struct Due {
    NodeId node;
    Tail tail{Tail::kept};
  };
  /// Those that are due, each once.
  [[nodiscard]] std::vector<Due> take_due();
  /// It was started again. False: a crash that began meanwhile keeps it down, and it is to be killed.
  [[nodiscard]] bool started(NodeId node);
  /// It serves again. False: it had not been down.
  [[nodiscard]] bool ready(NodeId node) { return unready_.erase(node) > 0; }

  [[nodiscard]] bool dead(NodeId node) const { return dead_.contains(node); }
  [[nodiscard]] std::vector<NodeId> unready() const { return {unready_.begin(), unready_.end()}; }

 private:
  [[nodiscard]] bool due_if_free(NodeId node, Tail tail);

  Holders crashed_, disks_;
  std::set<NodeId> disk_failed_;  ///< Under the process that runs now.
  std::set<NodeId> dead_, unready_;
  std::map<NodeId, Tail> tails_;
  std::vector<NodeId> due_;
};

}  // namespace geocommit
