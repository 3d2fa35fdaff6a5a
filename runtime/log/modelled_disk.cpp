#include "runtime/log/modelled_disk.h"

#include <utility>

namespace geocommit {

void ModelledDisk::ask(LogBatch batch, Instant now) { asked_.push_back({now + force_, std::move(batch)}); }

std::optional<Instant> ModelledDisk::next() const {
  return asked_.empty() ? std::nullopt : std::optional{asked_.front().due};
}

std::optional<LogBatch> ModelledDisk::complete(Instant now) {
  std::optional<LogBatch> done;
  while (!asked_.empty() && asked_.front().due <= now) {
    LogBatch& oldest = asked_.front().batch;
    oldest.force = true;  // also of lazy records alone: what the disk has completed is durable
    if (done) {
      done->join(std::move(oldest));
    } else {
      done = std::move(oldest);
    }
    asked_.pop_front();
  }
  return done;
}

LogBatch ModelledDisk::write_early() {
  LogBatch all;
  for (Asked& asked : asked_) {
    all.frames += std::exchange(asked.batch.frames, {});
    all.records += std::exchange(asked.batch.records, 0);
  }
  return all;
}

}  // namespace geocommit
