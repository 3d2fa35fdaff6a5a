#include "sim/message_store.h"

namespace geocommit::sim {

std::size_t MessageStore::kind_of(const PeerPayload& payload) {
  const auto* protocol = std::get_if<ProtocolMessage>(&payload);
  return 2 * payload.index() + (protocol != nullptr && protocol->descriptor ? 1 : 0);
}

std::uint32_t MessageStore::put(NodeId from, Epoch epoch, Watermark watermark, const PeerPayload& payload) {
  std::vector<std::uint32_t>& free = free_[kind_of(payload)];
  std::uint32_t slot = 0;
  if (free.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free.back();
    free.pop_back();
  }
  PeerMessage& message = slots_[slot];
  message.from = from;
  message.from_epoch = epoch;
  message.watermark = watermark;
  message.payload = payload;
  return slot;
}

std::uint32_t MessageStore::copy(std::uint32_t slot) {
  const PeerMessage& message = slots_[slot];
  return put(message.from, message.from_epoch, message.watermark, message.payload);
}

void MessageStore::free(std::uint32_t slot) { free_[kind_of(slots_[slot].payload)].push_back(slot); }

}  // namespace geocommit::sim
