#include "sim/world.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/streams.h"
#include "sim/wire_size.h"
#include "sim/world_impl.h"

namespace geocommit::sim {
namespace {

constexpr std::int64_t kStart = 1'000'000'000;  // Virtual time begins here: an age of 0 would be older than any.
constexpr Duration kDrainStep = 50ms;

std::vector<Network::Node> places(const Directory& directory) {
  std::vector<Network::Node> out;
  for (const NodeInfo& info : directory.nodes()) {
    out.push_back({info.id, info.region.value});
  }
  return out;
}

bool any_of_kind(const FaultPlan& plan, FaultKind kind) {
  return std::any_of(plan.begin(), plan.end(), [&](const Fault& fault) { return fault.kind == kind; });
}

std::uint32_t class_bit(const PeerPayload& payload) {
  const auto* wire = std::get_if<ProtocolMessage>(&payload);
  const Protocol* protocol = wire != nullptr ? find_protocol(wire->message.protocol) : nullptr;
  return protocol == nullptr ? 0U : 1U << static_cast<std::uint32_t>(protocol->kind_class(wire->message.kind));
}

}  // namespace

// ---- Messages in flight ---------------------------------------------------------------------------------------------

std::size_t MessageStore::kind_of(const PeerPayload& payload) {
  const auto* protocol = std::get_if<ProtocolMessage>(&payload);
  return 2 * payload.index() + (protocol != nullptr && protocol->descriptor ? 1 : 0);
}

std::uint32_t MessageStore::put(NodeId from, Epoch epoch, Watermark watermark, const PeerPayload& payload) {
  std::vector<std::uint32_t>& free = free_[kind_of(payload)];
  std::uint32_t slot = 0;
  if (free.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free.back();
    free.pop_back();
  }
  PeerMessage& message = slots_[slot];
  message.from = from;
  message.from_epoch = epoch;
  message.watermark = watermark;
  message.payload = payload;
  return slot;
}

std::uint32_t MessageStore::copy(std::uint32_t slot) {
  const PeerMessage& message = slots_[slot];
  return put(message.from, message.from_epoch, message.watermark, message.payload);
}

void MessageStore::free(std::uint32_t slot) { free_[kind_of(slots_[slot].payload)].push_back(slot); }

// ---- Set-up ---------------------------------------------------------------------------------------------------------

World::Impl::Impl(WorldSpec spec, const ObserverOf& observers)
    : spec_(std::move(spec)),
      now_ns_(kStart),
      network_(spec_.links, places(spec_.directory), any_of_kind(spec_.faults, FaultKind::link), spec_.seed),
      disk_random_(spec_.seed, kDiskStream) {
  GC_CHECK(spec_.protocol != nullptr && spec_.links.size() == spec_.directory.region_count());
  if (spec_.origins.empty()) {
    for (std::uint32_t r = 0; r < spec_.directory.region_count(); ++r) {
      spec_.origins.push_back(RegionId{r});
    }
  }
  const bool keep = spec_.keep_history || any_of_kind(spec_.faults, FaultKind::crash);
  const std::vector<NodeInfo>& infos = spec_.directory.nodes();
  nodes_.resize(infos.size());
  client_at_.resize(infos.size());
  for (std::uint32_t i = 0; i < infos.size(); ++i) {
    if (infos[i].kind != NodeKind::client) {
      Observer* other = observers ? observers(infos[i].id) : nullptr;
      nodes_[i] = std::make_unique<Node>(*this, i, infos[i].id, Disk(keep, spec_.keep_history), other);
    } else if (std::find(spec_.origins.begin(), spec_.origins.end(), infos[i].region) != spec_.origins.end()) {
      LoadPlan plan{infos[i].id,    infos[i].region,      std::string(spec_.protocol->name),
                    spec_.workload, spec_.seed,           spec_.warmup,
                    spec_.duration, spec_.outcome_timeout};
      const auto at =
          clients_.try_emplace(infos[i].region, *this, spec_.directory, i, std::move(plan), spec_.keep_history).first;
      client_at_[i] = &at->second;
    }
  }
  for (const auto& node : nodes_) {
    if (node) {
      start(*node);
    }
  }
}

void World::Impl::start(Node& node) {
  GC_CHECK(!node.engine);
  ++node.life;
  node.epoch = node.disk.next_start();
  node.dying = false;
  EngineOptions options;
  options.self = node.id();
  options.epoch = Epoch{node.epoch};
  options.protocol = spec_.protocol;
  options.rows = spec_.rows;
  options.directory = &spec_.directory;
  options.timeouts = spec_.timeouts;
  options.lock_wait = spec_.lock_wait;
  options.locking = spec_.locking;
  options.initial_balance = spec_.initial_balance;
  options.checkpoint_bytes = spec_.checkpoint_bytes;
  node.engine = std::make_unique<NodeEngine>(options, node, node.observer());
  node.engine->recover(node.disk.recover());
  node.engine->start();
  after_step(node);
}

std::uint32_t World::Impl::index_of(NodeId id) const {
  const NodeInfo* info = spec_.directory.find(id);
  GC_CHECK(info != nullptr);
  return static_cast<std::uint32_t>(info - spec_.directory.nodes().data());
}

bool World::Impl::become_ready(Duration most) {
  const std::int64_t until = now_ns_ + most.count();
  while (now_ns_ < until) {
    run_until(now_ns_ + kDrainStep.count());
    const bool ready = std::all_of(nodes_.begin(), nodes_.end(), [](const auto& one) {
      if (!one || !one->engine) {
        return true;
      }
      const EngineStatus s = one->engine->status();
      return s.peers_known == s.peers_expected;
    });
    if (ready) {
      return true;
    }
  }
  return false;
}

void World::Impl::start_load() {
  GC_CHECK(load_start_ns_ < 0);
  load_start_ns_ = now_ns_;
  for (std::size_t i = 0; i < spec_.faults.size(); ++i) {
    const Fault& fault = spec_.faults[i];
    if (fault.on.empty()) {
      queue_.push(now_ns_ + fault.at.count(), EventKind::fault_begin, 0, 0, i);
    } else {
      triggers_.push_back({i, 0});
    }
  }
  for (auto& [region, client] : clients_) {
    client.start();
  }
}

// ---- Events ---------------------------------------------------------------------------------------------------------

void World::Impl::run_until(std::int64_t until_ns) {
  while (events_ < spec_.events_most) {
    const EventSlot slot = queue_.pop(until_ns);
    if (slot == kNoEvent) {
      now_ns_ = until_ns;
      return;
    }
    dispatch(slot);
  }
  now_ns_ = std::max(now_ns_, until_ns);  // Exhausted: time goes on, nothing happens in it.
}

void World::Impl::dispatch(EventSlot slot) {
  const Event event = queue_.at(slot);
  now_ns_ = event.time_ns;
  switch (event.kind) {
    case EventKind::message:
    case EventKind::timer:
    case EventKind::forced:
    case EventKind::checkpoint:
      if (Node* node = nodes_[event.node].get()) {
        const bool disk = event.kind == EventKind::forced || event.kind == EventKind::checkpoint;
        if (node->paused || (disk && node->stalled && event.life == node->life)) {
          node->held.push_back(slot);
          return;
        }
      }
      break;
    case EventKind::client:
    case EventKind::fault_begin:
    case EventKind::fault_end:
    case EventKind::restart:
    case EventKind::resume:
      break;
  }
  queue_.release(slot);
  ++events_;
  digest(event);
  switch (event.kind) {
    case EventKind::message:
      return deliver(event);
    case EventKind::timer:
    case EventKind::forced:
    case EventKind::checkpoint:
      return dispatch_to(*nodes_[event.node], event);
    case EventKind::client:
      return client_at_[event.node]->on_wake();
    case EventKind::fault_begin:
      return begin_fault(event.arg);
    case EventKind::fault_end:
      return end_fault(event.arg);
    case EventKind::restart:
      if (nodes_[event.node]->life == event.life && !nodes_[event.node]->engine) {
        start(*nodes_[event.node]);
      }
      return;
    case EventKind::resume:
      if (nodes_[event.node]->life == event.life) {
        resume(*nodes_[event.node]);
      }
      return;
  }
}

void World::Impl::dispatch_to(Node& node, const Event& event) {
  if (event.life != node.life || !node.engine) {
    return;
  }
  if (event.kind == EventKind::timer) {
    (void)node.timers.take(event.arg);
    node.engine->on_timer(event.arg);
  } else if (event.kind == EventKind::forced) {
    node.disk.forced(event.arg);
    node.engine->on_forced(event.arg);
  } else {
    node.disk.checkpoint_durable();
  }
  after_step(node);
}

void World::Impl::deliver(const Event& event) {
  const auto slot = static_cast<std::uint32_t>(event.arg);
  const PeerMessage& message = messages_.at(slot);
  if (network_.faulty() && !network_.connected(index_of(message.from), event.node)) {
    ++lost_;
  } else if (Node* node = nodes_[event.node].get()) {
    if (node->engine) {
      node->engine->on_message(message);
      after_step(*node);
    } else {
      ++lost_;
    }
  } else if (Client* client = client_at_[event.node]) {
    if (const auto* reply = std::get_if<ClientReply>(&message.payload)) {
      client->on_reply(*reply);
    }
  }
  messages_.free(slot);
}

std::size_t World::Impl::send(Node& from, NodeId to, const PeerPayload& payload) {
  const std::size_t bytes = wire_size(payload);
  const std::uint32_t slot = messages_.put(from.id(), Epoch{from.epoch}, from.engine->watermark(), payload);
  transmit(from.index(), index_of(to), slot, bytes, network_.faulty() ? class_bit(payload) : 0);
  return bytes;
}

void World::Impl::client_send(std::uint32_t client, const PeerPayload& payload) {
  const NodeInfo& info = spec_.directory.nodes()[client];
  const std::uint32_t slot = messages_.put(info.id, Epoch{1}, {}, payload);
  transmit(client, index_of(spec_.directory.coordinator(info.region)), slot, wire_size(payload), 0);
}

void World::Impl::transmit(std::uint32_t from, std::uint32_t to, std::uint32_t message, std::size_t bytes,
                           std::uint32_t classes) {
  const Node* sender = nodes_[from].get();
  // A sender that was stopped within this step: what it still does leaves when it goes on.
  const std::int64_t leaves = sender != nullptr && sender->paused ? sender->paused_until_ns : now_ns_;
  const Network::Transit transit = network_.send(from, to, bytes, classes, leaves);
  if (!transit.sent) {
    ++lost_;
    messages_.free(message);
    return;
  }
  queue_.push(transit.due_ns, EventKind::message, to, 0, message);
  if (transit.twice) {
    queue_.push(transit.second_due_ns, EventKind::message, to, 0, messages_.copy(message));
  }
}

EventSlot World::Impl::client_wake_at(std::uint32_t client, Instant at) {
  return queue_.push(at.time_since_epoch().count(), EventKind::client, client, 0, 0);
}

void World::Impl::digest(const Event& event) {
  const auto mix = [&](std::uint64_t word) {
    hash_ = (hash_ ^ word) * 0x9e3779b97f4a7c15ULL;
    hash_ ^= hash_ >> 32U;
  };
  mix(static_cast<std::uint64_t>(event.time_ns));
  mix(std::uint64_t{event.node} << 8U | static_cast<std::uint64_t>(event.kind));
  if (event.kind != EventKind::message) {
    mix(event.arg);
    return;
  }
  const PeerMessage& message = messages_.at(static_cast<std::uint32_t>(event.arg));
  mix(std::uint64_t{message.from.value} << 8U | message.payload.index());
  if (const auto* wire = std::get_if<ProtocolMessage>(&message.payload)) {
    const Message& m = wire->message;
    mix(m.txn.counter << 24U ^ std::uint64_t{m.txn.coordinator.value} << 8U ^ m.kind);
    mix(std::uint64_t{m.txn.epoch.value} << 16U ^ std::uint64_t{m.depth} << 8U ^
        static_cast<std::uint64_t>(m.outcome) << 4U ^ static_cast<std::uint64_t>(m.vote));
  }
}

// ---- What there is to know ------------------------------------------------------------------------------------------

EngineStatus World::Impl::status() const {
  EngineStatus sum;
  for (const auto& node : nodes_) {
    if (!node || !node->engine) {
      continue;
    }
    const EngineStatus one = node->engine->status();
    sum.open_coordinator += one.open_coordinator;
    sum.open_participant += one.open_participant;
    sum.in_doubt += one.in_doubt;
    sum.blocked += one.blocked;
    sum.oldest_blocked = std::max(sum.oldest_blocked, one.oldest_blocked);
    sum.locks_held += one.locks_held;
    sum.lock_waiters += one.lock_waiters;
    sum.finished_remembered += one.finished_remembered;
    sum.unshipped += one.unshipped;
    sum.peers_expected += one.peers_expected;
    sum.peers_known += one.peers_known;
    sum.balance_total += one.balance_total;
  }
  return sum;
}

std::string World::Impl::why_not_quiet() const {
  std::string why;
  for (const auto& [region, client] : clients_) {
    if (!client.finished()) {
      why += spec_.directory.find(client.self())->name + " waits for " + std::to_string(client.counts().outstanding) +
             " outcomes; ";
    }
  }
  for (const auto& node : nodes_) {
    if (!node) {
      continue;
    }
    const std::string& name = spec_.directory.find(node->id())->name;
    if (!node->engine) {
      why += name + " is down; ";
      continue;
    }
    const EngineStatus s = node->engine->status();
    if (s.open_coordinator + s.open_participant + s.locks_held + s.lock_waiters + s.unshipped != 0) {
      why += name + " coordinates " + std::to_string(s.open_coordinator) + ", participates in " +
             std::to_string(s.open_participant) + ", holds " + std::to_string(s.locks_held) + " locks, " +
             std::to_string(s.lock_waiters) + " wait, " + std::to_string(s.unshipped) + " unshipped; ";
    }
  }
  return why;
}

bool World::Impl::quiet() {
  for (const auto& [region, client] : clients_) {
    if (!client.finished()) {
      return false;
    }
  }
  // Begins with the node that was busy last time: mostly it still is.
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const std::size_t at = (busy_ + i) % nodes_.size();
    const Node* one = nodes_[at].get();
    if (one == nullptr) {
      continue;
    }
    const EngineStatus s = one->engine ? one->engine->status() : EngineStatus{};
    if (!one->engine || s.open_coordinator + s.open_participant + s.locks_held + s.lock_waiters + s.unshipped != 0) {
      busy_ = at;
      return false;
    }
  }
  return true;
}

