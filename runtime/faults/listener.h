// The runner's ear: nodes report here, at once, that a fault has fired, and wait for the answer (at most
// kFaultReportPatience). One thread, which calls back for one report after another.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "runtime/faults/fault_order.h"

namespace geocommit {

/// How long a node waits at its protocol point for the runner. Then it goes on without, and says so loudly.
inline constexpr Duration kFaultReportPatience = 6s;

class FaultListener {
 public:
  /// Called on the listener's thread. For a report that has not `ended`, the node goes on (or dies, or stops) when it
  /// returns: whatever must be in force before the step's messages leave is to be done in here, well within the
  /// patience. It must not ask the reporting node anything: that one waits.
  using Callback = std::function<void(const FaultReport&)>;
  /// `address`: as ZeroMQ has them; "ipc:///some/path" (also seen from private network namespaces),
  /// "tcp://127.0.0.1:*", or the runner's management address in a deployed run. Error: it cannot be bound; it is named.
  [[nodiscard]] static Result<std::unique_ptr<FaultListener>> open(const std::string& address, Callback callback);
  /// Ends the thread; reports that come later go unanswered.
  ~FaultListener();
  FaultListener(const FaultListener&) = delete;
  FaultListener& operator=(const FaultListener&) = delete;

  /// What goes into FaultOrder::listener: the address that was bound.
  [[nodiscard]] const std::string& address() const;

 private:
  class Impl;
  explicit FaultListener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace geocommit
