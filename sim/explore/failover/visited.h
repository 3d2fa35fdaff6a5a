// The states that a search has met.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/explore/failover/model.h"

namespace geocommit::explore::failover {

/// Whole states, not hashes of them: no collision can hide one. Numbered as they are met. Of two that differ only in
/// what is in flight, one with all of the other's messages can do all that the other can, and more: the other is not
/// searched on.
class Visited {
 public:
  /// Without `cover` only a state that is the same is taken for met.
  Visited(std::size_t sites, bool cover)
      : sites_(sites), fixed_(sizeof(std::uint32_t) * sites + kCounts), cover_(cover), table_(1U << 16U, kNone) {}

  /// False: it was met, or one that can do all that it can.
  bool insert(const State& state) {
    append(state);
    const auto index = static_cast<std::uint32_t>(size());
    starts_.push_back(bytes_.size());
    std::uint32_t& first = table_[find(fixed(index))];
    if (first == kNone) {
      ++together_;
    }
    for (std::uint32_t* link = &first; *link != kNone;) {
      const std::uint32_t other = *link;
      if (cover_ ? contains(other, index) : messages(other) == messages(index)) {
        starts_.pop_back();
        bytes_.resize(starts_.back());
        return false;
      }
      if (cover_ && contains(index, other)) {
        *link = next_[other];
        next_[other] = kCovered;
      } else {
        link = &next_[other];
      }
    }
    next_.push_back(std::exchange(first, index));
    if (2 * together_ > table_.size()) {
      grow();
    }
    return true;
  }
  /// One that was met later can do all that it can.
  [[nodiscard]] bool covered(std::size_t index) const { return next_[index] == kCovered; }
  [[nodiscard]] State at(std::size_t index) const {
    State state;
    const char* from = bytes_.data() + starts_[index];
    const auto take = [&](void* into, std::size_t size) {
      std::memcpy(into, from, size);
      from += size;
    };
    take(state.site.data(), sizeof(std::uint32_t) * sites_);
    for (std::uint8_t* count :
         {&state.failovers, &state.transfers, &state.crashes, &state.renewals, &state.hours, &state.writes}) {
      take(count, 1);
    }
    state.in_flight = static_cast<std::uint8_t>(messages(index).size() / sizeof(std::uint16_t));
    take(state.message.data(), sizeof(std::uint16_t) * state.in_flight);
    return state;
  }
  [[nodiscard]] std::size_t size() const { return starts_.size() - 1; }
  [[nodiscard]] std::size_t together() const { return together_; }  ///< States that differ in more than messages.
  [[nodiscard]] std::size_t bytes() const {
    return bytes_.capacity() + sizeof(std::size_t) * starts_.capacity() +
           sizeof(std::uint32_t) * (table_.capacity() + next_.capacity());
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffffU, kCovered = kNone - 1;
  static constexpr std::size_t kCounts = 6;

  void append(const State& state) {
    const auto put = [&](const void* from, std::size_t size) {
      const auto* bytes = static_cast<const char*>(from);
      bytes_.insert(bytes_.end(), bytes, bytes + size);
    };
    put(state.site.data(), sizeof(std::uint32_t) * sites_);
    for (const std::uint8_t count :
         {state.failovers, state.transfers, state.crashes, state.renewals, state.hours, state.writes}) {
      put(&count, 1);
    }
    put(state.message.data(), sizeof(std::uint16_t) * state.in_flight);
  }
  /// All but the messages.
  [[nodiscard]] std::string_view fixed(std::size_t index) const { return {bytes_.data() + starts_[index], fixed_}; }
  [[nodiscard]] std::string_view messages(std::size_t index) const {
    return {bytes_.data() + starts_[index] + fixed_, starts_[index + 1] - starts_[index] - fixed_};
  }
  [[nodiscard]] bool contains(std::size_t all, std::size_t some) const {
    const std::string_view large = messages(all), small = messages(some);
    std::size_t i = 0;
    for (std::size_t k = 0; k < small.size(); k += 2, i += 2) {
      if (large.size() - i < small.size() - k) {
        return false;
      }
      while (i < large.size() && (large[i] != small[k] || large[i + 1] != small[k + 1])) {
        i += 2;
      }
      if (i >= large.size()) {
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] std::size_t find(std::string_view key) const {
    std::size_t at = std::hash<std::string_view>{}(key) & (table_.size() - 1);
    while (table_[at] != kNone && fixed(table_[at]) != key) {
      at = (at + 1) & (table_.size() - 1);
    }
    return at;
  }
  void grow() {
    const std::vector<std::uint32_t> old = std::exchange(table_, std::vector<std::uint32_t>(2 * table_.size(), kNone));
    for (const std::uint32_t first : old) {
      if (first != kNone) {
        table_[find(fixed(first))] = first;
      }
    }
  }

  std::size_t sites_, fixed_;
  bool cover_;
  std::size_t together_{};
  std::vector<char> bytes_;
  std::vector<std::size_t> starts_{0};  ///< Of each state in bytes_, and the end of the last.
  std::vector<std::uint32_t> table_;    ///< The last met of those that differ only in what is in flight.
  std::vector<std::uint32_t> next_;     ///< Of each state: the one met before it; kCovered: one has taken its place.
};

}  // namespace geocommit::explore::failover
