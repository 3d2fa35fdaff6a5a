#include "sim/explore/state.h"

namespace geocommit::explore {

void encode(const State& state, std::size_t nodes, Bytes& out) {
  out.resize(nodes * 3 + 7 + std::size_t{state.in_flight} * 2);
  char* at = out.data();
  const auto put16 = [&at](std::uint32_t value) {
    *at++ = static_cast<char>(value & 0xffU);
    *at++ = static_cast<char>((value >> 8U) & 0xffU);
  };
  for (std::size_t i = 0; i < nodes; ++i) {
    put16(state.node[i]);
    *at++ = static_cast<char>(state.node[i] >> 16U);
  }
  const Left& left = state.left;
  put16(static_cast<std::uint32_t>(left.crashes << 12U | left.partitions << 8U | left.duplicates << 4U | left.drops));
  put16(static_cast<std::uint32_t>(left.early_timers << 12U | left.denials << 8U | left.wounds << 4U |
                                   (left.restarts & 3U) << 2U | (state.commit ? 2U : 0U) | (state.abort ? 1U : 0U)));
  *at++ = static_cast<char>(state.cut);
  *at++ = static_cast<char>(state.slow);
  *at++ = static_cast<char>(left.early_firings);
  for (std::size_t i = 0; i < state.in_flight; ++i) {
    put16(state.message[i]);
  }
}

State decode(std::string_view bytes, std::size_t nodes) {
  State state;
  std::size_t at = 0;
  const auto get8 = [&] { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at++])); };
  const auto get16 = [&] {
    const std::uint32_t low = get8();
    return low | get8() << 8U;
  };
  for (std::size_t i = 0; i < nodes; ++i) {
    state.node[i] = get16();
    state.node[i] |= get8() << 16U;
  }
  const std::uint32_t first = get16();
  const std::uint32_t second = get16();
  const auto nibble = [](std::uint32_t value, unsigned shift) {
    return static_cast<std::uint8_t>((value >> shift) & 0xfU);
  };
  state.left = {nibble(first, 12), nibble(first, 8),   nibble(first, 4),
                nibble(first, 0),  nibble(second, 12), 0,
                nibble(second, 8), nibble(second, 4),  static_cast<std::uint8_t>((second >> 2U) & 3U)};
  state.commit = (second & 2U) != 0;
  state.abort = (second & 1U) != 0;
  state.cut = static_cast<std::uint8_t>(get8());
  state.slow = static_cast<std::uint8_t>(get8());
  state.left.early_firings = static_cast<std::uint8_t>(get8());
  while (at < bytes.size()) {
    state.message[state.in_flight++] = static_cast<MessageNumber>(get16());
  }
  return state;
}

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

Visited::Visited() : table_(std::size_t{1} << 16U), tags_(table_.size()) {}

std::string_view Visited::bytes_of(std::uint32_t number) const {
  const char* at = record(number);
  Header header;
  std::memcpy(&header, at, sizeof header);
  return {at + sizeof header, header.size};
}

std::uint32_t Visited::parent_of(std::uint32_t number) const {
  Header header;
  std::memcpy(&header, record(number), sizeof header);
  return header.parent;
}

Action Visited::action_of(std::uint32_t number) const {
  Header header;
  std::memcpy(&header, record(number), sizeof header);
  return header.action;
}

void Visited::grow() {
  std::vector<std::uint32_t> table(table_.size() * 2);
  std::vector<std::uint8_t> tags(table.size());
  const std::size_t mask = table.size() - 1;
  for (std::uint32_t number = 0; number < size_; ++number) {
    const std::uint64_t hash = hash_of(bytes_of(number));
    std::size_t slot = hash & mask;
    while (table[slot] != 0) {
      slot = (slot + 1) & mask;
    }
    table[slot] = number + 1;
    tags[slot] = static_cast<std::uint8_t>(hash >> 56U);
  }
  table_.swap(table);
  tags_.swap(tags);
}

std::pair<std::uint32_t, bool> Visited::insert(const Bytes& bytes, std::uint32_t parent, const Action& action) {
  if (size_ >= table_.size() / 8 * 5) {
    grow();
  }
  const std::size_t mask = table_.size() - 1;
  const std::uint64_t hash = hash_of(bytes);
  const auto tag = static_cast<std::uint8_t>(hash >> 56U);
  std::size_t slot = hash & mask;
  while (table_[slot] != 0) {
    if (tags_[slot] == tag && bytes_of(table_[slot] - 1) == bytes) {
      return {table_[slot] - 1, false};
    }
    slot = (slot + 1) & mask;
  }
  const std::size_t length = (sizeof(Header) + bytes.size() + 3) & ~std::size_t{3};
  if (used_ + length > kChunk) {
    chunks_.push_back(std::make_unique<char[]>(kChunk));
    used_ = 0;
  }
  if (size_ % kPage == 0) {
    at_.push_back(std::make_unique<std::uint32_t[]>(kPage));
  }
  const Header header{parent, action, static_cast<std::uint8_t>(bytes.size())};
  char* to = chunks_.back().get() + used_;
  std::memcpy(to, &header, sizeof header);
  std::memcpy(to + sizeof header, bytes.data(), bytes.size());
  at_.back()[size_ % kPage] = static_cast<std::uint32_t>((chunks_.size() - 1) * (kChunk / 4) + used_ / 4);
  used_ += length;
  tags_[slot] = tag;
  table_[slot] = ++size_;
  return {size_ - 1, true};
}

}  // namespace geocommit::explore
