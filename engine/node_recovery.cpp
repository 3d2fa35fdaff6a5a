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
    } else if (const auto* shipped = std::get_if<ShippedRecord>(&durable)) {
      replay_shipped(*shipped);
    } else if (const auto* home = std::get_if<HomeRecord>(&durable)) {
      replay_home(*home);
    } else if (const auto* acked = std::get_if<ShipAckedRecord>(&durable)) {
      if (HomeSite* site = home_site(acked->home == NodeId{} ? options_.self : acked->home)) {
        site->reported_confirmed = std::max(site->reported_confirmed, acked->sequence);
        site->log.confirm(acked->sequence);
      }
    }
    // EpochRecord: the runtime has read it.
  }
  for (auto& [home, site] : homes_) {  // What was read is durable; what a replica may lack is sent again.
    site.log.set_durable(site.log.last());
  }
  rebuild_machines();
}

void NodeEngine::Impl::restore_checkpoint(Checkpoint checkpoint) {
  if (!checkpoint.balances.empty()) {
    GC_CHECK_NOTE(checkpoint.balances.size() == resources_->balances().size(), "a checkpoint of another configuration");
    resources_->restore(std::move(checkpoint.balances), std::move(checkpoint.writers));
  }
  for (const auto& [coordinator, watermark] : checkpoint.watermarks) {
    memory_.raise(coordinator, watermark);
  }
  for (const FinishedTxn& finished : checkpoint.finished) {
    memory_.remember(finished);
  }
  requests_.restore_dropped(checkpoint.forgotten);
  for (const FinishedRequest& request : checkpoint.requests) {
    requests_.remember(request);
  }
  restore_homes(std::move(checkpoint.homes));
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
      resources_->commit(record.txn, kept_operations(prepared->descriptor->operations, record.ships));
      replay_places(record, *prepared);
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
    GC_CHECK_NOTE(protocol != nullptr && !protocol->is_router(), "a record of an unknown protocol");
    TxnEntry& entry = add_entry(*described->descriptor, key.second, *protocol);
    entry.versions = std::move(described->versions);
    described->versions.clear();
    entry.records = records;
    entry.begun = now;
    entry.recovered = true;
    if (key.second == Role::participant) {
      entry.executed = true;
      entry.reads = reads_of(entry);
      entry.places = described->ships;
      if (entry.places.empty() && keeps_homes_) {  // Accepted in the first terms of its homes.
        for (const Operation& operation : entry.descriptor.operations) {
          const NodeId home = home_of(operation);
          if (!operation.read && std::none_of(entry.places.begin(), entry.places.end(),
                                              [&](const ShipPlace& place) { return place.home == home; })) {
            entry.places.push_back(
                {home, home_region::first_epoch(directory_.region_of(home), directory_.region_count()), 0});
          }
        }
      }
      // Of another clock (a reboot), or none: from now on, a lower bound.
      const bool known = described->written != Instant{} && described->clock == options_.clock;
      const Instant since = known ? std::min(described->written, now) : now;
      locks_->reinstate(lock_age(entry.descriptor), lock_requests(entry.descriptor), since);
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
