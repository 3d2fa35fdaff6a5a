#include "tests/trace/world.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "engine/resource_manager.h"
#include "tests/trace/invariants.h"
#include "tests/trace/session.h"

namespace geocommit::trace {
namespace {

constexpr Duration kDelay{10ms};
constexpr std::size_t kMaxEvents = 200'000;
constexpr std::int64_t kBalance = 1000;  // Of an account that can pay.
constexpr RegionId kRegion{0};

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

const Message& message_of(const PeerMessage& message) { return std::get<ProtocolMessage>(message.payload).message; }

}  // namespace

/// One region: C is its coordinator, P1 .. Pn its sites, each with one account.
World::World(const Protocol& protocol, std::uint32_t sites, const EngineParts& parts,
             const ProtocolOptions& protocol_options)
    : protocol_options_(protocol_options),
      parts_(parts),
      rows_{protocol, session_row()},
      directory_({"here"}, sites, Placement::partitioned, 1) {
  GC_CHECK(!protocol.is_router() && sites > 0);
  parts_.resources = parts_.resources != nullptr ? parts_.resources : make_locked_before_prepare;
  const NodeId coordinator = directory_.coordinator(kRegion);
  txn_ = {coordinator, Epoch{1}, 1};
  nodes_.emplace_back(*this, coordinator, "C", Role::coordinator);
  for (std::uint32_t site = 0; site < sites; ++site) {
    nodes_.emplace_back(*this, directory_.agent(kRegion, site), "P" + std::to_string(site + 1), Role::participant);
  }
}

Node& World::node(NodeId id) {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(), [id](const Node& n) { return n.id == id; });
  GC_CHECK(found != nodes_.end());
  return *found;
}

Entity World::entity_of(NodeId site) const { return directory_.entity_at(kRegion, directory_.find(site)->site, 0); }

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

void World::alarm(std::string_view what) {
  ++alarms_;
  effect("alarm " + std::string(what));
}

// ---- Starts.

void World::power_on() {
  if (std::exchange(on_, true)) {
    return;
  }
  greeting_ = true;
  for (Node& node : nodes_) {
    ++node.epoch.value;
    start(node);
  }
  while (!events_.empty() && std::holds_alternative<Deliver>(events_.begin()->second)) {
    (void)next();
  }
  greeting_ = false;
}

void World::start(Node& at) {
  EngineOptions options;
  options.protocol = &rows_.front();
  options.protocol_options = protocol_options_;
  options.rows = rows_;
  options.directory = &directory_;
  options.timeouts = timeouts_;
  options.lock_wait = 24h;
  options.initial_balance = at.initial_balance = at.vote == Vote::no ? 0 : kBalance;
  options.parts = parts_;
  options.clock = 1;
  if (at.role == Role::coordinator) {
    return at.start(options, nullptr);
  }
  const PeerMessage session = session_locks(directory_.client(kRegion), at.id, at.epoch, entity_of(at.id));
  at.start(options, &session);
}

PeerMessage World::session_ends(NodeId site) const { return session_lets_go(directory_.client(kRegion), site); }

Request World::request() const {
  Request request{{directory_.client(kRegion), 1}, kRegion, true, {}};
  for (const Node& node : nodes_) {
    if (node.role == Role::participant) {
      const bool reads = node.vote == Vote::read_only;
      request.operations.push_back({entity_of(node.id), reads ? 0 : kChange, reads});
    }
  }
  return request;
}

void World::begin() {
  power_on();
  Node& coordinator = nodes_.front();
  begun_ = true;
  line(coordinator, "begin");
  if (coordinator.up()) {
    txn_.epoch = coordinator.epoch;
    coordinator.take({directory_.client(kRegion), Epoch{1}, {}, ClientRequest{request(), coordinator.epoch}});
  }
}

/// By a site where an older transaction waits for it.
void World::wound() {
  power_on();
  Node& coordinator = nodes_.front();
  line(coordinator, "wounded");
  if (coordinator.up()) {
    coordinator.take({nodes_[1].id, nodes_[1].epoch, {}, Wound{txn_}});
  }
}

void World::crash(NodeId id) {
  power_on();
  Node& at = node(id);
  if (at.up()) {
    line(at, "crash, unsynced records lost: " + std::to_string(at.log.size() - at.durable));
    at.crash();
  }
}

void World::recover(NodeId id) {
  power_on();
  Node& at = node(id);
  if (!at.up()) {
    ++at.epoch.value;
    line(at, "restart epoch=" + std::to_string(at.epoch.value));
    start(at);
  }
}

void World::erase(NodeId id) {
  Node& at = node(id);
  crash(id);
  line(at, "erased");
  at.log.clear();
  at.durable = 0;
}

void World::cut(NodeId from, NodeId to) {
  power_on();
  cuts_.insert({from, to});
}

// ---- Events.

bool World::is_awaited(const Event& event) {
  const auto* message = std::get_if<Deliver>(&event);
  const auto* timer = std::get_if<Fire>(&event);
  return !(message != nullptr && message->apart) && !(timer != nullptr && timer->service);
}

void World::schedule(Duration after, Event event) {
  awaited_ += is_awaited(event) ? 1 : 0;
  events_.emplace(std::pair{now_ + after, ++sequence_}, std::move(event));
}

bool World::next() {
  const auto event = events_.extract(events_.begin());
  const bool awaited = is_awaited(event.mapped());
  awaited_ -= awaited ? 1 : 0;
  now_ = event.key().first;
  handle(event.mapped());
  return awaited;
}

void World::run_for(Duration duration) {
  power_on();
  const Instant until = now_ + duration;
  for (std::size_t n = 0; n < kMaxEvents && !events_.empty() && events_.begin()->first.first <= until; ++n) {
    (void)next();
  }
  now_ = until;
}

