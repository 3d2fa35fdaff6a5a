#include "sim/explore/state.h"

#include <algorithm>

#include "sim/explore/packed.h"

namespace geocommit::explore {

Packing::Packing(const Options& options)
    : nodes_(options.participants + 1), every_restart_(options.bounds.restarts >= Bounds::kEveryRestart) {
  const Bounds& b = options.bounds;
  std::uint64_t weight = 1;
  const auto weigh = [&](std::uint8_t Left::*left, std::uint32_t bound) {
    const std::uint64_t most = std::min(bound, 15U);
    if (most > 0) {
      weighed_.push_back({left, most, weight});
      weight *= most + 1;
    }
  };
  weigh(&Left::crashes, b.crashes);
  weigh(&Left::partitions, b.partitions);
  weigh(&Left::duplicates, b.duplicates);
  weigh(&Left::drops, b.drops);
  weigh(&Left::early_timers, b.early_timers);
  weigh(&Left::early_firings, b.early_firings);
  weigh(&Left::denials, b.denials);
  weigh(&Left::wounds, b.wounds);
  weigh(&Left::restarts, every_restart_ ? 0 : b.restarts);  // If all come back, it is not counted down.
  cuts_ = b.partitions > 0 ? std::uint64_t{1} << options.participants : 1;
  slows_ = b.early_timers > 0 ? std::uint64_t{1} << nodes_ : 1;
}

void Packing::pack(const State& state, const Named& named, Bytes& out) const {
  char buffer[kNodesMax * 4 + kInFlightMax * 3 + 10];
  packed::Writer writer(buffer);
  std::uint64_t counts = 0;
  for (const Weighed& bound : weighed_) {
    counts += std::min<std::uint64_t>(state.left.*bound.left, bound.most) * bound.weight;
  }
  counts = (counts * cuts_ + (named.cut >> 1U)) * slows_ + named.slow;
  counts = counts * 4 + (state.commit ? 2U : 0U) + (state.abort ? 1U : 0U);
  writer.put(counts);
  for (std::size_t i = 0; i < nodes_; ++i) {
    writer.put(named.node[i]);
  }
  writer.put_messages(named.message, state.in_flight);
  out.assign(buffer, writer.end());
}

State Packing::unpack(std::string_view bytes) const {
  State state;
  std::size_t at = 0;
  std::uint64_t counts = packed::get(bytes, at);
  state.abort = (counts & 1U) != 0;
  state.commit = (counts & 2U) != 0;
  counts /= 4;
  state.slow = static_cast<std::uint8_t>(counts % slows_);
  counts /= slows_;
  state.cut = static_cast<std::uint8_t>((counts % cuts_) << 1U);
  counts /= cuts_;
  for (const Weighed& bound : weighed_) {
    state.left.*bound.left = static_cast<std::uint8_t>(counts / bound.weight % (bound.most + 1));
  }
  if (every_restart_) {
    state.left.restarts = Bounds::kEveryRestart;
  }
  for (std::size_t i = 0; i < nodes_; ++i) {
    state.node[i] = static_cast<StateNumber>(packed::get(bytes, at));
  }
  packed::get_messages(bytes, at, [&state](MessageNumber number) { state.message[state.in_flight++] = number; });
  return state;
}

}  // namespace geocommit::explore
