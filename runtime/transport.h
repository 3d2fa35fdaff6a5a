// The data plane between nodes: one bound ROUTER to receive, one DEALER per peer to send. Items to the same peer are
// collected into one frame and leave at the end of the event loop's step. Never blocks; what cannot leave is dropped
// and counted (the engine owns retries). No socket identities: the sender is named in the envelope, and checked against
// the run and the directory (pitfalls 25, 26, 28).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/peer_message.h"
#include "protocols/directory.h"
#include "runtime/drop.h"
#include "runtime/event_loop.h"

namespace zmq {
class context_t;
}

namespace geocommit {

struct TransportOptions {
  NodeId self;
  Epoch epoch;         ///< This start's, stamped on everything sent. A client uses 1.
  std::string run_id;  ///< Frames of another run are refused.
  std::string secret;  ///< Whoever does not show it is not let in (runtime/door.h); empty: all are.
  std::string bind;    ///< "tcp://127.0.0.1:7001"
  std::map<NodeId, std::string> addresses;  ///< Data addresses of every node of the run (self may be among them).
  const Directory* directory{};             ///< Outlives the transport.
  bool links_never_cut{};  ///< Loopback: a peer that is silent for seconds stands still, and finds later what was sent.
  std::size_t frame_bytes_max{2U << 20U};  ///< Larger frames are refused by the socket, before they are in memory.
  int send_queue_frames{4096};             ///< Per peer; more is dropped and counted.
  int receive_queue_frames{256};           ///< Per connection; then TCP's flow control holds the sender back.
};

struct TransportStats {
  std::uint64_t frames_sent{}, items_sent{}, bytes_sent{};
  std::uint64_t frames_received{}, items_received{}, bytes_received{};
  std::array<std::uint64_t, kDropCauses> dropped{};
};

class Transport {
 public:
  using Handler = std::function<void(const PeerMessage&)>;
  /// Binds, and connects to every peer that a node of this kind talks to. `handler` is called on the loop's thread.
  /// Error: the address is taken or not ours; it is named.
  [[nodiscard]] static Result<std::unique_ptr<Transport>> open(zmq::context_t& context, EventLoop& loop,
                                                               TransportOptions options, Handler handler);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// As Environment::send: queues for the end of the step; the encoded size in bytes, or 0 if dropped at once.
  std::size_t send(NodeId to, const PeerPayload& payload);
  /// Sends what is queued now. The loop calls it at the end of each step.
  void flush();
  /// Sends what is queued now, and returns when the kernel has it: what was sent before is then no longer lost with
  /// this process. False: not within 200 ms, or prepare_barrier() was not called.
  bool flush_out();
  /// To be called once, some time before flush_out().
  [[nodiscard]] Result<void> prepare_barrier();
  /// Asked about every message to another node; one for which it says true is lost. Empty: nobody is asked.
  void set_loss(std::function<bool(NodeId to, const PeerPayload& payload)> lost);
  /// Stamped on every frame from now on (coordinators).
  void set_watermark_source(std::function<Watermark()> source);

  [[nodiscard]] const TransportStats& stats() const;
  /// True once anything valid has arrived from it.
  [[nodiscard]] bool heard_from(NodeId node) const;
  /// The address that was bound (with the port, where the options asked for port 0).
  [[nodiscard]] const std::string& bound_address() const;

 private:
  class Impl;
  explicit Transport(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The safe settings of every ZeroMQ context here: one I/O thread, bounded sockets.
[[nodiscard]] std::unique_ptr<zmq::context_t> make_zmq_context();

}  // namespace geocommit
