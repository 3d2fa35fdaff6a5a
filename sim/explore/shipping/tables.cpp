#include <algorithm>

#include "base/check.h"
#include "sim/explore/shipping/model.h"

namespace geocommit::explore::shipping {
namespace {

void put(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xffU));
  }
}

std::string key_of(const InFlight& flight) {
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

}  // namespace

Tables::Tables(const ShippingOptions& options) : setting_(options), tables_(setting_.nodes()) {
  GC_CHECK(setting_.nodes() <= kNodesMost && options.writes <= kWritesMost && options.replicas > 0);
  for (std::size_t node = 0; node < setting_.nodes(); ++node) {
    State state;
    state.epoch = Epoch{1};
    Node life(setting_, node, state.epoch, state.start);
    initial_.push_back(finish(node, life, std::move(state)));
  }
}

std::string Tables::name(std::size_t node) const {
  return node == kCoordinator ? "C" : node == kHome ? "H" : "R" + std::to_string(node - kFirstReplica + 1);
}

const PeerMessage* Tables::message_of(Input input) const {
  return input.kind == InputKind::deliver ? &message(input.value).message : nullptr;
}

const Step& Tables::step(std::size_t node, std::uint32_t number, Input input) {
  State& from = *tables_[node].states[number];
  if (const auto known = from.known.find(input); known != from.known.end()) {
    return *steps_[known->second];
  }
  steps_.push_back(std::make_unique<Step>(compute(node, number, input)));
  from.known.emplace(input, static_cast<std::uint32_t>(steps_.size() - 1));
  return *steps_.back();
}

Step Tables::compute(std::size_t node, std::uint32_t number, Input input) {
  const State& from = *tables_[node].states[number];
  try {
    State state;
    if (input.kind == InputKind::restart) {
      state.epoch = Epoch{from.epoch.value + 1};
      state.start = from.start;
      Node life(setting_, node, state.epoch, state.start);
      return finish(node, life, std::move(state));
    }
    Node life(setting_, node, from.epoch, from.start);
    for (const Input past : from.inputs) {
      life.apply(past, message_of(past));
    }
    if (input.kind == InputKind::crash) {
      return down(node, from, life, input.value);
    }
    life.forget_step();
    life.apply(input, message_of(input));
    state.epoch = from.epoch;
    state.start = from.start;
    state.inputs = from.inputs;
    state.inputs.push_back(input);
    return finish(node, life, std::move(state));
  } catch (const Violated& violated) {
    Step step;
    step.next = number;
    step.violation = name(node) + ": " + violated.what;
    return step;
  }
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
  const Watermark watermark = life.engine().watermark();
  for (auto& [to, payload] : life.sent) {
    if (auto* wire = std::get_if<ProtocolMessage>(&payload)) {
      wire->message.retry = false;  // Accounts, which change nothing.
      wire->message.depth = 0;
    }
    step.sent.push_back(intern({static_cast<std::uint8_t>(node),
                                static_cast<std::uint8_t>(setting_.node_of(to)),
                                {setting_.id(node), state.epoch, watermark, std::move(payload)}}));
  }
  std::sort(step.sent.begin(), step.sent.end());
  step.sent.erase(std::unique(step.sent.begin(), step.sent.end()), step.sent.end());
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
  p.open = status.open_coordinator + status.open_participant + status.locks_held + status.lock_waiters > 0;
  p.timers = static_cast<std::uint8_t>(life.timers());
  p.log_size = static_cast<std::uint8_t>(life.log_size());
  p.synced = static_cast<std::uint8_t>(life.synced());
  p.applied = life.applied();
  p.unshipped = node == kHome ? status.unshipped : 0;
  p.balance = life.balance();
  state.description = "log " + std::to_string(p.log_size) + " synced " + std::to_string(p.synced) +
                      (node >= kFirstReplica ? ", applied " + std::to_string(p.applied) : "") +
                      (p.unshipped > 0 ? ", unconfirmed " + std::to_string(p.unshipped) : "");
  std::string machines = life.engine().describe();
  for (std::size_t line = 0; (line = machines.find('\n')) != std::string::npos;) {
    state.description += "; " + machines.substr(0, line);
    machines.erase(0, line + 1);
  }
  std::string key = "up";
  put(key, state.epoch.value);
  life.encode(key);
  step.next = intern(node, key, std::move(state));
  return step;
}

std::uint32_t Tables::intern(std::size_t node, const std::string& key, State state) {
  Table& table = tables_[node];
  const auto [it, fresh] = table.numbers.emplace(key, static_cast<std::uint32_t>(table.states.size()));
  if (fresh) {
    table.states.push_back(std::make_unique<State>(std::move(state)));
  }
  return it->second;
}

std::uint16_t Tables::intern(InFlight flight) {
  const auto [it, fresh] = message_numbers_.emplace(key_of(flight), static_cast<std::uint16_t>(messages_.size()));
  if (fresh) {
    GC_CHECK_NOTE(messages_.size() < kLateCopy, "too many distinct messages");
    messages_.push_back(std::make_unique<InFlight>(std::move(flight)));
  }
  return it->second;
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

std::uint64_t Tables::state_count() const {
  std::uint64_t count = 0;
  for (const Table& table : tables_) {
    count += table.states.size();
  }
  return count;
}

}  // namespace geocommit::explore::shipping
