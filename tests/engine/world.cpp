#include "tests/engine/world.h"

#include <algorithm>

#include "base/check.h"

namespace geocommit::test {
namespace {
std::vector<std::string> region_names(std::uint32_t count) {
  std::vector<std::string> names;
  for (std::uint32_t r = 0; r < count; ++r) {
    names.push_back("r" + std::to_string(r));
  }
  return names;
}
}  // namespace

void Seen::transaction_decided(const TxnDescriptor& /*descriptor*/, Outcome outcome, Reason /*reason*/,
                               Duration latency, std::uint32_t d) {
  (outcome == Outcome::commit ? committed : aborted) += 1;
  if (outcome == Outcome::commit) {
    commit_latency.push_back(latency);
    delays = d;
  }
}

void Seen::transaction_forgotten(const TxnDescriptor& /*descriptor*/, Role /*role*/, Outcome outcome,
                                 const TxnCost& c) {
  if (outcome == Outcome::commit) {
    cost.messages += c.messages;
    cost.wan_messages += c.wan_messages;
    cost.forced_writes += c.forced_writes;
    cost.retries += c.retries;
  }
}

Instant Node::now() const { return world_.now_; }

std::size_t Node::send(NodeId to, const PeerPayload& payload) {
  if (world_.filter && !world_.filter(id_, to, payload)) {
    return 0;
  }
  const Duration delay =
      world_.directory_.same_region(id_, to) ? world_.options_.one_way_local : world_.options_.one_way;
  Watermark watermark = engine->watermark();
  if (watermark != Watermark{}) {
    watermark.counter += world_.watermark_ahead;
  }
  world_.at(world_.now_ + delay, [this, to, payload, watermark, epoch = Epoch{starts}] {
    world_.deliver(id_, epoch, watermark, to, payload);
  });
  return 100;
}

void Node::write(const DurableRecord& record, WriteToken token) {
  log.push_back(record);
  if (token == 0) {
    return;
  }
  world_.at(world_.now_ + world_.options_.force, [this, token, size = log.size(), life = incarnation] {
    if (life == incarnation && engine) {
      synced = std::max(synced, size);
      engine->on_forced(token);
    }
  });
}

void Node::write_checkpoint(Checkpoint c) {
  synced = truncated = log.size();  // As the runtime does: the log first, then the checkpoint.
  checkpoint = std::move(c);
}

void Node::set_timer(TimerToken token, Instant deadline) {
  timers.insert(token);
  world_.at(deadline, [this, token, life = incarnation] {
    if (life == incarnation && engine && timers.erase(token) > 0) {
      engine->on_timer(token);
    }
  });
}

World::World(WorldOptions options)
    : options_(options),
      directory_(region_names(options.regions), options.sites_per_region, options.placement, options.keys) {
  for (const NodeInfo& info : directory_.nodes()) {
    if (info.kind != NodeKind::client) {
      nodes_.emplace(info.id, std::make_unique<Node>(*this, info.id));
    }
  }
  for (const auto& [id, node] : nodes_) {
    start(id);
  }
  run_for(1s);  // Hellos.
}

void World::start(NodeId id) {
  Node& node = *nodes_.at(id);
  GC_CHECK(!node.engine);
  ++node.starts;
  EngineOptions engine;
  engine.self = id;
  engine.epoch = Epoch{node.starts};
  engine.protocol = find_protocol(options_.protocol);
  engine.directory = &directory_;
  engine.timeouts = options_.timeouts;
  engine.lock_wait = options_.lock_wait;
  engine.locking = options_.locking;
  engine.checkpoint_bytes = options_.checkpoint_bytes;
  engine.home = options_.home;
  engine.unreachable_home = options_.unreachable_home;
  engine.unreachable_wait = options_.unreachable_wait;
  engine.clock = options_.clock;
  engine.retained_max = options_.retained_max;
  engine.requests_remembered = options_.requests_remembered;
  node.engine = std::make_unique<NodeEngine>(engine, node, node.seen);
  node.engine->recover(
      {node.checkpoint, {node.log.begin() + static_cast<std::ptrdiff_t>(node.truncated), node.log.end()}});
  node.engine->start();
}

void World::crash(NodeId id) {
  Node& node = *nodes_.at(id);
  ++node.incarnation;
  node.engine.reset();
  node.timers.clear();
  node.log.resize(node.synced);
}

void World::at(Instant when, std::function<void()> what) { events_.push({when, ++sequence_, std::move(what)}); }

void World::run_for(Duration duration) {
  const Instant until = now_ + duration;
  for (int steps = 0; !events_.empty() && events_.top().when <= until; ++steps) {
    GC_CHECK_NOTE(steps < 1'000'000, "a storm");
    Event event = events_.top();
    events_.pop();
    now_ = event.when;
    event.what();
  }
  now_ = until;
}

void World::deliver(NodeId from, Epoch epoch, Watermark watermark, NodeId to, const PeerPayload& payload) {
  if (cut.contains({from, to})) {
    return;
  }
  const auto it = nodes_.find(to);
  if (it == nodes_.end()) {
    const auto* reply = std::get_if<ClientReply>(&payload);
    if (reply != nullptr && (reply->outcome != Outcome::undecided || reply->reason == Reason::forgotten)) {
      const auto [known, fresh] = replies.emplace(reply->id, *reply);
      GC_CHECK_NOTE(known->second.outcome == reply->outcome || reply->outcome == Outcome::undecided,
                    "a client was told both outcomes");
    }
    return;
  }
  if (it->second->engine) {
    PeerMessage message{from, epoch, watermark, payload};
    if (auto* request = std::get_if<ClientRequest>(&message.payload); request != nullptr && any_start) {
      request->to_epoch = Epoch{it->second->starts};
    } else if (auto* forward = std::get_if<Forward>(&message.payload); forward != nullptr && any_start) {
      forward->to_epoch = Epoch{it->second->starts};
    }
    it->second->engine->on_message(message);
  }
}

RequestId World::request(std::uint32_t origin, std::vector<Operation> operations) {
  const NodeId client = directory_.client(RegionId{origin});
  Request request{{client, ++next_request_}, RegionId{origin}, true, std::move(operations)};
  const RequestId id = request.id;
  requests_.emplace(id, request);
  at(now_, [this, id, origin] { resend(id, Epoch{nodes_.at(coordinator(origin))->starts}); });
  return id;
}

void World::resend(RequestId id, Epoch start) {
  deliver(id.client, Epoch{1}, {}, coordinator(directory_.region_of(id.client).value),
          ClientRequest{requests_.at(id), start});
}

RequestId World::transfer(std::uint32_t origin, std::uint64_t from, std::uint64_t to, std::int64_t amount) {
  return request(origin, {{Entity{from}, -amount, false}, {Entity{to}, amount, false}});
}

void World::query(RequestId id) {
  const NodeId coordinator = directory_.coordinator(directory_.region_of(id.client));
  at(now_, [this, id, coordinator] {
    deliver(id.client, Epoch{1}, {}, coordinator, OutcomeQuery{id, requests_.at(id)});
  });
}

void World::pass_on(RequestId id, NodeId from, Epoch from_epoch, NodeId to, Epoch to_epoch) {
  deliver(from, from_epoch, {}, to, Forward{requests_.at(id), to_epoch});
}

Outcome World::outcome(RequestId id) const {
  const auto it = replies.find(id);
  return it == replies.end() ? Outcome::undecided : it->second.outcome;
}

bool World::quiet() {
  for (const auto& [id, node] : nodes_) {
    if (!node->engine) {
      return false;
    }
    const EngineStatus status = node->engine->status();
    if (status.open() + status.locks_held + status.lock_waiters + status.unshipped != 0) {
      return false;
    }
  }
  return true;
}

}  // namespace geocommit::test
