#include "sim/disk.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "measure/log_facts.h"
#include "sim/wire_size.h"

namespace geocommit::sim {
void Disk::write(const DurableRecord& record, WriteToken token) {
  bytes_ += record_size(record);
  ++end_;
  if (keep_) {
    log_.push_back(record);
  }
  if (token != 0) {
    forces_.push_back({token, end_});
  }
}

void Disk::sync_to(std::uint64_t end) {
  for (std::uint64_t i = synced_; (gather_ || on_durable) && i < end; ++i) {
    if (gather_) {
      append_facts(log_[i - first_], facts_);
    }
    if (on_durable) {
      on_durable(log_[i - first_]);
    }
  }
  synced_ = std::max(synced_, end);
}

void Disk::forced(WriteToken token) {
  std::uint64_t end = synced_;
  while (!forces_.empty() && forces_.front().token <= token) {
    end = forces_.front().end;
    forces_.pop_front();
  }
  sync_to(std::max(end, synced_));
}

void Disk::begin_checkpoint(Checkpoint checkpoint) {
  GC_CHECK(!coming_);
  coming_ = std::move(checkpoint);
  coming_end_ = end_;
  bytes_at_checkpoint_ = bytes_;
}

void Disk::checkpoint_durable() {
  GC_CHECK(coming_.has_value());
  sync_to(std::max(coming_end_, synced_));  // The log first, then the checkpoint, then the truncation.
  checkpoint_ = std::move(coming_);
  coming_.reset();
  if (keep_) {
    log_.erase(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(coming_end_ - first_));
  }
  first_ = coming_end_;
  bytes_ -= bytes_at_checkpoint_;
}

void Disk::crash(Tail tail, Random& random) {
  GC_CHECK_NOTE(keep_, "a plan with a crash keeps its logs");
  std::uint64_t end = end_;
  switch (tail) {
    case Tail::kept:
      break;
    case Tail::lost:
      end = synced_;
      break;
    case Tail::torn:
      end = synced_ + random.below(end_ - synced_ + 1);
      break;
  }
  log_.resize(static_cast<std::size_t>(end - first_));
  end_ = end;
  forces_.clear();
  coming_.reset();
}

DurableState Disk::recover() {
  sync_to(end_);
  return {checkpoint_, {log_.begin(), log_.end()}};
}

std::vector<Fact> Disk::facts(bool all) const {
  std::vector<Fact> out = facts_;
  for (std::uint64_t i = synced_; all && gather_ && i < end_; ++i) {
    append_facts(log_[i - first_], out);
  }
  return out;
}

}  // namespace geocommit::sim
