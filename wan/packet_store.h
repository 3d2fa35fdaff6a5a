// Bounded memory for the packets that the router holds: slots of 2 KiB, taken last in first out so that few are
// touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/check.h"

namespace geocommit {

class PacketStore {
 public:
  static constexpr std::size_t kSlotBytes = 2048;
  static constexpr std::size_t kSlotsMax = std::size_t{1} << 17;  // 256 MiB

  /// A free slot, or nullopt when all are taken.
  [[nodiscard]] std::optional<std::uint32_t> take() {
    if (free_.empty() && !grow()) return std::nullopt;
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void give_back(std::uint32_t slot) { free_.push_back(slot); }
  [[nodiscard]] std::byte* data(std::uint32_t slot) {
    return chunks_[slot / kChunk].get() + (slot % kChunk) * kSlotBytes;
  }
  [[nodiscard]] std::uint32_t& size(std::uint32_t slot) { return sizes_[slot]; }

 private:
  static constexpr std::size_t kChunk = 256;
  bool grow() {
    const std::size_t have = chunks_.size() * kChunk;
    if (have + kChunk > kSlotsMax) return false;
    chunks_.push_back(std::make_unique<std::byte[]>(kChunk * kSlotBytes));
    sizes_.resize(have + kChunk);
    for (std::size_t i = kChunk; i > 0; --i) free_.push_back(static_cast<std::uint32_t>(have + i - 1));
    return true;
  }
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::vector<std::uint32_t> sizes_;
  std::vector<std::uint32_t> free_;
};

}  // namespace geocommit
