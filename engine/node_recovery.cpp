// From what the log gives back to machines that hold their locks.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/node_engine.h"

namespace geocommit {

void NodeEngine::Impl::recover(DurableState state) {
  if (state.checkpoint) {
    restore_checkpoint(std::move(*state.checkpoint));
  }
  for (DurableRecord& durable : state.records) {
    if (auto* record = std::get_if<MachineRecord>(&durable)) {
      replay(std::move(*record), true);
    } else if (auto* shipped = std::get_if<ShippedRecord>(&durable)) {
      auto applied = replica_.applied();
      if (shipped->write.sequence > applied[shipped->home]) {
        resources_->commit(shipped->write.operations);
        applied[shipped->home] = shipped->write.sequence;
        replica_.restore(std::move(applied));
      }
    } else if (const auto* acked = std::get_if<ShipAckedRecord>(&durable)) {
      reported_confirmed_ = std::max(reported_confirmed_, acked->sequence);
    }
    // EpochRecord: the runtime has read it.
  }
  if (home_) {  // What a replica may lack is sent again; it drops what it has.
    std::erase_if(recovered_writes_, [&](const ShippedWrite& w) { return w.sequence <= reported_confirmed_; });
    const std::uint64_t last = recovered_writes_.empty() ? std::max(recovered_sequence_, reported_confirmed_)
                                                         : recovered_writes_.back().sequence;
    home_->restore(last, std::move(recovered_writes_));
  }
  rebuild_machines();
}

void NodeEngine::Impl::restore_checkpoint(Checkpoint checkpoint) {
  if (!checkpoint.balances.empty()) {
    GC_CHECK_NOTE(checkpoint.balances.size() == resources_->balances().size(), "a checkpoint of another configuration");
    resources_->restore(std::move(checkpoint.balances));
  }
  for (const auto& [coordinator, watermark] : checkpoint.watermarks) {
    memory_.raise(coordinator, watermark);
  }
  for (const FinishedTxn& finished : checkpoint.finished) {
    memory_.remember(finished);
  }
  for (const FinishedRequest& request : checkpoint.requests) {
    requests_.remember(request);
  }
  replica_.restore(std::move(checkpoint.applied));
  if (home_) {
    recovered_sequence_ = checkpoint.shipped;
    recovered_writes_ = std::move(checkpoint.unshipped);
  }
  for (MachineRecord& record : checkpoint.open) {
    replay(std::move(record), false);
  }
}

void NodeEngine::Impl::replay(MachineRecord record, bool after_checkpoint) {
  std::vector<MachineRecord>& records = recovered_[{record.txn, record.role}];
  if (record.role == Role::participant && record.record.outcome == Outcome::commit && after_checkpoint) {
    const auto prepared =
        std::find_if(records.begin(), records.end(), [](const MachineRecord& r) { return r.descriptor.has_value(); });
    const bool again = std::any_of(records.begin(), records.end(),
                                   [](const MachineRecord& r) { return r.record.outcome == Outcome::commit; });
    if (prepared != records.end() && !again) {
      resources_->commit(prepared->descriptor->operations);
      if (home_ && record.ship_sequence != 0) {
        recovered_writes_.push_back({record.ship_sequence, record.txn, prepared->descriptor->operations});
      }
    }
  }
  records.push_back(std::move(record));
}

void NodeEngine::Impl::rebuild_machines() {
  const Instant now = environment_.now();
  for (auto& [key, records] : recovered_) {
    const auto fixed = std::find_if(records.begin(), records.end(),
                                    [](const MachineRecord& r) { return r.record.outcome != Outcome::undecided; });
    const auto described =
        std::find_if(records.begin(), records.end(), [](const MachineRecord& r) { return r.descriptor.has_value(); });
    if (key.second == Role::participant && fixed != records.end()) {
      memory_.remember(
          {key.first, fixed->record.outcome, false});  // Its coordinator asks again if it still needs the ACK.
      continue;
    }
    if (described == records.end()) {
      observer_.alarm("a record without the descriptor that it needs");
      continue;
    }
    const Protocol* protocol = find_row(records.front().protocol);
    GC_CHECK_NOTE(protocol != nullptr && protocol->make != nullptr, "a record of an unknown protocol");
    TxnEntry& entry = add_entry(*described->descriptor, key.second, *protocol);
    entry.records = records;
    entry.begun = now;
    entry.recovered = true;
    if (key.second == Role::participant) {
      entry.executed = true;
      // Of another clock (a reboot), or none: from now on, a lower bound.
      const bool known = described->written != Instant{} && described->clock == options_.clock;
      const Instant since = known ? std::min(described->written, now) : now;
      locks_.reinstate(lock_age(entry.descriptor), lock_requests(entry.descriptor), since);
      begin_in_doubt(entry, since);
    } else {
      if (fixed != records.end()) {
        requests_.remember({entry.descriptor.request, key.first, fixed->record.outcome});
      } else {
        open_requests_[entry.descriptor.request] = key.first;
      }
    }
    to_wake_.push_back(key);
  }
  recovered_.clear();
}

void NodeEngine::Impl::settle_recovered(TxnEntry& entry) {
  std::vector<LogRecord> records;
  records.reserve(entry.records.size());
  for (const MachineRecord& record : entry.records) {
    records.push_back(record.record);
  }
  feed({entry.descriptor.txn, entry.role}, Recovered{std::move(records)});
}

}  // namespace geocommit
