#include "engine/transactions.h"

#include <algorithm>

#include "base/canonical.h"
#include "base/check.h"

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
                          entry.applied, entry.attempt.to_forwarder, entry.attempt.reply_to != NodeId{}}) {
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

TxnEntry& Transactions::add(TxnDescriptor descriptor, Role role, const Protocol& protocol) {
  GC_CHECK(protocol.has_role(role));
  auto entry = std::make_unique<TxnEntry>();
  TxnContext context{
      descriptor.txn, context_.self(), descriptor.coordinator, descriptor.cohort, context_.options().timeouts, {}};
  if (protocol.wire_id == context_.options().protocol->wire_id) {
    context.options = context_.options().protocol_options;
  }
  entry->machine = protocol.make(role, context);
  entry->descriptor = std::move(descriptor);
  entry->role = role;
  entry->protocol = &protocol;
  const TxnId txn = entry->descriptor.txn;
  return table(role).add(txn, std::move(entry));
}

std::optional<std::pair<TxnKey, Input>> Transactions::take_input() {
  if (inputs_.empty()) {
    return std::nullopt;
  }
  std::pair<TxnKey, Input> input = std::move(inputs_.front());
  inputs_.pop_front();
  return input;
}

std::string Transactions::describe() const {
  std::string text;
  for (const TxnTable& table : tables_) {
    for (const TxnEntry* entry : table.ascending()) {
      text += to_text(entry->descriptor.txn) + " " + std::string(name_of(entry->role)) + " " +
              entry->machine->describe() + "\n";
    }
  }
  return text;
}

void Transactions::hash_state(std::string& out) const {
  for (const TxnTable& table : tables_) {
    put(out, table.size());
    for (const TxnEntry* entry : table.ascending()) {
      put(out, *entry);
    }
  }
}

}  // namespace geocommit
