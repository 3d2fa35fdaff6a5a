// The faults of one cell, wired to its processes, its links and the nodes' control sockets.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runner/cell.h"
#include "runner/faults/controller.h"
#include "runtime/faults/listener.h"

namespace geocommit {

class CellFleet;

class CellFaults {
 public:
  /// `fleet` and `context` outlive it. Nothing is there (and nothing costs anything) when the cell has no faults.
  CellFaults(const CellContext& context, CellFleet& fleet);
  ~CellFaults();
  CellFaults(const CellFaults&) = delete;
  CellFaults& operator=(const CellFaults&) = delete;

  /// Arms what hangs on points. Error: this world cannot carry the plan out.
  [[nodiscard]] Result<void> prepare();
  /// Heals what is left; then times, and what dead processes had measured, are in the evidence.
  void finish(CellEvidence& evidence);
  [[nodiscard]] FaultController* controller() { return controller_.get(); }

 private:
  [[nodiscard]] FaultHands hands();
  void told(const NamedFault& fault, bool begins);
  void gauge(const NamedFault& fault, int active);

  const CellContext& context_;
  CellFleet& fleet_;
  ControlClient scheduled_, waiting_;  ///< One for each thread of the controller's.
  std::mutex homes_mutex_;
  ControlClient homes_;  ///< Of either thread.
  std::unique_ptr<LinkFaults> links_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, int> active_;  ///< By labels.
  std::vector<NodeReport> last_reports_;
  std::unique_ptr<FaultController> controller_;
  std::unique_ptr<FaultListener> listener_;  ///< After the controller: it calls it.
};

}  // namespace geocommit
