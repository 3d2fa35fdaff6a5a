// The router of the tun backend: holds every packet between nodes for its link's delay. One thread, one process.
//
// It sleeps in epoll until a packet, a request, or the timer of the next due time; what it then does is the
// Forwarder's, when it sleeps the Pacer's.
#pragma once

#include "os/unique_fd.h"
#include "wan/forwarder.h"
#include "wan/pacer.h"
#include "wan/router_protocol.h"

namespace geocommit {

class Router {
 public:
  explicit Router(int control_fd);

  /// Serves until the control socket closes (then 0) or something fails (then 1, with a line on stderr).
  [[nodiscard]] int run();

 private:
  [[nodiscard]] bool serve_control();  ///< false: the runner has gone
  void handle(const RouterRequest& request, UniqueFd passed, RouterReply& reply);
  [[nodiscard]] int hello(const RouterRequest& request, const UniqueFd& pulse);
  [[nodiscard]] int add_node(const RouterRequest& request, UniqueFd tun);
  [[nodiscard]] int set_links(const RouterRequest& request);

  UniqueFd control_;
  UniqueFd epoll_;
  Pacer pacer_;
  Forwarder forwarder_;
};

}  // namespace geocommit
