#include "sim/world.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/world_impl.h"

namespace geocommit::sim {
namespace {

/// Between two looks at whether all is quiet, or ready.
constexpr Duration kDrainStep = 50ms;

/// Some fault may take a log's tail, or make its node start again from it.
bool logs_are_read(const FaultPlan& plan) {
  return std::any_of(plan.begin(), plan.end(), [](const Fault& fault) {
    return fault.kind == FaultKind::crash || fault.kind == FaultKind::disk_fail_sync ||
           fault.kind == FaultKind::disk_full;
  });
}

}  // namespace

// ---- Set-up ---------------------------------------------------------------------------------------------------------

World::Impl::Impl(WorldSpec spec, const ObserverOf& observers)
    : context_(std::move(spec)),
      traffic_(context_),
      processes_(context_),
      faults_(context_, traffic_.network(), processes_) {
  populate(observers);
  for (const auto& node : context_.nodes) {
    if (node) {
      processes_.start(*node);
    }
  }
}

void World::Impl::populate(const ObserverOf& observers) {
  const WorldSpec& spec = context_.spec;
  const bool keep = spec.keep_history || logs_are_read(spec.faults);
  const std::vector<NodeInfo>& infos = spec.directory.nodes();
  for (std::uint32_t i = 0; i < infos.size(); ++i) {
    if (infos[i].kind != NodeKind::client) {
      Observer* other = observers ? observers(infos[i].id) : nullptr;
      auto node = std::make_unique<Node>(*this, i, infos[i].id, Disk(keep, spec.keep_history), other);
      if (spec.durable) {
        node->disk.on_durable = [&spec, id = infos[i].id](const DurableRecord& record) { spec.durable(id, record); };
      }
      context_.nodes[i] = std::move(node);
    } else if (std::find(spec.origins.begin(), spec.origins.end(), infos[i].region) != spec.origins.end()) {
      LoadPlan plan{
          infos[i].id,   infos[i].region,     spec.label.empty() ? std::string(spec.protocol->name) : spec.label,
          spec.workload, spec.seed,           spec.warmup,
          spec.duration, spec.outcome_timeout};
      const auto at =
          context_.clients.try_emplace(infos[i].region, *this, spec.directory, i, std::move(plan), spec.keep_history)
              .first;
      context_.client_at[i] = &at->second;
    }
  }
}

bool World::Impl::become_ready(Duration most) {
  const std::int64_t until = context_.now_ns + most.count();
  while (context_.now_ns < until) {
    run_until(context_.now_ns + kDrainStep.count());
    const bool ready = std::all_of(context_.nodes.begin(), context_.nodes.end(), [](const auto& one) {
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
  GC_CHECK(context_.load_start_ns < 0);
  context_.load_start_ns = context_.now_ns;
  faults_.start();
  for (auto& [region, client] : context_.clients) {
    client.start();
  }
}

// ---- Events ---------------------------------------------------------------------------------------------------------

void World::Impl::run_until(std::int64_t until_ns) {
  while (events_ < context_.spec.events_most) {
    const EventSlot slot = context_.queue.pop(until_ns);
    if (slot == kNoEvent) {
      context_.now_ns = until_ns;
      return;
    }
    look_ahead();
    dispatch(slot);
  }
  context_.now_ns = std::max(context_.now_ns, until_ns);  // Exhausted: time goes on, nothing happens in it.
}

// A thousand nodes do not fit into a cache: what the next two events will touch is fetched while this one is handled.
void World::Impl::look_ahead() {
  const auto [next, second] = context_.queue.look_ahead();
  if (next != nullptr && next->kind == EventKind::message) {
    if (const Node* node = context_.nodes[next->node].get(); node != nullptr && node->engine) {
      node->engine->prefetch(traffic_.message(*next));
    }
  }
  if (second == nullptr) {
    return;
  }
  if (second->kind == EventKind::message) {
    const auto* const message = reinterpret_cast<const char*>(&traffic_.message(*second));
    for (std::size_t at = 0; at < sizeof(PeerMessage); at += 64) {
      __builtin_prefetch(message + at);
    }
  }
  if (const Node* node = context_.nodes[second->node].get(); node != nullptr && node->engine) {
    node->engine->prefetch();
  }
}

// True: it waits until its node goes on.
bool World::Impl::held(EventSlot slot) {
  const Event& event = context_.queue.at(slot);
  switch (event.kind) {
    case EventKind::message:
    case EventKind::timer:
    case EventKind::forced:
    case EventKind::checkpoint:
    case EventKind::disk_failed:
      if (Node* node = context_.nodes[event.node].get()) {
        const bool disk = event.kind != EventKind::message && event.kind != EventKind::timer;
        if (node->paused || (disk && node->stalled && event.life == node->life)) {
          node->held.push_back(slot);
          return true;
        }
      }
      return false;
    case EventKind::client:
    case EventKind::fault_begin:
    case EventKind::fault_end:
    case EventKind::restart:
    case EventKind::resume:
      return false;
  }
  return false;
}

void World::Impl::dispatch(EventSlot slot) {
  const Event event = context_.queue.at(slot);
  context_.now_ns = event.time_ns;
  if (held(slot)) {
    return;
  }
  context_.queue.release(slot);
  ++events_;
  digest_.add(event, event.kind == EventKind::message ? &traffic_.message(event) : nullptr);
  switch (event.kind) {
    case EventKind::message:
      return deliver(event);
    case EventKind::timer:
    case EventKind::forced:
    case EventKind::checkpoint:
      return dispatch_to(*context_.nodes[event.node], event);
    case EventKind::disk_failed:
      return processes_.disk_failed(*context_.nodes[event.node], event);
    case EventKind::client:
      return context_.client_at[event.node]->on_wake();
    case EventKind::fault_begin:
      return faults_.begin(event.arg);
    case EventKind::fault_end:
      return faults_.end(event.arg);
    case EventKind::restart:
      if (context_.nodes[event.node]->life == event.life && !context_.nodes[event.node]->engine) {
        faults_.end_span(event.arg);
        processes_.start(*context_.nodes[event.node]);
      }
      return;
    case EventKind::resume:
      if (context_.nodes[event.node]->life == event.life) {
        faults_.end_span(event.arg);
        processes_.resume(*context_.nodes[event.node]);
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
  processes_.after_step(node);
}

void World::Impl::deliver(const Event& event) {
  const PeerMessage& message = traffic_.message(event);
  if (!traffic_.arrives(event)) {
    traffic_.count_lost();
  } else if (Node* node = context_.nodes[event.node].get()) {
    if (node->engine) {
      node->engine->on_message(message);
      processes_.after_step(*node);
    } else {
      traffic_.count_lost();
    }
  } else if (Client* client = context_.client_at[event.node]) {
    client->on_message(message);
  }
  traffic_.release(event);
}

EventSlot World::Impl::client_wake_at(std::uint32_t client, Instant at) {
  return context_.queue.push(at.time_since_epoch().count(), EventKind::client, client, 0, 0);
}

// ---- Quiet ----------------------------------------------------------------------------------------------------------

bool World::Impl::drain(Duration most) {
  const std::int64_t until = context_.now_ns + most.count();
  while (context_.now_ns < until && events_ < context_.spec.events_most) {
    run_until(context_.now_ns + kDrainStep.count());
    if (quiet_.quiet(context_) && come_to_rest(context_, processes_)) {
      return true;
    }
  }
  return false;
}

void World::Impl::write_out() {
  for (const auto& node : context_.nodes) {
    if (node) {
      node->disk.write_out();
    }
  }
}

Duration World::Impl::under_way() const {
  return Duration{std::max<std::int64_t>(traffic_.network().clear_by_ns() - context_.now_ns, 0)};
}

void World::Impl::alarm(std::string_view what) {
  const auto found = alarms_.find(what);
  if (found != alarms_.end()) {
    ++found->second;
  } else {
    alarms_.emplace(what, 1);
  }
}

// ---- World ----------------------------------------------------------------------------------------------------------

World::World(WorldSpec spec, const ObserverOf& observers) : impl_(std::make_unique<Impl>(std::move(spec), observers)) {}
World::~World() = default;
bool World::become_ready(Duration most) { return impl_->become_ready(most); }
void World::start_load() { impl_->start_load(); }
void World::run_for(Duration duration) { impl_->run_until(impl_->now_ns() + duration.count()); }
void World::run_load() {
  GC_CHECK(impl_->context().load_start_ns >= 0);
  impl_->run_until(impl_->context().load_start_ns +
                   (impl_->context().spec.warmup + impl_->context().spec.duration).count());
}
Duration World::let_faults_end() { return impl_->faults().let_end(); }
void World::heal() { impl_->faults().heal(); }
bool World::drain(Duration most) { return impl_->drain(most); }
void World::part(const std::vector<bool>& one_side, Duration length) {
  Fault cut;
  cut.kind = FaultKind::cut;
  cut.both_ways = true;
  const std::vector<NodeInfo>& nodes = spec().directory.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    (one_side.at(i) ? cut.from : cut.to).push_back(nodes[i].id);
  }
  impl_->network().begin(cut);
  run_for(length);
  impl_->network().end(cut);
}
Duration World::under_way() const { return impl_->under_way(); }
std::string World::why_not_quiet() const { return sim::why_not_quiet(impl_->context()); }
Instant World::now() const { return Instant{Duration{impl_->now_ns()}}; }
Duration World::since_load() const { return impl_->context().since_load(); }
const WorldSpec& World::spec() const { return impl_->context().spec; }
bool World::up(NodeId node) const { return impl_->context().node(node).engine != nullptr; }
const NodeEngine& World::engine(NodeId node) const { return *impl_->context().node(node).engine; }
EngineStatus World::status() const { return status_of(impl_->context()); }
const std::map<RegionId, Client>& World::clients() const { return impl_->context().clients; }
LoadCounts World::client_counts() const {
  LoadCounts sum;
  for (const auto& [region, client] : impl_->context().clients) {
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
void World::write_out() { impl_->write_out(); }
History World::history(bool drained) const { return history_of(impl_->context(), drained); }
const std::map<std::string, std::uint64_t, std::less<>>& World::alarms() const { return impl_->alarms(); }
const std::vector<FaultSpan>& World::fault_spans() const { return impl_->faults().spans(); }
std::uint64_t World::messages_lost() const { return impl_->traffic().lost(); }
std::uint64_t World::events() const { return impl_->events(); }
bool World::exhausted() const { return impl_->events() >= impl_->context().spec.events_most; }
std::uint64_t World::trace_hash() const { return impl_->digest().value(); }
std::size_t World::memory_slots() const {
  return impl_->context().queue.memory_slots() + impl_->traffic().memory_slots();
}

}  // namespace geocommit::sim
