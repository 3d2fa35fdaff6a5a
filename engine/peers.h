// The other nodes of the run, clients apart: greeted until they answer, which start of each is known, and how long each
// has been silent.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "engine/node_context.h"
#include "engine/peer_epochs.h"

namespace geocommit {

class Peers {
 public:
  explicit Peers(NodeContext& context);

  void start();
  /// NodeTimer::hello: greets who is not known yet, some at a time.
  void say_hello();
  /// NodeTimer::ping: greets everybody, for their answers' sake: so silence says something.
  void ping();
  void answer(NodeId to, Epoch settled) { context_.send(to, Hello{false, settled}, Traffic::hello, "HELLO"); }
  /// An agent has said that nothing which this start's predecessors began is open there, nor will be.
  void settled(NodeId agent) { std::erase(unsettled_, agent); }
  /// All have; at once where nobody needs to say so (ADR 45).
  [[nodiscard]] bool all_settled() const { return unsettled_.empty(); }
  /// A message came from `node`, which is of the directory.
  void heard(const NodeInfo& node, Epoch epoch);
  void prefetch(const NodeInfo& node) const { epochs_.prefetch(&node); }

  [[nodiscard]] const std::vector<NodeId>& all() const { return peers_; }
  /// Epoch{}: nothing heard yet.
  [[nodiscard]] Epoch epoch_of(NodeId node) const { return epochs_.of(node); }
  /// Home region: nothing has been heard of it for longer than that. Never of this node.
  [[nodiscard]] bool silent_for(NodeId node, Duration length) const;
  void add_to(EngineStatus& status) const;
  void hash_state(std::string& out) const;

 private:
  [[nodiscard]] std::size_t index(const NodeInfo& node) const {
    return static_cast<std::size_t>(&node - context_.directory().nodes().data());
  }
  /// At once; the next follow. Among a thousand nodes everybody at once would be a million messages in flight.
  static constexpr std::size_t kHelloBatch = 64;

  NodeContext& context_;
  std::vector<NodeId> peers_;
  PeerEpochs epochs_;
  std::vector<NodeId> unsettled_;             // A restarted coordinator's: agents that have not said so.
  std::vector<Instant> heard_;                // By index in the directory; empty: nobody wants to know.
  std::size_t first_hello_{}, next_hello_{};  // Where a round through peers_ begins, and how far it has got.
  bool unanswered_hello_{};                   // Somebody was not known in this round.
};

}  // namespace geocommit
