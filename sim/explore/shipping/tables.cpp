#include "base/canonical.h"
#include "base/check.h"
#include "sim/explore/shipping/model.h"

namespace geocommit::explore::shipping {

using canonical::put;
std::string Tables::key_of(const InFlight& flight) const {
  std::string key;
  put(key, static_cast<std::uint64_t>(flight.from) << 8U | flight.to);
  put(key, flight.message.from_epoch.value);
  put(key, flight.message.watermark.epoch.value);
  put(key, flight.message.watermark.counter);
  put(key, flight.message.payload.index());
  if (const auto* wire = std::get_if<ProtocolMessage>(&flight.message.payload)) {
    const Message& m = wire->message;
    for (const std::uint64_t field :
         {std::uint64_t{m.txn.epoch.value}, m.txn.counter, std::uint64_t{m.kind}, static_cast<std::uint64_t>(m.to_role),
          static_cast<std::uint64_t>(m.outcome), static_cast<std::uint64_t>(m.vote),
          static_cast<std::uint64_t>(m.state), static_cast<std::uint64_t>(m.reason), std::uint64_t{m.to_epoch.value}}) {
      put(key, field);
    }
    put(key, wire->descriptor ? write_of(wire->descriptor->operations) + 1U : 0U);
  } else if (const auto* ship = std::get_if<Ship>(&flight.message.payload)) {
    put(key, ship->heartbeat);
    put(key, ship->through);
    put(key, ship->confirmed);
    for (const ShippedWrite& write : ship->writes) {
      put(key, write.sequence << 8U | write_of(write.operations));
    }
  } else if (const auto* ack = std::get_if<ShipAck>(&flight.message.payload)) {
    put(key, ack->applied);
    put(key, ack->heartbeat);
  } else if (const auto* hello = std::get_if<Hello>(&flight.message.payload)) {
    put(key, hello->answer ? 1U : 0U);
  }
  return key;
}

Tables::Tables(const ShippingOptions& options) : NodeTables(options) {
  GC_CHECK(setting_.nodes() <= kNodesMost && options.writes <= kWritesMost && options.replicas > 0);
  start_all();
}

std::unique_ptr<Node> Tables::wake(std::size_t node, const State& state) const {
  auto life = std::make_unique<Node>(setting_, node, state.epoch, state.start);
  return life;
}

std::string Tables::name(std::size_t node) {
  return node == kCoordinator ? "C" : node == kHome ? "H" : "R" + std::to_string(node - kFirstReplica + 1);
}

Step Tables::down(std::size_t node, const State& from, Node& life, std::uint16_t keep) {
  life.forget_step();
  life.survive(keep);
  State state;
  state.epoch = from.epoch;
  state.start = life.disk();
  state.start.log.resize(keep);
  state.description = "down";
  Step step;
  step.ordered = life.ordered;
  std::string key = "down";
  put(key, state.epoch.value);
  encode(state.start, key);
  step.next = intern(node, key, std::move(state));
  return step;
}

Step Tables::finish(std::size_t node, Node& life, State state) {
  Step step;
  step.sent = intern_sent(node, life, state.epoch);
  step.ordered = life.ordered;
  step.told_commit = life.told_commit;
  step.told_abort = life.told_abort;
  const EngineStatus status = life.engine().status();
  Properties& p = state.properties;
  p.up = true;
  p.forcing = life.forcing();
  p.checkpointing = life.checkpointing();
  p.greets = life.greets();
  p.ships = life.ships();
  p.open = status.open() + status.locks_held + status.lock_waiters > 0;
  p.timers = static_cast<std::uint8_t>(life.timers());
  p.log_size = static_cast<std::uint8_t>(life.log_size());
  p.synced = static_cast<std::uint8_t>(life.synced());
  p.applied = life.applied();
  p.unshipped = node == kHome ? status.unshipped : 0;
  p.balance = life.balance();
  state.description = "log " + std::to_string(p.log_size) + " synced " + std::to_string(p.synced) +
                      (node >= kFirstReplica ? ", applied " + std::to_string(p.applied) : "") +
                      (p.unshipped > 0 ? ", unconfirmed " + std::to_string(p.unshipped) : "");
  state.description += machines_of(life);
  std::string key = "up";
  put(key, state.epoch.value);
  life.encode(key);
  step.next = intern(node, key, std::move(state));
  return step;
}

std::string Tables::text(std::uint16_t number) const {
  const PeerPayload& payload = message(number).message.payload;
  std::string text = "?";
  if (const auto* wire = std::get_if<ProtocolMessage>(&payload)) {
    const Message& m = wire->message;
    text = std::string(find_protocol(m.protocol)->kind_name(m.kind)) + " " + std::to_string(m.txn.epoch.value) + "." +
           std::to_string(m.txn.counter);
    text += m.vote != Vote::none ? " " + std::string(name_of(m.vote)) : "";
    text += m.outcome != Outcome::undecided ? " " + std::string(name_of(m.outcome)) : "";
    text += m.reason != Reason::none ? " reason=" + std::string(name_of(m.reason)) : "";
    text += m.to_epoch.value > 1 ? " to-epoch=" + std::to_string(m.to_epoch.value) : "";
  } else if (const auto* ship = std::get_if<Ship>(&payload)) {
    text = ship->writes.empty() ? "HEARTBEAT" : "SHIP";
    text += ship->confirmed != 0 ? " confirmed=" + std::to_string(ship->confirmed) : "";
    for (const ShippedWrite& write : ship->writes) {
      text += " " + std::to_string(write.sequence) + "=w" + std::to_string(write_of(write.operations) + 1);
    }
    if (ship->heartbeat != 0) {
      text += " heartbeat=" + std::to_string(ship->heartbeat) + " through=" + std::to_string(ship->through);
    }
  } else if (const auto* ack = std::get_if<ShipAck>(&payload)) {
    text = "SHIP_ACK " + std::to_string(ack->applied);
    text += ack->heartbeat != 0 ? " heartbeat=" + std::to_string(ack->heartbeat) : "";
  } else if (const auto* hello = std::get_if<Hello>(&payload)) {
    text = hello->answer ? "HELLO?" : "HELLO";
  }
  const Epoch epoch = message(number).message.from_epoch;
  const Watermark& mark = message(number).message.watermark;
  text += epoch.value > 1 ? " epoch=" + std::to_string(epoch.value) : "";
  text += mark.counter > 1 || mark.epoch.value > 1
              ? " watermark=" + std::to_string(mark.epoch.value) + "." + std::to_string(mark.counter)
              : "";
  return text;
}

}  // namespace geocommit::explore::shipping
