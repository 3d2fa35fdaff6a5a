// What a node remembers of transactions and requests that have no machine any more: enough to answer inquiries and to
// refuse the past (PITFALLS 4, 6, 11, 12), bounded by watermarks and counts.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

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
    std::map<Watermark, FinishedTxn> finished;  // Keyed by (epoch, counter).
  };
  std::map<NodeId, OfCoordinator> coordinators_;
  std::size_t size_{};
};

/// Coordinator side: outcomes by request, the last `limit` of them.
class RequestMemory {
 public:
  explicit RequestMemory(std::size_t limit) : limit_(limit) {}
  void remember(const FinishedRequest& finished);
  [[nodiscard]] const FinishedRequest* find(RequestId id) const;
  [[nodiscard]] const std::deque<FinishedRequest>& all() const { return order_; }

 private:
  std::size_t limit_;
  std::deque<FinishedRequest> order_;
  std::unordered_map<RequestId, FinishedRequest> by_id_;
};

}  // namespace geocommit
