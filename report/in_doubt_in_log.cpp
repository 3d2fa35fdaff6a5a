#include "report/in_doubt_in_log.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/record.h"
#include "runtime/event_loop.h"
#include "runtime/log/segmented_log.h"

namespace geocommit {

std::vector<OpenAtEnd> in_doubt_in_log(const std::filesystem::path& folder, const NodeInfo& node,
                                       Duration decision_timeout, Instant now) {
  std::map<TxnId, OpenAtEnd> open;
  const std::uint64_t clock = steady_clock_id();
  const auto read = read_log_history(folder.string(), [&](std::uint64_t, const DurableRecord& record) {
    const auto* machine = std::get_if<MachineRecord>(&record);
    if (machine == nullptr || machine->role != Role::participant) return;
    if (machine->record.outcome != Outcome::undecided) {
      open.erase(machine->txn);
      return;
    }
    if (!machine->descriptor || !machine->descriptor->measured) return;
    OpenAtEnd& one = open[machine->txn];
    one.region = node.region;
    one.node = node.id;
    one.txn = machine->txn;
    one.from_log = true;
    std::set<Entity> keys;
    for (const Operation& operation : machine->descriptor->operations) keys.insert(operation.entity);
    one.cost.keys = static_cast<std::uint32_t>(keys.size());
    const bool comparable = machine->clock == clock && machine->written != Instant{};
    one.in_doubt = comparable ? std::max(now - machine->written, Duration{0}) : Duration{0};
    one.blocked = std::max(one.in_doubt - decision_timeout, Duration{0});
    one.cost.lock_time = one.blocked * one.cost.keys;
  });
  std::vector<OpenAtEnd> out;
  if (!read) return out;
  for (const auto& [txn, one] : open) out.push_back(one);
  return out;
}

}  // namespace geocommit
