// Who is let in at a node's data socket, and how many. A run has a secret that only its nodes know (their configuration
// files, which nobody else may read): a peer that does not show it gets no further than the handshake, so a stranger
// can neither run transactions nor fill the memory with a message without end, which no bound of ZeroMQ's stops. And
// before connections have used up the descriptors, nobody new is let in until some have gone: accept() that fails would
// be tried again at once, for ever.
//
// The secret travels in clear (ZMTP's PLAIN, RFC 24): it keeps out other users of this machine, not who taps a wire.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "runtime/event_loop.h"

namespace zmq {
class context_t;
class socket_t;
}  // namespace zmq

namespace geocommit {

class Door {
 public:
  /// Binds `router` to `address`. `secret`: as in NodeConfig; empty: everybody is let in. One door with a secret a
  /// context (RFC 27). `router` outlives the door. Throws zmq::error_t. Error: the address is taken or not ours.
  [[nodiscard]] static Result<std::unique_ptr<Door>> open(zmq::context_t& context, EventLoop& loop,
                                                          zmq::socket_t& router, const std::string& address,
                                                          const std::string& secret);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  /// Shuts the door when descriptors run short, and opens it again. Each connection looks at them by itself; to be
  /// called now and then, as who goes does not.
  void watch();
  /// Connections that could not be taken for want of a descriptor.
  [[nodiscard]] std::uint64_t failed_accepts() const;
  /// How many did not show the secret.
  [[nodiscard]] std::uint64_t refused() const;

  /// Before `dealer` connects to somebody's door.
  static void show(zmq::socket_t& dealer, const std::string& secret);

 private:
  class Impl;
  explicit Door(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace geocommit
