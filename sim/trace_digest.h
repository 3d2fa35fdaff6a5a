// A number that says whether two runs were the same: every event with its time and content, in order.
#pragma once

#include <cstdint>

#include "engine/peer_message.h"
#include "sim/event_queue.h"

namespace geocommit::sim {

class TraceDigest {
 public:
  /// `message`: that of an event of this kind, else null.
  void add(const Event& event, const PeerMessage* message);
  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_{0xcbf29ce484222325ULL};
};

}  // namespace geocommit::sim
