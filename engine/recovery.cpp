#include "engine/recovery.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace geocommit {
namespace {

bool has_descriptor(const MachineRecord& record) { return record.descriptor.has_value(); }

}  // namespace

void Recovery::replay(MachineRecord record, bool after_checkpoint) {
  Records& records = read_[{record.txn, record.role}];
  if (record.role == Role::participant && record.record.outcome == Outcome::commit && after_checkpoint) {
    const auto prepared = std::find_if(records.begin(), records.end(), has_descriptor);
    const bool again = std::any_of(records.begin(), records.end(),
                                   [](const MachineRecord& r) { return r.record.outcome == Outcome::commit; });
    if (prepared != records.end() && !again) {
      std::vector<Operation> kept = prepared->descriptor->operations;
      for (const Service* service : services_) {
        service->keep(kept, record.ships);
      }
      execution_.resources().commit(record.txn, kept);
      for (Service* service : services_) {
        service->replay_commit(record, *prepared);
      }
    }
  }
  records.push_back(std::move(record));
}

void Recovery::rebuild() {
  for (auto& [key, records] : read_) {
    rebuild(key, records);
  }
  read_.clear();
}

void Recovery::rebuild(const TxnKey& key, Records& records) {
  const auto fixed = std::find_if(records.begin(), records.end(),
                                  [](const MachineRecord& r) { return r.record.outcome != Outcome::undecided; });
  const Outcome outcome = fixed != records.end() ? fixed->record.outcome : Outcome::undecided;
  const auto described = std::find_if(records.begin(), records.end(), has_descriptor);
  if (key.second == Role::participant && outcome != Outcome::undecided) {
    memory_.remember({key.first, outcome, false});  // Its coordinator asks again if it still needs the ACK.
    return;
  }
  if (described == records.end()) {
    context_.observer().alarm("a record without the descriptor that it needs");
    return;
  }
  const Protocol* protocol = context_.row(records.front().protocol);
  GC_CHECK_NOTE(protocol != nullptr && !protocol->is_router() && protocol->has_role(key.second),
                "a record of an unknown protocol, or of a role that it has not");
  TxnEntry& entry = transactions_.add(*described->descriptor, key.second, *protocol);
  entry.versions = std::move(described->versions);
  described->versions.clear();
  entry.records = records;
  entry.begun = context_.now();
  entry.recovered = true;
  switch (key.second) {
    case Role::coordinator:
      requester_.recovered(entry, outcome);
      break;
    case Role::participant:
      reinstate(entry, *described);
      break;
    case Role::acceptor:  // Holds no locks, and answers for no request.
      break;
  }
  to_wake_.push_back(key);
}

void Recovery::reinstate(TxnEntry& entry, const MachineRecord& described) {
  entry.places = described.ships;
  for (Service* service : services_) {
    service->reinstated(entry);
  }
  // Of another clock (a reboot), or none: from now on, a lower bound.
  const bool known = described.written != Instant{} && described.clock == context_.options().clock;
  const Instant now = context_.now();
  execution_.reinstate(entry, known ? std::min(described.written, now) : now);
}

void Recovery::wake() {
  for (const TxnKey& key : to_wake_) {
    if (const TxnEntry* entry = transactions_.find(key)) {
      std::vector<LogRecord> records;
      records.reserve(entry->records.size());
      for (const MachineRecord& record : entry->records) {
        records.push_back(record.record);
      }
      transactions_.feed(key, Recovered{std::move(records)});
    }
  }
  to_wake_.clear();
}

}  // namespace geocommit
