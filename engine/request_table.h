// The requests of a node: which are open, what became of the others, and what their clients are told.
//
// A request is executed once, and what was said of it stays true, by three rules:
// - It names the start of the coordinator that may begin it, a Forward also is of a start of its sender; another start
//   begins neither. So whatever a node has refused, none of its later starts executes.
// - Within one start a request that has been answered is remembered, or is below what has been dropped
//   (RequestMemory::forgotten), and is not begun again in either case.
// - A commit is remembered from its durable record on, across restarts, or has been dropped. So what a coordinator does
//   not remember and has not dropped, none of its starts has committed, and "abort" is true; else it is forgotten.
//   Under a protocol whose commits are the acceptors' to know, only a first start can say so: a later one says
//   "forgotten".
#pragma once

#include <string>

#include "engine/containers.h"
#include "engine/memory.h"
#include "engine/node_context.h"

namespace geocommit {

class RequestTable {
 public:
  explicit RequestTable(NodeContext& context) : context_(context), finished_(context.options().requests_remembered) {}

  void open(RequestId id, TxnId txn) { open_[id] = txn; }
  void close(RequestId id) { open_.erase(id); }
  void remember(const FinishedRequest& finished) { finished_.remember(finished); }
  [[nodiscard]] bool is_open(RequestId id) const { return open_.contains(id); }
  [[nodiscard]] const FinishedRequest* find(RequestId id) const { return finished_.find(id); }
  /// Not remembered, and it may have been.
  [[nodiscard]] bool forgotten(RequestId id) const { return finished_.forgotten(id); }
  [[nodiscard]] static ClientReply answer_of(const FinishedRequest& finished);
  /// Of a request that is neither remembered nor under way here: never seen, begun by an earlier start without a
  /// durable decision, or let go of. It is refused from now on.
  [[nodiscard]] ClientReply presume(RequestId id);

  void reply(NodeId to, bool to_forwarder, const ClientReply& reply);
  /// For good: a copy that comes later is refused too.
  void refuse(const Request& request, NodeId reply_to, bool to_forwarder, Reason reason);

  void add_to(Checkpoint& checkpoint) const;
  void restore(const Checkpoint& checkpoint);
  void hash_state(std::string& out) const;

 private:
  NodeContext& context_;
  RequestMemory finished_;
  FlatMap<RequestId, TxnId> open_;
};

}  // namespace geocommit
