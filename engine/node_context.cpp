#include "engine/node_context.h"

#include <algorithm>

#include "base/canonical.h"
#include "base/check.h"

namespace geocommit {

NodeContext::NodeContext(EngineOptions options, Environment& environment, Observer& observer)
    : options_(options), environment_(environment), observer_(observer) {
  GC_CHECK(options_.protocol != nullptr && options_.epoch != Epoch{});
  GC_CHECK(directory().find(options_.self) != nullptr);
  if (options_.home.guard == Duration::zero()) {
    options_.home.guard = std::min(options_.timeouts.vote, options_.home.lease / 2);
  }
}

const Protocol* NodeContext::row(std::uint8_t wire_id) const {
  const auto found =
      std::find_if(options_.rows.begin(), options_.rows.end(), [&](const Protocol& p) { return p.wire_id == wire_id; });
  return found == options_.rows.end() ? nullptr : &*found;
}

std::size_t NodeContext::send(NodeId to, const PeerPayload& payload, Traffic traffic, std::string_view kind) {
  const std::size_t bytes = environment_.send(to, payload);
  observer_.message_sent(traffic, kind, !directory().same_region(options_.self, to), bytes);
  return bytes;
}

TimerToken NodeContext::set_timer(const TimerUse& use, Duration after) {
  const TimerToken token = ++last_timer_;
  timers_.emplace(token, use);
  environment_.set_timer(token, environment_.now() + after);
  return token;
}

void NodeContext::cancel_timer(TimerToken token) {
  environment_.cancel_timer(token);
  timers_.erase(token);
}

std::optional<TimerUse> NodeContext::take_timer(TimerToken token) {
  const TimerUse* found = timers_.find(token);
  if (found == nullptr) {
    return std::nullopt;
  }
  const TimerUse use = *found;
  timers_.erase(token);
  return use;
}

void NodeContext::force(const DurableRecord& record, ForceUse use) {
  const WriteToken token = ++last_write_;
  forces_.emplace_back(token, std::move(use));
  environment_.write(record, token);
}

const ForceUse* NodeContext::oldest_forced(WriteToken token) const {
  return !forces_.empty() && forces_.front().first <= token ? &forces_.front().second : nullptr;
}

void NodeContext::hash_forces(std::string& out) const {
  canonical::put(out, forces_.size());
  for (const auto& [token, use] : forces_) {
    const auto* machine = std::get_if<MachineForce>(&use);
    canonical::put(out, machine != nullptr ? machine->kind : 0xffU);
  }
}

}  // namespace geocommit
