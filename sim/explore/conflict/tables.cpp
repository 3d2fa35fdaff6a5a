#include <algorithm>

#include "base/check.h"
#include "sim/explore/conflict/model.h"

namespace geocommit::explore::conflict {
namespace {

void put(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xffU));
  }
}

}  // namespace

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
         {std::uint64_t{setting_.txn_of(m.txn)}, std::uint64_t{m.kind}, static_cast<std::uint64_t>(m.to_role),
          std::uint64_t{m.ballot.value}, std::uint64_t{m.accepted.value}, std::uint64_t{m.subject.value},
          static_cast<std::uint64_t>(m.outcome), static_cast<std::uint64_t>(m.vote),
          static_cast<std::uint64_t>(m.state), static_cast<std::uint64_t>(m.reason), std::uint64_t{m.to_epoch.value}}) {
      put(key, field);
    }
  } else if (const auto* wound = std::get_if<Wound>(&flight.message.payload)) {
    put(key, setting_.txn_of(wound->txn));
  }
  return key;
}

Tables::Tables(const ConflictOptions& options) : setting_(options), tables_(setting_.nodes()) {
  GC_CHECK(options.sites > 0 && setting_.nodes() <= kNodesMost && setting_.rows[0].make != nullptr);
  for (std::size_t node = 0; node < setting_.nodes(); ++node) {
    State state;
    state.epoch = Epoch{1};
    Node life(setting_, node, state.epoch, state.start);
    if (node < kCoordinators) {
      life.begin();
    }
    initial_.push_back(finish(node, life, std::move(state)));
  }
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
    if (node < kCoordinators && from.epoch == Epoch{1}) {
      life.begin();
    }
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

/// What survives is durable: an outcome in it counts.
Step Tables::down(std::size_t node, const State& from, const Node& life, std::uint16_t keep) {
  State state;
  state.epoch = from.epoch;
  state.start = life.disk_after_crash(keep);
  state.description = "down";
  Step step;
  step.commits = life.outcomes_durable(keep, Outcome::commit);
  step.aborts = life.outcomes_durable(keep, Outcome::abort);
  state.properties.finished =
      node < kCoordinators ? std::uint8_t{0} : static_cast<std::uint8_t>(step.commits | step.aborts);
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
                                {setting_.id(node), Epoch{1}, watermark, std::move(payload)}}));
  }
  std::sort(step.sent.begin(), step.sent.end());
  step.sent.erase(std::unique(step.sent.begin(), step.sent.end()), step.sent.end());
  step.commits = life.commits;
  step.aborts = life.aborts;
  step.prepared = life.prepared;
  const EngineStatus status = life.engine().status();
  Properties& p = state.properties;
  p.up = true;
  p.forcing = life.forcing();
  p.checkpointing = life.checkpointing();
  p.may_checkpoint = life.may_checkpoint();
  p.open = status.open_coordinator + status.open_participant + status.locks_held + status.lock_waiters > 0;
  for (const Node::Armed& armed : life.timers()) {
    p.patience.push_back(armed.patience);
  }
  p.log_size = static_cast<std::uint8_t>(life.log_size());
  p.synced = static_cast<std::uint8_t>(life.synced());
  p.finished = life.finished_durably();
  p.balance = life.balance();
  state.description = "log " + std::to_string(p.log_size) + " synced " + std::to_string(p.synced) +
                      (p.checkpointing ? ", checkpoint under way" : "") +
                      (status.lock_waiters > 0 ? ", one waits for the lock" : "");
  std::string machines = life.engine().describe();
  for (std::size_t line = 0; (line = machines.find('\n')) != std::string::npos;) {
    state.description += "; " + machines.substr(0, line);
    machines.erase(0, line + 1);
  }
  std::string key = "up";
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
    text = std::string(setting_.rows[0].kind_name(m.kind)) + " T" + std::to_string(setting_.txn_of(m.txn) + 1);
    text += m.vote != Vote::none ? " " + std::string(name_of(m.vote)) : "";
    text += m.outcome != Outcome::undecided ? " " + std::string(name_of(m.outcome)) : "";
    text += m.outcome == Outcome::undecided && m.state != SiteState::unknown ? " " + std::string(name_of(m.state)) : "";
    text += m.reason != Reason::none ? " reason=" + std::string(name_of(m.reason)) : "";
    text += m.ballot.value != 0 ? " ballot=" + std::to_string(m.ballot.value) : "";
  } else if (const auto* wound = std::get_if<Wound>(&payload)) {
    text = "WOUND T" + std::to_string(setting_.txn_of(wound->txn) + 1);
  }
  const Watermark& mark = message(number).message.watermark;
  return text + (mark.counter > 1 || mark.epoch.value > 1
                     ? " watermark=" + std::to_string(mark.epoch.value) + "." + std::to_string(mark.counter)
                     : "");
}

std::uint64_t Tables::state_count() const {
  std::uint64_t count = 0;
  for (const Table& table : tables_) {
    count += table.states.size();
  }
  return count;
}

}  // namespace geocommit::explore::conflict
