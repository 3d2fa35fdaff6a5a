#include "base/canonical.h"
#include "base/check.h"
#include "sim/explore/conflict/model.h"

namespace geocommit::explore::conflict {

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

Tables::Tables(const ConflictOptions& options) : NodeTables(options) {
  GC_CHECK(options.sites > 0 && setting_.nodes() <= kNodesMost && !setting_.rows[0].is_router());
  start_all();
}

std::unique_ptr<Node> Tables::wake(std::size_t node, const State& state) const {
  auto life = std::make_unique<Node>(setting_, node, state.epoch, state.start);
  if (node < kCoordinators && state.epoch == Epoch{1}) {
    life->begin();
  }
  return life;
}

/// What survives is durable: an outcome in it counts.
Step Tables::down(std::size_t node, const State& from, Node& life, std::uint16_t keep) {
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
  step.sent = intern_sent(node, life, Epoch{1});
  step.commits = life.commits;
  step.aborts = life.aborts;
  step.prepared = life.prepared;
  const EngineStatus status = life.engine().status();
  Properties& p = state.properties;
  p.up = true;
  p.forcing = life.forcing();
  p.checkpointing = life.checkpointing();
  p.may_checkpoint = life.may_checkpoint();
  p.open = status.open() + status.locks_held + status.lock_waiters > 0;
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
  state.description += machines_of(life);
  std::string key = "up";
  life.encode(key);
  step.next = intern(node, key, std::move(state));
  return step;
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

}  // namespace geocommit::explore::conflict
