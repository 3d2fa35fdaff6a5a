// Durability fixed(d): a disk of which each force completes d after it was asked for, without a queue. What has not
// completed is in memory only, so that a killed process loses exactly that.
#pragma once

#include <deque>
#include <optional>

#include "base/time.h"
#include "runtime/log/batch.h"

namespace geocommit {

class ModelledDisk {
 public:
  explicit ModelledDisk(Duration force) : force_(force) {}
  void ask(LogBatch batch, Instant now);
  /// When the oldest completes; nothing if none is under way.
  [[nodiscard]] std::optional<Instant> next() const;
  /// What is complete by `now`, in one forced batch; nothing if none is.
  [[nodiscard]] std::optional<LogBatch> complete(Instant now);
  /// The frames of all that has not completed, to be written early. Each force still completes in its time.
  [[nodiscard]] LogBatch write_early();

 private:
  struct Asked {
    Instant due;
    LogBatch batch;
  };
  Duration force_;
  std::deque<Asked> asked_;  // `due` ascends: the delay is the same for all
};

}  // namespace geocommit