bool World::Impl::drain(Duration most) {
  const std::int64_t until = now_ns_ + most.count();
  while (now_ns_ < until && events_ < spec_.events_most) {
    run_until(now_ns_ + kDrainStep.count());
    if (quiet()) {
      return true;
    }
  }
  return false;
}

History World::Impl::history(bool drained) const {
  GC_CHECK(spec_.keep_history);
  History history;
  history.directory = &spec_.directory;
  history.protocol = spec_.protocol->name;
  history.initial_balance = spec_.initial_balance;
  history.drained = drained;
  for (const auto& node : nodes_) {
    if (!node) {
      continue;
    }
    NodeHistory one;
    one.node = node->id();
    // A machine that runs on writes its buffers out; the logs of a real run are read after its processes have ended.
    one.facts = node->disk.facts(node->engine != nullptr);
    if (node->engine && spec_.directory.find(node->id())->kind == NodeKind::agent) {
      one.has_balances = true;
      one.balances = node->engine->balances();
    }
    history.nodes.emplace(node->id(), std::move(one));
  }
  for (const auto& [region, client] : clients_) {
    history.outcomes.insert(history.outcomes.end(), client.outcomes().begin(), client.outcomes().end());
  }
  return history;
}

// ---- World ----------------------------------------------------------------------------------------------------------

