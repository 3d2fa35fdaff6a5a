// What is sent in a virtual world: from a node or a client into the network, and out of it as an event, or lost.
#pragma once

#include <cstdint>

#include "sim/message_store.h"
#include "sim/network.h"
#include "sim/world_context.h"

namespace geocommit::sim {

class Traffic {
 public:
  explicit Traffic(WorldContext& world);

  /// Its bytes on the wire.
  std::size_t send(Node& from, NodeId to, const PeerPayload& payload);
  /// To the coordinator of its region. `client`: by index.
  void client_send(std::uint32_t client, const PeerPayload& payload);

  /// Of an event of kind message.
  [[nodiscard]] const PeerMessage& message(const Event& event) const {
    return messages_.at(static_cast<std::uint32_t>(event.arg));
  }
  /// False: the way is cut at the instant of its arrival.
  [[nodiscard]] bool arrives(const Event& event) const;
  /// The event is over.
  void release(const Event& event) { messages_.free(static_cast<std::uint32_t>(event.arg)); }
  void count_lost() { ++lost_; }

  [[nodiscard]] Network& network() { return network_; }
  [[nodiscard]] const Network& network() const { return network_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] std::size_t memory_slots() const { return messages_.capacity(); }

 private:
  void transmit(std::uint32_t from, std::uint32_t to, std::uint32_t message, std::size_t bytes, std::uint32_t classes);

  WorldContext& world_;
  MessageStore messages_;
  Network network_;
  std::uint64_t lost_{};
};

}  // namespace geocommit::sim
