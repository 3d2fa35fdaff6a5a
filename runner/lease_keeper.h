// Renews the leases of deployed daemons while the runner lives (NodeConfig::lease), on a thread of its own: the
// runner's own may be busy with one daemon for longer than the others' leases last.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace geocommit {

class LeaseKeeper {
 public:
  /// A renewal in `lease` / 6: some may be lost.
  LeaseKeeper(std::string run_id, Duration lease);
  ~LeaseKeeper();
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

  /// From now on, this daemon's too.
  [[nodiscard]] Result<void> keep(NodeId node, const std::string& control_address);
  /// No renewal is sent after this. keep() begins again.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace geocommit
