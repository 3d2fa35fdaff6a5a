// Steps by node, state and input: what a search looks up millions of times.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace geocommit::explore {

/// Thrown where tables that are frozen do not have what is asked for.
struct Unknown {};

template <class Step>
class StepIndex {
 public:
  /// nullptr: not there.
  [[nodiscard]] const Step* find(std::uint64_t key) const {
    std::size_t slot = slot_of(key);
    while (slots_[slot].second != nullptr && slots_[slot].first != key) {
      slot = (slot + 1) & (slots_.size() - 1);
    }
    return slots_[slot].second;
  }
  void add(std::uint64_t key, const Step* step) {
    if (2 * ++size_ > slots_.size()) {
      const auto old = std::exchange(slots_, Slots(2 * slots_.size()));
      for (const auto& [other, its] : old) {
        if (its != nullptr) {
          put(other, its);
        }
      }
    }
    put(key, step);
  }

 private:
  using Slots = std::vector<std::pair<std::uint64_t, const Step*>>;
  [[nodiscard]] std::size_t slot_of(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15ULL) >> 32U) & (slots_.size() - 1);
  }
  void put(std::uint64_t key, const Step* step) {
    std::size_t slot = slot_of(key);
    while (slots_[slot].second != nullptr) {
      slot = (slot + 1) & (slots_.size() - 1);
    }
    slots_[slot] = {key, step};
  }

  Slots slots_{1024};
  std::size_t size_{};
};

}  // namespace geocommit::explore
