#include "sim/explore/visited.h"

#include <cstring>

#include "base/check.h"

namespace geocommit::explore {
namespace {

constexpr std::size_t kSlotsFirst = std::size_t{1} << 12U;

std::uint8_t tag_of(std::uint64_t hash) { return static_cast<std::uint8_t>(hash); }

}  // namespace

std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t h = 0x9e3779b97f4a7c15ULL ^ bytes.size();
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    h = (h ^ word) * 0xff51afd7ed558ccdULL;
    h ^= h >> 32U;
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
  h = (h ^ rest) * 0xc4ceb9fe1a85ec53ULL;
  return h ^ (h >> 29U);
}

Visited::Visited() : table_(kSlotsFirst, kNone), tags_(kSlotsFirst) {}

Visited::Place Visited::parent_of(Place place) const {
  Place parent = 0;
  std::memcpy(&parent, at(place), sizeof parent);
  return parent;
}

Visited::Place Visited::after(Place place) const {
  GC_CHECK(place != last_);
  const std::size_t chunk = place / kUnits;
  const std::size_t next = place % kUnits + units_of(bytes_of(place).size());
  const bool here = next + units_of(0) <= kUnits && at(static_cast<Place>(chunk * kUnits + next))[sizeof(Place)] != 0;
  return static_cast<Place>(here ? chunk * kUnits + next : (chunk + 1) * kUnits);
}

std::size_t Visited::find(std::string_view bytes, std::uint64_t hash) const {
  const std::uint8_t tag = tag_of(hash);
  std::size_t slot = slot_of(hash);
  while (table_[slot] != kNone && (tags_[slot] != tag || bytes_of(table_[slot]) != bytes)) {
    slot = slot + 1 == table_.size() ? 0 : slot + 1;
  }
  return slot;
}

bool Visited::contains(std::string_view bytes, std::uint64_t hash) const { return table_[find(bytes, hash)] != kNone; }

void Visited::grow() {
  const std::size_t slots = table_.size() / 2 * 3;
  table_ = {};  // Before the larger one is there: the records know all that was in it.
  table_.assign(slots, kNone);
  tags_.assign(slots, 0);
  Place place = first();
  for (std::uint64_t n = 0; n < size_; ++n) {
    const std::uint64_t hash = hash_of(bytes_of(place));
    std::size_t slot = slot_of(hash);
    while (table_[slot] != kNone) {
      slot = slot + 1 == slots ? 0 : slot + 1;
    }
    table_[slot] = place;
    tags_[slot] = tag_of(hash);
    place = place == last_ ? place : after(place);
  }
}

std::pair<Visited::Place, bool> Visited::insert(std::string_view bytes, std::uint64_t hash, Place parent) {
  GC_CHECK(!bytes.empty() && bytes.size() <= kBytesMost);
  if (size_ >= table_.size() / 5 * 4) {
    grow();
  }
  const std::size_t slot = find(bytes, hash);
  if (table_[slot] != kNone) {
    return {table_[slot], false};
  }
  const std::size_t units = units_of(bytes.size());
  if (used_ + units > kUnits) {
    GC_CHECK(chunks_.size() < kChunksMost);
    chunks_.push_back(std::make_unique<char[]>(kChunk));
    used_ = 0;
  }
  last_ = static_cast<Place>((chunks_.size() - 1) * kUnits + used_);
  used_ += units;
  char* record = chunks_.back().get() + std::size_t{last_ % kUnits} * kUnit;
  std::memcpy(record, &parent, sizeof parent);
  record[sizeof parent] = static_cast<char>(bytes.size());
  std::memcpy(record + kHead, bytes.data(), bytes.size());
  table_[slot] = last_;
  tags_[slot] = tag_of(hash);
  ++size_;
  return {last_, true};
}

}  // namespace geocommit::explore