World::World(WorldSpec spec, const ObserverOf& observers) : impl_(std::make_unique<Impl>(std::move(spec), observers)) {}
World::~World() = default;
bool World::become_ready(Duration most) { return impl_->become_ready(most); }
void World::start_load() { impl_->start_load(); }
void World::run_for(Duration duration) { impl_->run_until(impl_->now_ns() + duration.count()); }
void World::run_load() {
  GC_CHECK(impl_->load_start_ns_ >= 0);
  impl_->run_until(impl_->load_start_ns_ + (impl_->spec_.warmup + impl_->spec_.duration).count());
}
void World::heal() { impl_->heal(); }
bool World::drain(Duration most) { return impl_->drain(most); }
std::string World::why_not_quiet() const { return impl_->why_not_quiet(); }
Instant World::now() const { return Instant{Duration{impl_->now_ns()}}; }
Duration World::since_load() const { return Duration{impl_->now_ns() - impl_->load_start_ns_}; }
const WorldSpec& World::spec() const { return impl_->spec_; }
bool World::up(NodeId node) const { return impl_->node(node).engine != nullptr; }
const NodeEngine& World::engine(NodeId node) const { return *impl_->node(node).engine; }
EngineStatus World::status() const { return impl_->status(); }
const std::map<RegionId, Client>& World::clients() const { return impl_->clients_; }
LoadCounts World::client_counts() const {
  LoadCounts sum;
  for (const auto& [region, client] : impl_->clients_) {
    const LoadCounts one = client.counts();
    sum.offered += one.offered;
    sum.committed += one.committed;
    sum.aborted += one.aborted;
    sum.shed += one.shed;
    sum.outstanding += one.outstanding;
    sum.unknown += one.unknown;
  }
  return sum;
}
History World::history(bool drained) const { return impl_->history(drained); }
const std::map<std::string, std::uint64_t, std::less<>>& World::alarms() const { return impl_->alarms_; }
std::uint64_t World::messages_lost() const { return impl_->lost_; }
std::uint64_t World::events() const { return impl_->events_; }
bool World::exhausted() const { return impl_->events_ >= impl_->spec_.events_most; }
std::uint64_t World::trace_hash() const { return impl_->hash_; }
std::size_t World::memory_slots() const { return impl_->queue_.memory_slots() + impl_->messages_.capacity(); }

}  // namespace geocommit::sim
