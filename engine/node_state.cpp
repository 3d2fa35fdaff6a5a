// The canonical encoding of a node's state: what the explorer takes for the same state again.
#include <algorithm>
#include <string>

#include "base/canonical.h"
#include "engine/node_engine.h"

namespace geocommit {
namespace {

using canonical::put;

void put(std::string& out, const std::string& text) {
  put(out, text.size());
  out += text;
}

void put(std::string& out, const TxnEntry& entry) {
  put(out, entry.descriptor.txn);
  put(out, static_cast<std::uint64_t>(entry.role));
  put(out, entry.protocol->wire_id);
  std::string machine;
  entry.machine->hash_state(machine);
  put(out, machine);
  put(out, entry.descriptor.cohort.size());
  for (const Member& member : entry.descriptor.cohort) {
    put(out, member.node.value);
    put(out, member.epoch.value);
  }
  put(out, entry.descriptor.operations.size());
  put(out, static_cast<std::uint64_t>(entry.outcome));
  std::uint64_t flags = 0;
  for (const bool flag : {entry.refused.has_value(), entry.executed, entry.read_only, entry.waiting, entry.wound_sent,
                          entry.applied, entry.reply_to_forwarder, entry.reply_to != NodeId{}}) {
    flags = flags << 1U | (flag ? 1U : 0U);
  }
  put(out, flags);
  std::vector<std::uint8_t> timers;
  for (const auto& [timer, token] : entry.timers) {
    timers.push_back(timer);
  }
  std::sort(timers.begin(), timers.end());
  put(out, std::string(timers.begin(), timers.end()));
}

}  // namespace

void NodeEngine::Impl::hash_state(std::string& out) const {
  for (const auto* table : {&coordinators_, &participants_}) {
    put(out, table->size());
    for (const TxnEntry* entry : table->ascending()) {
      put(out, *entry);
    }
  }
  put(out, next_counter_ << 1U | (quiesced_ ? 1U : 0U));
  const std::vector<FinishedTxn> finished = memory_.all();
  put(out, finished.size());
  for (const FinishedTxn& f : finished) {
    put(out, f.txn);
    put(out, static_cast<std::uint64_t>(f.outcome) << 1U | (f.read_only ? 1U : 0U));
  }
  for (const auto& [coordinator, watermark] : memory_.watermarks()) {
    put(out, coordinator.value);
    put(out, watermark.epoch.value);
    put(out, watermark.counter);
  }
  put(out, requests_.all().size());
  for (const FinishedRequest& f : requests_.all()) {
    put(out, f.request.client.value);
    put(out, f.request.sequence);
    put(out, static_cast<std::uint64_t>(f.outcome));
  }
  for (const auto& [client, sequence] : requests_.dropped()) {
    put(out, client.value);
    put(out, sequence);
  }
  put(out, open_requests_.size());
  peer_epochs_.for_each([&](NodeId node, Epoch epoch) {
    put(out, node.value);
    put(out, epoch.value);
  });
  put(out, locks_->held());
  put(out, locks_->waiting());
  put(out, forces_.size());
  for (const auto& [token, use] : forces_) {
    const auto* machine = std::get_if<MachineForce>(&use);
    put(out, machine != nullptr ? machine->kind : 0xffU);
  }
  for (const std::int64_t balance : resources_->balances()) {
    put(out, static_cast<std::uint64_t>(balance));
  }
}

}  // namespace geocommit
