// Strong ids: a NodeId never converts to a RegionId.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace geocommit {

template <class Tag, class Rep>
struct Id {
  Rep value{};
  auto operator<=>(const Id&) const = default;
};

using NodeId = Id<struct NodeTag, std::uint32_t>;      ///< One process: agent, coordinator or client; 0 is nobody.
using RegionId = Id<struct RegionTag, std::uint32_t>;  ///< Index into the directory's regions.
using Epoch = Id<struct EpochTag, std::uint32_t>;      ///< How often a node has started; 0: not known.
using Ballot = Id<struct BallotTag, std::uint32_t>;    ///< Leadership attempt; 0: the original coordinator.
using Entity = Id<struct EntityTag, std::uint64_t>;    ///< A logical record (a bank account), 0-based.

/// Unique for ever: the coordinator's epoch is forced before it hands out a counter (pitfall 7).
struct TxnId {
  NodeId coordinator;
  Epoch epoch;
  std::uint64_t counter{};
  auto operator<=>(const TxnId&) const = default;
};

/// Names a client's request across retries: the client's node and its own counter.
struct RequestId {
  NodeId client;
  std::uint64_t sequence{};
  auto operator<=>(const RequestId&) const = default;
};

}  // namespace geocommit

template <class Tag, class Rep>
struct std::hash<geocommit::Id<Tag, Rep>> {
  std::size_t operator()(const geocommit::Id<Tag, Rep>& id) const noexcept { return std::hash<Rep>{}(id.value); }
};
template <>
struct std::hash<geocommit::TxnId> {
  std::size_t operator()(const geocommit::TxnId& txn) const noexcept {
    std::uint64_t h = txn.counter * 0x9e3779b97f4a7c15ULL;
    h ^= (std::uint64_t{txn.coordinator.value} << 32U | txn.epoch.value) * 0xc2b2ae3d27d4eb4fULL;
    return static_cast<std::size_t>(h ^ (h >> 29U));
  }
};
template <>
struct std::hash<geocommit::RequestId> {
  std::size_t operator()(const geocommit::RequestId& id) const noexcept {
    std::uint64_t h = (id.sequence + 1) * 0x9e3779b97f4a7c15ULL + id.client.value;
    return static_cast<std::size_t>(h ^ (h >> 31U));
  }
};
