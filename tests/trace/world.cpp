#include "tests/trace/world.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "tests/trace/invariants.h"

namespace geocommit::trace {
namespace {

constexpr NodeId kCoordinator{1001};
constexpr Duration kDelay{10ms};
constexpr std::size_t kMaxEvents = 200'000;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

std::string in_ms(Duration duration) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f", to_ms(duration));
  return buffer;
}

SiteState state_of_outcome(Outcome outcome) {
  return outcome == Outcome::commit ? SiteState::committed : SiteState::aborted;
}

}  // namespace

World::World(const Protocol& protocol, std::uint32_t sites) : protocol_(protocol), txn_{kCoordinator, Epoch{1}, 1} {
  GC_CHECK(!protocol.is_router() && sites > 0);
  nodes_.resize(sites + 1);
  nodes_[0].id = kCoordinator;
  nodes_[0].name = "C";
  nodes_[0].role = Role::coordinator;
  for (std::uint32_t i = 1; i <= sites; ++i) {
    nodes_[i].id = NodeId{i};
    nodes_[i].name = "P" + std::to_string(i);
    cohort_.push_back({NodeId{i}, Epoch{1}});
  }
}

Node& World::node(NodeId id) {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(), [id](const Node& n) { return n.id == id; });
  GC_CHECK(found != nodes_.end());
  return *found;
}

void World::violation(const std::string& what) {
  if (std::find(violations_.begin(), violations_.end(), what) == violations_.end()) {
    violations_.push_back(what);
    effect("VIOLATION: " + what);
  }
}

void World::line(const Node& node, const std::string& what) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%9s %-3s ", in_ms(now_.time_since_epoch()).c_str(), node.name.c_str());
  text_ += buffer + what + "\n";
}

void World::effect(const std::string& what) { text_ += "              " + what + "\n"; }
void World::say(const std::string& what) { text_ += "          " + what + "\n"; }

TxnContext World::context_of(const Node& node, bool with_cohort) const {
  return {txn_, node.id, kCoordinator, with_cohort ? cohort_ : std::vector<Member>{}, timeouts_};
}

void World::schedule(Duration after, Event event) {
  events_.emplace(std::pair{now_ + after, ++sequence_}, std::move(event));
}

void World::begin() {
  Node& coordinator = node(kCoordinator);
  coordinator.machine = protocol_.make(Role::coordinator, context_of(coordinator, true));
  line(coordinator, "begin");
  step(coordinator, Begin{});
}

void World::wound() {
  Node& coordinator = node(kCoordinator);
  line(coordinator, "wounded");
  if (coordinator.machine) {
    step(coordinator, Wounded{});
  }
}

void World::run_for(Duration duration) {
  const Instant until = now_ + duration;
  for (std::size_t n = 0; n < kMaxEvents && !events_.empty() && events_.begin()->first.first <= until; ++n) {
    auto next = events_.extract(events_.begin());
    now_ = next.key().first;
    handle(next.mapped());
  }
  now_ = until;
}

void World::run_events(std::size_t count) {
  for (std::size_t n = 0; n < count && !events_.empty(); ++n) {
    auto next = events_.extract(events_.begin());
    now_ = next.key().first;
    handle(next.mapped());
  }
}

bool World::run_until_quiet(Duration at_most) {
  const Instant until = now_ + at_most;
  for (std::size_t n = 0; n < kMaxEvents && !events_.empty() && events_.begin()->first.first <= until; ++n) {
    auto next = events_.extract(events_.begin());
    now_ = next.key().first;
    handle(next.mapped());
  }
  return events_.empty();
}

void World::handle(const Event& event) {
  std::visit(Overloaded{
                 [this](const Deliver& e) { deliver(e.message); },
                 [this](const Fire& e) {
                   Node& at = node(e.node);
                   const auto armed = at.timers.find(e.timer);
                   if (at.up && at.machine && armed != at.timers.end() && armed->second == e.token) {
                     at.timers.erase(armed);
                     line(at, "timer " + std::string(protocol_.timer_name(e.timer)));
                     step(at, TimerFired{e.timer});
                   }
                 },
                 [this](const ForceDone& e) {
                   Node& at = node(e.node);
                   if (!at.up || at.epoch != e.epoch) {
                     return;
                   }
                   if (at.hold_forces) {
                     at.waiting_forces.emplace_back(e.upto, e.kind);
                     return;
                   }
                   at.durable = std::max(at.durable, e.upto);
                   if (at.machine) {
                     line(at, "forced " + std::string(protocol_.record_name(e.kind)));
                     step(at, LogForced{e.kind});
                   }
                 },
                 [this](const ExecuteDone& e) {
                   Node& at = node(e.node);
                   if (!at.up || at.epoch != e.epoch || !at.machine) {
                     return;
                   }
                   if (at.hold_execution) {
                     at.execution_waits = true;
                     return;
                   }
                   line(at, "executed " + std::string(name_of(at.vote)));
                   step(at, Executed{at.vote, at.reason});
                 },
             },
             event);
}

