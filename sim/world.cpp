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
  if (std::holds_alternative<Ship>(payload) || std::holds_alternative<ShipAck>(payload)) {
    return kShipClass;
  }
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
  const bool keep = spec_.keep_history || any_of_kind(spec_.faults, FaultKind::crash) ||
                    any_of_kind(spec_.faults, FaultKind::disk_fail_sync) ||
                    any_of_kind(spec_.faults, FaultKind::disk_full);
  const std::vector<NodeInfo>& infos = spec_.directory.nodes();
  nodes_.resize(infos.size());
  client_at_.resize(infos.size());
  for (std::uint32_t i = 0; i < infos.size(); ++i) {
    if (infos[i].kind != NodeKind::client) {
      Observer* other = observers ? observers(infos[i].id) : nullptr;
      nodes_[i] = std::make_unique<Node>(*this, i, infos[i].id, Disk(keep, spec_.keep_history), other);
      if (spec_.durable) {
        nodes_[i]->disk.on_durable = [this, id = infos[i].id](const DurableRecord& record) {
          spec_.durable(id, record);
        };
      }
    } else if (std::find(spec_.origins.begin(), spec_.origins.end(), infos[i].region) != spec_.origins.end()) {
      LoadPlan plan{
          infos[i].id,    infos[i].region,      spec_.label.empty() ? std::string(spec_.protocol->name) : spec_.label,
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
  if (node.stalled || node.failing != nullptr) {
    node.waits_for_disk = true;  // It could not even force its epoch.
    return;
  }
  node.waits_for_disk = false;
  ++node.life;
  node.epoch = node.disk.next_start();
  node.dying = false;
  node.log_failed = false;
  EngineOptions options;
  options.self = node.id();
  options.epoch = Epoch{node.epoch};
  options.protocol = spec_.protocol;
  options.protocol_options = spec_.options;
  options.rows = spec_.rows;
  options.directory = &spec_.directory;
  options.timeouts = spec_.timeouts;
  options.lock_wait = spec_.lock_wait;
  options.locking = spec_.locking;
  options.initial_balance = spec_.initial_balance;
  options.checkpoint_bytes = spec_.checkpoint_bytes;
  options.requests_remembered = spec_.requests_remembered;
  options.retained_max = spec_.retained_max;
  options.home = spec_.home;
  options.unreachable_home = spec_.unreachable_home;
  options.unreachable_wait = spec_.unreachable_wait;
  options.parts = spec_.parts;
  options.clock = 1;
  node.engine = std::make_unique<NodeEngine>(options, node, node.observer());
  node.engine->recover(node.disk.recover());
  if (node.disk.on_durable) {
    node.disk.on_durable(EpochRecord{options.epoch});  // As the runtime forces one.
  }
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
  in_force_.assign(spec_.faults.size(), kNone);
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
    look_ahead();
    dispatch(slot);
  }
  now_ns_ = std::max(now_ns_, until_ns);  // Exhausted: time goes on, nothing happens in it.
}

// A thousand nodes do not fit into a cache: what the next two events will touch is fetched while this one is handled.
void World::Impl::look_ahead() {
  const auto [next, second] = queue_.look_ahead();
  if (next != nullptr && next->kind == EventKind::message) {
    if (const Node* node = nodes_[next->node].get(); node != nullptr && node->engine) {
      node->engine->prefetch(messages_.at(static_cast<std::uint32_t>(next->arg)));
    }
  }
  if (second == nullptr) {
    return;
  }
  if (second->kind == EventKind::message) {
    const auto* const message = reinterpret_cast<const char*>(&messages_.at(static_cast<std::uint32_t>(second->arg)));
    for (std::size_t at = 0; at < sizeof(PeerMessage); at += 64) {
      __builtin_prefetch(message + at);
    }
  }
  if (const Node* node = nodes_[second->node].get(); node != nullptr && node->engine) {
    node->engine->prefetch();
  }
}

void World::Impl::dispatch(EventSlot slot) {
  const Event event = queue_.at(slot);
  now_ns_ = event.time_ns;
  switch (event.kind) {
    case EventKind::message:
    case EventKind::timer:
    case EventKind::forced:
    case EventKind::checkpoint:
    case EventKind::disk_failed:
      if (Node* node = nodes_[event.node].get()) {
        const bool disk = event.kind != EventKind::message && event.kind != EventKind::timer;
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
    case EventKind::disk_failed:
      return disk_failed(*nodes_[event.node], event);
    case EventKind::client:
      return client_at_[event.node]->on_wake();
    case EventKind::fault_begin:
      return begin_fault(event.arg);
    case EventKind::fault_end:
      return end_fault(event.arg);
    case EventKind::restart:
      if (nodes_[event.node]->life == event.life && !nodes_[event.node]->engine) {
        end_span(event.arg);
        start(*nodes_[event.node]);
      }
      return;
    case EventKind::resume:
      if (nodes_[event.node]->life == event.life) {
        end_span(event.arg);
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
    client->on_message(message);
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
  queue_.push(transit.due_ns, EventKind::message, to, 0, message);  // To whichever start is there by then.
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
    mix(event.kind == EventKind::restart || event.kind == EventKind::resume ? 0 : event.arg);
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
Duration World::let_faults_end() { return impl_->let_faults_end(); }
void World::heal() { impl_->heal(); }
bool World::drain(Duration most) { return impl_->drain(most); }
Duration World::under_way() const { return impl_->under_way(); }
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
void World::write_out() {
  for (const auto& node : impl_->nodes_) {
    if (node) {
      node->disk.write_out();
    }
  }
}
History World::history(bool drained) const { return impl_->history(drained); }
const std::map<std::string, std::uint64_t, std::less<>>& World::alarms() const { return impl_->alarms_; }
const std::vector<FaultSpan>& World::fault_spans() const { return impl_->spans_; }
std::uint64_t World::messages_lost() const { return impl_->lost_; }
std::uint64_t World::events() const { return impl_->events_; }
bool World::exhausted() const { return impl_->events_ >= impl_->spec_.events_most; }
std::uint64_t World::trace_hash() const { return impl_->hash_; }
std::size_t World::memory_slots() const { return impl_->queue_.memory_slots() + impl_->messages_.capacity(); }

}  // namespace geocommit::sim
