// What a node remembers of transactions and requests that have no machine any more: enough to answer inquiries and to
// refuse the past (pitfalls 4, 6, 11, 12), bounded by watermarks and counts.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "engine/containers.h"
#include "engine/peer_message.h"
#include "engine/record.h"
#include "protocols/registry.h"

namespace geocommit {

/// Participant side: outcomes until the coordinator's watermark has passed them.
class FinishedMemory {
 public:
  void remember(const FinishedTxn& finished);
  [[nodiscard]] const FinishedTxn* find(TxnId txn) const;
  /// Watermarks only rise; what lies below is dropped.
  void raise(NodeId coordinator, Watermark watermark);
  [[nodiscard]] bool below_watermark(TxnId txn) const;
  [[nodiscard]] Watermark watermark_of(NodeId coordinator) const;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::vector<FinishedTxn> all() const;
  [[nodiscard]] std::map<NodeId, Watermark> watermarks() const;

 private:
  struct OfCoordinator {
    Watermark watermark;
    std::vector<FinishedTxn> finished;  // Ascending by (epoch, counter); what lies before `first` is dropped.
    std::size_t first{};
  };
  [[nodiscard]] const OfCoordinator* find(NodeId coordinator) const;
  OfCoordinator& of(NodeId coordinator);

  std::vector<std::pair<NodeId, OfCoordinator>> coordinators_;  // In the order in which they were first heard of.
  FlatMap<NodeId, std::uint32_t> index_;                        // Into coordinators_.
  std::size_t size_{};
};

/// Coordinator side: outcomes by request, the last `limit` of them; and of each client the highest sequence that has
/// been dropped. So whatever was remembered once is found, or is forgotten(): never taken for what was never seen.
class RequestMemory {
 public:
  explicit RequestMemory(std::size_t limit) : limit_(limit) {}
  void remember(const FinishedRequest& finished);
  [[nodiscard]] const FinishedRequest* find(RequestId id) const;
  [[nodiscard]] const std::deque<FinishedRequest>& all() const { return order_; }
  /// Not remembered, and it may have been.
  [[nodiscard]] bool forgotten(RequestId id) const;
  /// What a checkpoint keeps, besides all(): by client. What was read back comes before anything is remembered.
  [[nodiscard]] const std::map<NodeId, std::uint64_t>& dropped() const { return dropped_up_to_; }
  void restore_dropped(const std::map<NodeId, std::uint64_t>& dropped);

 private:
  std::size_t limit_;
  std::deque<FinishedRequest> order_;
  std::uint64_t dropped_{};                        // Of order_, so far.
  FlatMap<RequestId, std::uint64_t> by_id_;        // Position in order_, counting the dropped ones.
  std::map<NodeId, std::uint64_t> dropped_up_to_;  // By client.
};

}  // namespace geocommit