void World::deliver(const Message& message) {
  Node& at = node(message.to);
  const std::string what = text_of(protocol_, message);
  const std::string from = node(message.from).name;
  if (!at.up || !link_up(message.from, message.to)) {
    line(at, "lost: " + what + " from " + from + (at.up ? " (link down)" : " (down)"));
    return;
  }
  line(at, "<- " + from + " " + what);
  at.depth = std::max(at.depth, message.depth);
  if (at.machine) {
    step(at, Received{message});
  } else {
    orphan(at, message);
  }
}

void World::orphan(Node& at, const Message& message) {
  Remembered remembered;
  remembered.state = at.remembered;
  remembered.voted_read_only = at.voted_read_only;
  remembered.same_epoch = message.to_epoch.value == 0 || message.to_epoch == at.epoch;
  remembered.own_transaction = at.id == txn_.coordinator;
  const OrphanRule rule = protocol_.orphan(message, remembered);
  if (!rule.note.empty()) {
    ++alarms_;
    effect("alarm " + std::string(rule.note));
  }
  switch (rule.action) {
    case OrphanAction::ignore:
      effect("no machine: ignored");
      break;
    case OrphanAction::reply: {
      Message reply = rule.reply;
      reply.from = at.id;
      reply.to = reply.to.value == 0 ? message.from : reply.to;
      reply.txn = txn_;
      effect("no machine:");
      send(at, reply);
      break;
    }
    case OrphanAction::make_machine:
      at.machine = protocol_.make(Role::participant,
                                  context_of(at, protocol_.kind_class(message.kind) == MessageClass::prepare));
      step(at, Received{message});
      break;
  }
  // The engine's tombstone: an abort that arrives before its PREPARE is remembered.
  if (message.outcome == Outcome::abort && message.to_role == Role::participant &&
      protocol_.kind_class(message.kind) == MessageClass::decision && at.remembered == SiteState::unknown) {
    at.remembered = SiteState::aborted;
  }
}

void World::step(Node& at, const Input& input) {
  at.started = true;
  Outbox out;
  at.machine->step(now_, input, out);
  const Epoch epoch = at.epoch;
  for (Output& output : out) {
    if (!at.up || at.epoch != epoch) {
      break;  // Crashed at a protocol point of this step.
    }
    perform(at, output);
  }
}

void World::perform(Node& at, Output& output) {
  std::visit(Overloaded{
                 [&](Send& o) { send(at, o.message); },
                 [&](ForceLog& o) { force(at, std::move(o.record)); },
                 [&](AppendLog& o) {
                   effect("append " + text_of(protocol_, o.record));
                   at.log.push_back(std::move(o.record));
                 },
                 [&](SetTimer& o) {
                   effect("timer " + std::string(protocol_.timer_name(o.timer)) + " in " + in_ms(o.after));
                   at.timers[o.timer] = ++sequence_;
                   schedule(o.after, Fire{at.id, o.timer, at.timers[o.timer]});
                 },
                 [&](CancelTimer& o) { at.timers.erase(o.timer); },
                 [&](Execute&) {
                   effect("lock");
                   at.locks = true;
                   schedule(Duration{0}, ExecuteDone{at.id, at.epoch});
                 },
                 [&](ReleaseLocks&) {
                   check_release(*this, at);
                   effect("release");
                   at.locks = false;
                 },
                 [&](Decide& o) {
                   const std::string why = o.reason == Reason::none ? "" : " reason=" + std::string(name_of(o.reason));
                   effect("decide " + std::string(name_of(o.outcome)) + why);
                   if (at.role == Role::coordinator && !at.decided) {
                     cost_.delays_to_decision = at.depth;
                   }
                   check_decide(*this, at, o.outcome);
                   at.decided = o.outcome;
                   at.remembered = state_of_outcome(o.outcome);
                 },
                 [&](Forget&) {
                   check_forget(*this, at);
                   effect("forget");
                   at.machine.reset();
                   at.timers.clear();
                 },
                 [&](Note& o) {
                   effect("note " + std::string(o.event));
                   const auto point = points_.find({at.id, std::string(o.event)});
                   if (point != points_.end()) {
                     const std::function<void()> action = std::move(point->second);
                     points_.erase(point);
                     action();
                   }
                 },
             },
             output);
}