void World::run_events(std::size_t count) {
  while (count > 0 && awaited_ > 0) {
    count -= next() ? 1 : 0;
  }
}

bool World::run_until_quiet(Duration at_most) {
  const Instant until = now_ + at_most;
  for (std::size_t n = 0; n < kMaxEvents && awaited_ > 0 && events_.begin()->first.first <= until; ++n) {
    (void)next();
  }
  return awaited_ == 0;
}

void World::handle(const Event& event) {
  std::visit(Overloaded{
                 [this](const Deliver& e) {
                   if (!e.apart) {
                     deliver(e.message);
                   } else if (Node& at = node(e.to); at.up() && link_up(e.message.from, e.to)) {
                     at.take(e.message);
                   }
                 },
                 [this](const Fire& e) {
                   if (Node& at = node(e.node); at.up() && at.epoch == e.epoch) {
                     at.fire(e.token);
                   }
                 },
                 [this](const ForceDone& e) {
                   Node& at = node(e.node);
                   if (!at.up() || at.epoch != e.epoch) {
                     return;
                   }
                   if (at.hold_forces) {
                     at.waiting_forces.emplace_back(e.upto, e.token);
                   } else {
                     at.forced(e.upto, e.token);
                   }
                 },
                 [this](const ExecuteDone& e) {
                   Node& at = node(e.node);
                   if (!at.up() || at.epoch != e.epoch) {
                     return;
                   }
                   if (at.hold_execution) {
                     at.execution_waits = true;
                   } else {
                     at.execute();
                   }
                 },
             },
             event);
}

void World::deliver(const PeerMessage& message) {
  const Message& said = message_of(message);
  Node& at = node(said.to);
  const std::string what = text_of(protocol(), said);
  const std::string from = node(said.from).name;
  if (!at.up() || !link_up(said.from, said.to)) {
    line(at, "lost: " + what + " from " + from + (at.up() ? " (link down)" : " (down)"));
    return;
  }
  line(at, "<- " + from + " " + what);
  if (said.outcome == Outcome::abort) {
    at.told_abort = true;
  }
  at.take(message);
  if (at.ignored()) {
    effect("no machine: ignored");
  }
}

// ---- What the nodes do.

void World::force(Node& at, WriteToken token) { schedule(force_, ForceDone{at.id, at.epoch, at.log.size(), token}); }

void World::set_timer(const Node& at, TimerToken token, Instant deadline, bool service) {
  schedule(deadline - now_, Fire{at.id, at.epoch, token, service});
}

void World::wait_for_locks(const Node& at) { schedule(Duration{0}, ExecuteDone{at.id, at.epoch}); }

void World::decided(Node& at, Outcome outcome) {
  check_decide(*this, at, outcome);
  at.decided = outcome;
  at.told_abort = at.told_abort || outcome == Outcome::abort;
}

void World::reached(const Node& at, const std::string& name) {
  if (const auto point = points_.find({at.id, name}); point != points_.end()) {
    const std::function<void()> action = std::move(point->second);
    points_.erase(point);
    action();
  }
}

Duration World::delay_of(NodeId from, NodeId to) const {
  const auto found = delays_.find({from, to});
  return found == delays_.end() ? kDelay : found->second;
}

void World::send_apart(NodeId to, const PeerMessage& message) {
  const bool hosted = std::any_of(nodes_.begin(), nodes_.end(), [to](const Node& n) { return n.id == to; });
  if (hosted && link_up(message.from, to)) {
    schedule(greeting_ ? Duration{0} : delay_of(message.from, to), Deliver{to, message, true});
  }
}

void World::send(const PeerMessage& message) {
  const Message& said = message_of(message);
  effect("-> " + node(said.to).name + " " + text_of(protocol(), said));
  sent_.push_back(message);
  transmit(message);
}

void World::transmit(const PeerMessage& message) {
  const Message& said = message_of(message);
  if (!link_up(said.from, said.to)) {
    return effect("   lost: link down");
  }
  const Duration delay = delay_of(said.from, said.to);
  for (LinkRule& rule : rules_) {
    const bool matches = (rule.kind == "*" || rule.kind == protocol().kind_name(said.kind)) && rule.from == said.from &&
                         rule.to == said.to && rule.count != 0;
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
        redeliver(message, delay + 1ms);
        break;
    }
  }
  redeliver(message, delay);
}

void World::redeliver(const PeerMessage& message, Duration after) {
  schedule(after, Deliver{message_of(message).to, message, false});
}

void World::release_held() {
  for (const PeerMessage& message : std::exchange(held_, {})) {
    redeliver(message, kDelay);
  }
}

bool World::replay(const std::string& kind, NodeId from, NodeId to) {
  const auto found = std::find_if(sent_.rbegin(), sent_.rend(), [&](const PeerMessage& sent) {
    const Message& m = message_of(sent);
    return protocol().kind_name(m.kind) == kind && m.from == from && m.to == to;
  });
  if (found == sent_.rend()) {
    return false;
  }
  redeliver(*found, kDelay);
  return true;
}

void World::finish_execution(NodeId id) {
  Node& at = node(id);
  at.hold_execution = false;
  if (std::exchange(at.execution_waits, false)) {
    wait_for_locks(at);
  }
}

void World::finish_forces(NodeId id) {
  Node& at = node(id);
  at.hold_forces = false;
  for (const auto& [upto, token] : std::exchange(at.waiting_forces, {})) {
    schedule(Duration{0}, ForceDone{at.id, at.epoch, upto, token});
  }
}

void World::at_point(NodeId node, const std::string& point, std::function<void()> action) {
  points_[{node, point}] = std::move(action);
}

}  // namespace geocommit::trace
