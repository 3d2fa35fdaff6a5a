#include "sim/traffic.h"

#include <algorithm>

#include "sim/wire_size.h"

namespace geocommit::sim {
namespace {

std::vector<Network::Node> places(const Directory& directory) {
  std::vector<Network::Node> out;
  for (const NodeInfo& info : directory.nodes()) {
    out.push_back({info.id, info.region.value});
  }
  return out;
}

bool changes_links(const FaultPlan& plan) {
  return std::any_of(plan.begin(), plan.end(), [](const Fault& fault) { return fault.kind == FaultKind::link; });
}

std::uint32_t class_bit(const PeerPayload& payload) {
  if (std::holds_alternative<Ship>(payload) || std::holds_alternative<ShipAck>(payload)) {
    return kShipClass;
  }
  const auto* wire = std::get_if<ProtocolMessage>(&payload);
  const Protocol* protocol = wire != nullptr ? find_protocol(wire->message.protocol) : nullptr;
  return protocol == nullptr ? 0U : 1U << static_cast<std::uint32_t>(protocol->kind_class(wire->message.kind));
}

}  // namespace

Traffic::Traffic(WorldContext& world)
    : world_(world),
      network_(world.spec.links, places(world.spec.directory), changes_links(world.spec.faults), world.spec.seed) {}

std::size_t Traffic::send(Node& from, NodeId to, const PeerPayload& payload) {
  const std::size_t bytes = wire_size(payload);
  const std::uint32_t slot = messages_.put(from.id(), Epoch{from.epoch}, from.engine->watermark(), payload);
  transmit(from.index(), world_.index_of(to), slot, bytes, network_.faulty() ? class_bit(payload) : 0);
  return bytes;
}

void Traffic::client_send(std::uint32_t client, const PeerPayload& payload) {
  const Directory& directory = world_.spec.directory;
  const NodeInfo& info = directory.nodes()[client];
  const std::uint32_t slot = messages_.put(info.id, Epoch{1}, {}, payload);
  transmit(client, world_.index_of(directory.coordinator(info.region)), slot, wire_size(payload), 0);
}

void Traffic::transmit(std::uint32_t from, std::uint32_t to, std::uint32_t message, std::size_t bytes,
                       std::uint32_t classes) {
  const Node* sender = world_.nodes[from].get();
  // A sender that was stopped within this step: what it still does leaves when it goes on.
  const std::int64_t leaves = sender != nullptr && sender->paused ? sender->paused_until_ns : world_.now_ns;
  const Network::Transit transit = network_.send(from, to, bytes, classes, leaves);
  if (!transit.sent) {
    ++lost_;
    messages_.free(message);
    return;
  }
  world_.queue.push(transit.due_ns, EventKind::message, to, 0, message);  // To whichever start is there by then.
  if (transit.twice) {
    world_.queue.push(transit.second_due_ns, EventKind::message, to, 0, messages_.copy(message));
  }
}

bool Traffic::arrives(const Event& event) const {
  return !network_.faulty() || network_.connected(world_.index_of(message(event).from), event.node);
}

}  // namespace geocommit::sim