void World::force(Node& at, LogRecord record) {
  ++cost_.forced_writes;
  effect("force " + text_of(protocol_, record));
  const std::uint8_t kind = record.kind;
  at.log.push_back(std::move(record));
  schedule(force_, ForceDone{at.id, at.epoch, at.log.size(), kind});
}

void World::send(Node& at, Message message) {
  if (message.vote != Vote::none && at.role == Role::participant) {
    at.voted = at.voted == Vote::none ? message.vote : at.voted;  // A refused late PREPARE does not unsay it.
    at.voted_read_only = message.vote == Vote::read_only;
  }
  check_send(*this, at, message);
  message.depth = static_cast<std::uint16_t>(at.depth + 1);
  cost_.messages += message.retry ? 0 : 1;
  effect("-> " + node(message.to).name + " " + text_of(protocol_, message));
  sent_.push_back(message);
  transmit(message);
}

void World::transmit(const Message& message) {
  if (!link_up(message.from, message.to)) {
    return effect("   lost: link down");
  }
  const auto delay_of = delays_.find({message.from, message.to});
  const Duration delay = delay_of == delays_.end() ? kDelay : delay_of->second;
  for (LinkRule& rule : rules_) {
    const bool matches = (rule.kind == "*" || rule.kind == protocol_.kind_name(message.kind)) &&
                         rule.from == message.from && rule.to == message.to && rule.count != 0;
    if (!matches) {
      continue;
    }
    rule.count -= rule.count > 0 ? 1 : 0;
    switch (rule.action) {
      case LinkRule::Action::drop:
        return effect("   dropped");
      case LinkRule::Action::hold:
        effect("   held");
        held_.push_back(message);
        return;
      case LinkRule::Action::duplicate:
        effect("   twice");
        schedule(delay + 1ms, Deliver{message});
        break;
    }
  }
  schedule(delay, Deliver{message});
}

void World::release_held() {
  for (const Message& message : std::exchange(held_, {})) {
    schedule(kDelay, Deliver{message});
  }
}

bool World::replay(const std::string& kind, NodeId from, NodeId to) {
  const auto found = std::find_if(sent_.rbegin(), sent_.rend(), [&](const Message& m) {
    return protocol_.kind_name(m.kind) == kind && m.from == from && m.to == to;
  });
  if (found == sent_.rend()) {
    return false;
  }
  schedule(kDelay, Deliver{*found});
  return true;
}

void World::crash(NodeId id) {
  Node& at = node(id);
  if (!at.up) {
    return;
  }
  line(at, "crash, unsynced records lost: " + std::to_string(at.log.size() - at.durable));
  at.up = false;
  at.machine.reset();
  at.timers.clear();
  at.log.resize(at.durable);
  at.locks = false;
  at.execution_waits = false;
  at.waiting_forces.clear();
  at.remembered = SiteState::unknown;
  at.voted_read_only = false;
}

void World::recover(NodeId id) {
  Node& at = node(id);
  if (at.up) {
    return;
  }
  at.up = true;
  ++at.epoch.value;
  line(at, "restart epoch=" + std::to_string(at.epoch.value));
  bool descriptor = false;
  for (const LogRecord& record : at.log) {
    descriptor = descriptor || record.with_descriptor;
    if (record.outcome != Outcome::undecided) {
      at.remembered = state_of_outcome(record.outcome);
    }
  }
  if (!descriptor) {
    return;
  }
  if (at.role == Role::participant && at.remembered == SiteState::unknown) {
    effect("lock again");
    at.locks = true;
  }
  at.machine = protocol_.make(at.role, context_of(at, true));
  step(at, Recovered{at.log});
}

void World::erase(NodeId id) {
  Node& at = node(id);
  crash(id);
  line(at, "erased");
  at.log.clear();
  at.durable = 0;
}

void World::finish_execution(NodeId id) {
  Node& at = node(id);
  at.hold_execution = false;
  if (std::exchange(at.execution_waits, false)) {
    schedule(Duration{0}, ExecuteDone{at.id, at.epoch});
  }
}

void World::finish_forces(NodeId id) {
  Node& at = node(id);
  at.hold_forces = false;
  for (const auto& [upto, kind] : std::exchange(at.waiting_forces, {})) {
    schedule(Duration{0}, ForceDone{at.id, at.epoch, upto, kind});
  }
}

void World::at_point(NodeId node, const std::string& point, std::function<void()> action) {
  points_[{node, point}] = std::move(action);
}

}  // namespace geocommit::trace
