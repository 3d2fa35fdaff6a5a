// The states that a search has met: each kept whole (no hash compaction: nothing is missed by a collision), in the
// order met, with the one that it was met from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace geocommit::explore {

[[nodiscard]] std::uint64_t hash_of(std::string_view bytes);

/// A state costs its bytes, 5 more, what rounds that up to 4, and 6 to 10 in the table.
class Visited {
 public:
  using Place = std::uint32_t;  ///< Where a record is, in units of 4 bytes. Later states have later places.
  static constexpr std::size_t kBytesMost = 255;

  Visited();
  /// `hash` is that of the bytes. Where the state is now, and whether it is new.
  std::pair<Place, bool> insert(std::string_view bytes, std::uint64_t hash, Place parent);
  std::pair<Place, bool> insert(std::string_view bytes, Place parent) { return insert(bytes, hash_of(bytes), parent); }
  /// May be asked by several threads while none inserts.
  [[nodiscard]] bool contains(std::string_view bytes, std::uint64_t hash) const;
  /// That it will be looked up soon.
  void prefetch(std::uint64_t hash) const {
    const std::size_t slot = slot_of(hash);
    __builtin_prefetch(&tags_[slot]);
    __builtin_prefetch(&table_[slot]);
  }

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::size_t memory() const {
    return chunks_.size() * kChunk + table_.size() * (sizeof(Place) + sizeof(std::uint8_t));
  }
  /// Of all bounds, that of the places: 16 GiB of states.
  [[nodiscard]] bool full() const { return chunks_.size() + 1 >= kChunksMost; }

  [[nodiscard]] static constexpr Place first() { return 0; }
  /// Of the state that was met after that one, which must not be the last.
  [[nodiscard]] Place after(Place place) const;
  [[nodiscard]] Place last() const { return last_; }
  [[nodiscard]] std::string_view bytes_of(Place place) const {
    const char* record = at(place);
    return {record + kHead, static_cast<unsigned char>(record[sizeof(Place)])};
  }
  [[nodiscard]] Place parent_of(Place place) const;

 private:
  static constexpr std::size_t kUnit = 4, kHead = sizeof(Place) + 1;  // The parent; the size; then the bytes.
  static constexpr std::size_t kChunk = std::size_t{1} << 18U;
  static constexpr std::size_t kUnits = kChunk / kUnit;
  static constexpr std::size_t kChunksMost = (std::size_t{1} << 32U) / kUnits;
  static constexpr Place kNone = 0xffffffffU;

  [[nodiscard]] const char* at(Place place) const {
    return chunks_[place / kUnits].get() + std::size_t{place % kUnits} * kUnit;
  }
  [[nodiscard]] static std::size_t units_of(std::size_t bytes) { return (kHead + bytes + kUnit - 1) / kUnit; }
  [[nodiscard]] std::size_t slot_of(std::uint64_t hash) const {
    return static_cast<std::size_t>((static_cast<unsigned __int128>(hash) * table_.size()) >> 64U);
  }
  /// The slot with these bytes, or the empty one where they belong.
  [[nodiscard]] std::size_t find(std::string_view bytes, std::uint64_t hash) const;
  void grow();

  std::vector<std::unique_ptr<char[]>> chunks_;  ///< Records, back to back, none across two; a size of 0 ends one.
  std::size_t used_{kUnits};                     ///< Of the last chunk, in units.
  std::vector<Place> table_;                     ///< Open addressing.
  std::vector<std::uint8_t> tags_;               ///< Of the hash: most unequal states are told apart by it.
  std::uint64_t size_{};
  Place last_{};
};

}  // namespace geocommit::explore
