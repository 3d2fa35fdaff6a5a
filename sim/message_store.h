// Messages in flight. Slots are used again, by kind, so that their vectors keep their capacity.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <variant>
#include <vector>

#include "engine/peer_message.h"

namespace geocommit::sim {

class MessageStore {
 public:
  std::uint32_t put(NodeId from, Epoch epoch, Watermark watermark, const PeerPayload& payload);
  std::uint32_t copy(std::uint32_t slot);
  [[nodiscard]] const PeerMessage& at(std::uint32_t slot) const { return slots_[slot]; }
  void free(std::uint32_t slot);
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

 private:
  static constexpr std::size_t kKinds = 2 * std::variant_size_v<PeerPayload>;
  [[nodiscard]] static std::size_t kind_of(const PeerPayload& payload);
  std::deque<PeerMessage> slots_;
  std::array<std::vector<std::uint32_t>, kKinds> free_;
};

}  // namespace geocommit::sim
