// What was found out about a key, until another key takes its slot: a cache of fixed size, exact in what it still has.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace geocommit::explore {

class Memo {
 public:
  /// A slot has 64 bytes; they are there from the first that is kept on.
  explicit Memo(std::size_t slots) : size_(slots) {}
  /// `hash` is that of the key.
  [[nodiscard]] std::optional<std::uint8_t> find(std::string_view key, std::uint64_t hash) const {
    if (slots_.empty() || key.size() > kKeyMost) {
      return std::nullopt;
    }
    const Slot& slot = slots_[hash % size_];
    const bool same = slot.used && std::string_view(slot.key.data(), slot.size) == key;
    return same ? std::optional(slot.value) : std::nullopt;
  }
  void keep(std::string_view key, std::uint64_t hash, std::uint8_t value) {
    if (key.size() > kKeyMost) {
      return;
    }
    slots_.resize(size_);
    Slot& slot = slots_[hash % size_];
    slot.used = true;
    slot.size = static_cast<std::uint8_t>(key.size());
    slot.value = value;
    std::memcpy(slot.key.data(), key.data(), key.size());
  }

 private:
  static constexpr std::size_t kKeyMost = 61;
  struct alignas(64) Slot {
    bool used{};
    std::uint8_t size{}, value{};
    std::array<char, kKeyMost> key;
  };
  std::size_t size_;
  std::vector<Slot> slots_;
};

}  // namespace geocommit::explore
