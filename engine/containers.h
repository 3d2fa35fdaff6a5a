// What every message looks something up in. Flat: one look-up touches one place of memory, and nothing is allocated for
// an element. They are looked up only, never iterated, so no order of theirs can reach a run's outputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace geocommit {

/// Open addressing, linear probing, deletion by shifting back (Knuth, TAOCP 3, 6.4, algorithm R): no tombstones.
/// Pointers to values hold until the next emplace or erase.
template <class K, class V>
class FlatMap {
 public:
  [[nodiscard]] V* find(const K& key) {
    const std::size_t at = position(key);
    return at != kNone ? &slots_[at].value : nullptr;
  }
  [[nodiscard]] const V* find(const K& key) const {
    const std::size_t at = position(key);
    return at != kNone ? &slots_[at].value : nullptr;
  }
  [[nodiscard]] bool contains(const K& key) const { return position(key) != kNone; }

  /// The value of `key`, made if there was none, and whether it was made.
  std::pair<V*, bool> try_emplace(const K& key) {
    if (2 * (size_ + 1) > slots_.size()) {
      grow();
    }
    std::size_t at = home(key);
    for (; slots_[at].used; at = (at + 1) & mask()) {
      if (slots_[at].key == key) {
        return {&slots_[at].value, false};
      }
    }
    slots_[at].key = key;
    slots_[at].used = true;
    ++size_;
    return {&slots_[at].value, true};
  }
  V& operator[](const K& key) { return *try_emplace(key).first; }

  bool erase(const K& key) {
    std::size_t hole = position(key);
    if (hole == kNone) {
      return false;
    }
    for (std::size_t at = (hole + 1) & mask(); slots_[at].used; at = (at + 1) & mask()) {
      // It may fill the hole unless its home lies cyclically in (hole, at].
      if (((at - home(slots_[at].key)) & mask()) >= ((at - hole) & mask())) {
        slots_[hole].key = slots_[at].key;
        slots_[hole].value = std::move(slots_[at].value);
        hole = at;
      }
    }
    slots_[hole].value = V{};
    slots_[hole].used = false;
    --size_;
    return true;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// A hint: `key` will be looked up soon.
  void prefetch(const K& key) const {
    if (size_ != 0) {
      __builtin_prefetch(&slots_[home(key)]);
    }
  }

 private:
  struct Slot {
    K key{};
    V value{};
    bool used{};
  };
  static constexpr std::size_t kNone = SIZE_MAX;
  static constexpr std::size_t kLeast = 16;

  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t home(const K& key) const {
    const std::uint64_t h = static_cast<std::uint64_t>(std::hash<K>{}(key)) * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::size_t>(h >> 32U) & mask();
  }
  [[nodiscard]] std::size_t position(const K& key) const {
    if (size_ == 0) {
      return kNone;
    }
    for (std::size_t at = home(key); slots_[at].used; at = (at + 1) & mask()) {
      if (slots_[at].key == key) {
        return at;
      }
    }
    return kNone;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? kLeast : 2 * slots_.size());
    old.swap(slots_);
    size_ = 0;
    for (Slot& slot : old) {
      if (slot.used) {
        *try_emplace(slot.key).first = std::move(slot.value);
      }
    }
  }

  std::vector<Slot> slots_;  // A power of two of them, or none; at most half are used.
  std::size_t size_{};
};

/// By tokens that are given out in ascending order: a ring over those from the oldest live one to the newest.
template <class V>
class TokenRing {
 public:
  void emplace(std::uint64_t token, V value) {
    if (ring_.empty() || first_ == end_) {
      first_ = token;
    }
    while (token - first_ >= ring_.size()) {
      grow();
    }
    for (std::uint64_t t = end_; t < token; ++t) {
      ring_[t & mask()].used = false;
    }
    ring_[token & mask()] = {std::move(value), true};
    end_ = token + 1;
  }
  [[nodiscard]] V* find(std::uint64_t token) {
    return token >= first_ && token < end_ && ring_[token & mask()].used ? &ring_[token & mask()].value : nullptr;
  }
  void erase(std::uint64_t token) {
    if (V* value = find(token)) {
      *value = V{};
      ring_[token & mask()].used = false;
      while (first_ < end_ && !ring_[first_ & mask()].used) {
        ++first_;
      }
    }
  }

 private:
  struct Slot {
    V value{};
    bool used{};
  };
  [[nodiscard]] std::uint64_t mask() const { return ring_.size() - 1; }
  void grow() {
    std::vector<Slot> larger(ring_.empty() ? 16 : 2 * ring_.size());
    for (std::uint64_t t = first_; t < end_; ++t) {
      larger[t & (larger.size() - 1)] = std::move(ring_[t & mask()]);
    }
    ring_ = std::move(larger);
  }

  std::vector<Slot> ring_;  // A power of two of them, or none.
  std::uint64_t first_{}, end_{};
};

}  // namespace geocommit
