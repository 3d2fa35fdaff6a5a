// Home region's replication order, searched: a coordinator, the home's site and its replicas are real NodeEngines; a
// few clients' writes on one key, and every order of deliveries, forces, ship rounds, checkpoints and faults.
// docs/adr/0012-shipping-explored.md argues what is searched and what is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/explore/breadth_first.h"
#include "sim/explore/ends.h"
#include "sim/explore/explore.h"

namespace geocommit::explore {

/// What a planted mutant does to a node's inputs and to its disk. Tests only.
struct ShippingFilter {
  /// Before a message is taken; `applied` is the last write that the receiver has applied.
  void (*deliver)(std::uint64_t applied, PeerMessage& message){};
  /// Before the log is given back to a node that restarts.
  void (*recover)(std::vector<DurableRecord>& records){};
  /// True: the node is told at once that this record is durable, which it is not yet.
  bool (*hasty)(const DurableRecord& record){};
  /// Before a checkpoint goes to the disk.
  void (*checkpoint)(Checkpoint& checkpoint){};
};

struct ShippingOptions {
  std::uint32_t writes{2};    ///< Transactions, all on one key; each is asked for once, in order, at any time.
  std::uint32_t replicas{1};  ///< 1 or 2.
  std::uint32_t crashes{}, duplicates{}, drops{};
  /// How often the home may give up waiting for a confirmation, and issue a heartbeat, while one can still arrive.
  std::uint32_t late_rounds{};
  std::uint32_t checkpoint_records{};  ///< A node checkpoints after so many log records, and truncates; 0: never.
  bool lost_tail{};
  bool reduce{true};  ///< Dead messages are not kept in flight, and no state is kept that another can do all of.
  Limits limits;
  ShippingFilter filter;
};

using ShippingReport = PlainReport;

[[nodiscard]] ShippingReport explore_shipping(const ShippingOptions& options, const Stop& stop = {});
/// As that; every state at rest, and every one that a repaired state ends in, by its nodes.
[[nodiscard]] ShippingReport explore_shipping_ends(ShippingOptions options, Ends& ends);
/// Runs labelled steps again, and drains if the last one did not violate.
[[nodiscard]] Replayed replay_shipping(const ShippingOptions& options, const std::vector<std::string>& steps);
/// Explores and prints; exit codes as of run_explore.
[[nodiscard]] int run_explore_shipping(const ShippingOptions& options, const Host& host);

/// As golden_trace and run_golden_trace; such a file begins its second line with "explore-shipping ".
[[nodiscard]] std::string golden_shipping_trace(const ShippingOptions& options, const ShippingReport& report);
[[nodiscard]] GoldenResult run_golden_shipping_trace(const std::string& file);

}  // namespace geocommit::explore
