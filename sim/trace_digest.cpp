#include "sim/trace_digest.h"

namespace geocommit::sim {

void TraceDigest::add(const Event& event, const PeerMessage* message) {
  const auto mix = [&](std::uint64_t word) {
    hash_ = (hash_ ^ word) * 0x9e3779b97f4a7c15ULL;
    hash_ ^= hash_ >> 32U;
  };
  mix(static_cast<std::uint64_t>(event.time_ns));
  mix(std::uint64_t{event.node} << 8U | static_cast<std::uint64_t>(event.kind));
  if (message == nullptr) {
    mix(event.kind == EventKind::restart || event.kind == EventKind::resume ? 0 : event.arg);
    return;
  }
  mix(std::uint64_t{message->from.value} << 8U | message->payload.index());
  if (const auto* wire = std::get_if<ProtocolMessage>(&message->payload)) {
    const Message& m = wire->message;
    mix(m.txn.counter << 24U ^ std::uint64_t{m.txn.coordinator.value} << 8U ^ m.kind);
    mix(std::uint64_t{m.txn.epoch.value} << 16U ^ std::uint64_t{m.depth} << 8U ^
        static_cast<std::uint64_t>(m.outcome) << 4U ^ static_cast<std::uint64_t>(m.vote));
  }
}

}  // namespace geocommit::sim
