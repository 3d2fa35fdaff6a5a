#include "runtime/log/batch.h"

#include <utility>

#include "runtime/log/frame.h"

namespace geocommit {

void LogBatch::join(LogBatch later) {
  frames += later.frames;
  records += later.records;
  force = force || later.force;
  last_sequence = later.last_sequence;
  checkpoint = std::move(later.checkpoint);
}

std::size_t BatchBuilder::append(const DurableRecord& record, bool force) {
  const std::size_t at = gathered_.frames.size();
  begin_frame(gathered_.frames, next_sequence_);
  (void)encoder_.append(record, gathered_.frames);
  end_frame(gathered_.frames, at);
  ++gathered_.records;
  gathered_.last_sequence = next_sequence_++;
  gathered_.force = gathered_.force || force;
  return gathered_.frames.size() - at;
}

LogBatch BatchBuilder::take() { return std::exchange(gathered_, {}); }

}  // namespace geocommit
