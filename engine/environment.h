// A node's world: what the engine may ask of it. runtime/ implements it with sockets, files and a steady clock, sim/
// with virtual ones. Every call is made from the node's one event-loop thread and returns at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "engine/peer_message.h"
#include "engine/record.h"

namespace geocommit {

/// Names a forced write until NodeEngine::on_forced; 0: a lazy write, of which nothing is heard.
using WriteToken = std::uint64_t;
/// Names a timer until NodeEngine::on_timer. Never reused, so a late firing of a cancelled one is harmless.
using TimerToken = std::uint64_t;

class Environment {
 public:
  virtual ~Environment() = default;
  [[nodiscard]] virtual Instant now() const = 0;

  /// Sends to a peer, or drops it (peer down, queue full): never blocks, never retries. Returns the encoded size in
  /// bytes (0 if dropped at once). In order per destination while both ends live. May batch until the end of the step.
  virtual std::size_t send(NodeId to, const PeerPayload& payload) = 0;

  /// Appends to the log. With a token, NodeEngine::on_forced(token) follows once it and all before it are durable.
  virtual void write(const DurableRecord& record, WriteToken token) = 0;
  /// Bytes written to the log since the last checkpoint: the engine decides when to make the next.
  [[nodiscard]] virtual std::size_t log_bytes_since_checkpoint() const = 0;
  /// Makes it durable in the background and then truncates the log before it. One at a time.
  virtual void write_checkpoint(Checkpoint checkpoint) = 0;
  [[nodiscard]] virtual bool checkpoint_in_progress() const = 0;

  virtual void set_timer(TimerToken token, Instant deadline) = 0;
  virtual void cancel_timer(TimerToken token) = 0;
};

}  // namespace geocommit
