// Messages, clients, and the node's own services (hello, shipping, checkpoints).
#include "engine/node_engine.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace geocommit {
namespace {

constexpr Duration kHelloInterval = 200ms;
constexpr std::size_t kOperationsMax = 1024;
constexpr std::size_t kForwardedMax = 100'000;

std::vector<NodeId> replicas_of_site(const Directory& directory, const NodeInfo& self) {
  std::vector<NodeId> replicas;
  for (std::uint32_t r = 0; r < directory.region_count(); ++r) {
    if (RegionId{r} != self.region) {
      replicas.push_back(directory.agent(RegionId{r}, self.site));
    }
  }
  return replicas;
}

}  // namespace

NodeEngine::Impl::Impl(EngineOptions options, Environment& environment, Observer& observer)
    : options_(options),
      environment_(environment),
      observer_(observer),
      directory_(*options.directory),
      resources_(make_embedded_resource_manager(*options.directory, options.initial_balance)),
      locks_(options.locking),
      requests_(options.requests_remembered) {
  GC_CHECK(options_.protocol != nullptr && options_.epoch != Epoch{});
  const NodeInfo* self = directory_.find(options_.self);
  GC_CHECK(self != nullptr);
  for (const NodeInfo& node : directory_.nodes()) {
    if (node.id != options_.self && node.kind != NodeKind::client) {
      peers_.push_back(node.id);
    }
  }
  if (options_.protocol->ships_to_replicas && directory_.placement() == Placement::replicated &&
      self->kind == NodeKind::agent) {
    home_ = std::make_unique<ShippingHome>(replicas_of_site(directory_, *self));
  }
}

void NodeEngine::Impl::start() {
  say_hello();
  if (home_ && home_->has_replicas()) {
    next_heartbeat_ = environment_.now();
    ship_tick();
  }
  for (const Key& key : to_wake_) {
    if (TxnEntry* entry = find_entry(key)) {
      settle_recovered(*entry);
    }
  }
  to_wake_.clear();
  drain();
}

std::size_t NodeEngine::Impl::send(NodeId to, const PeerPayload& payload, Traffic traffic, std::string_view kind) {
  const std::size_t bytes = environment_.send(to, payload);
  observer_.message_sent(traffic, kind, !directory_.same_region(options_.self, to), bytes);
  return bytes;
}

TimerToken NodeEngine::Impl::schedule(Service service, Duration after) {
  const TimerToken token = ++last_timer_;
  timers_.emplace(token, service);
  environment_.set_timer(token, environment_.now() + after);
  return token;
}

void NodeEngine::Impl::say_hello() {
  bool all_known = true;
  for (const NodeId peer : peers_) {
    if (!peer_epochs_.contains(peer)) {
      all_known = false;
      send(peer, Hello{true}, Traffic::hello, "HELLO");
    }
  }
  if (!all_known) {
    schedule(Service::hello, kHelloInterval);
  }
}

void NodeEngine::Impl::ship_tick() {
  const Instant now = environment_.now();
  const bool heartbeat = now >= next_heartbeat_;
  if (heartbeat) {
    next_heartbeat_ = now + options_.heartbeat_interval;
    home_->ages(now, [&](NodeId replica, Duration age) { observer_.staleness(replica, age); });
  }
  home_->tick(now, options_.timeouts.decision, heartbeat, [&](NodeId to, Ship ship) {
    const bool empty = ship.writes.empty();
    send(to, ship, empty ? Traffic::heartbeat : Traffic::ship, empty ? "HEARTBEAT" : "SHIP");
  });
  const Duration until_heartbeat = next_heartbeat_ - now;
  schedule_ship(home_->has_work() ? std::min(options_.ship_interval, until_heartbeat) : until_heartbeat);
}

void NodeEngine::Impl::schedule_ship(Duration after) {
  const Instant at = environment_.now() + after;
  if (ship_timer_ != 0) {
    if (ship_timer_at_ <= at) {
      return;
    }
    environment_.cancel_timer(ship_timer_);
    timers_.erase(ship_timer_);
  }
  ship_timer_ = schedule(Service::ship, after);
  ship_timer_at_ = at;
}

void NodeEngine::Impl::on_timer(TimerToken token) {
  const auto it = timers_.find(token);
  if (it == timers_.end()) {
    return;
  }
  const TimerUse use = it->second;
  timers_.erase(it);
  if (const auto* machine = std::get_if<MachineTimer>(&use)) {
    if (TxnEntry* entry = find_entry(machine->key)) {
      std::erase_if(entry->timers, [&](const auto& t) { return t.second == token; });
      feed(machine->key, TimerFired{machine->timer});
    }
  } else if (const auto* lock = std::get_if<LockTimer>(&use)) {
    TxnEntry* entry = find_entry({lock->txn, Role::participant});
    if (entry != nullptr && entry->waiting && !entry->executed) {
      entry->waiting = false;
      deny(*entry, Reason::lock_timeout);
    }
  } else if (std::get<Service>(use) == Service::hello) {
    say_hello();
  } else {
    ship_timer_ = 0;
    ship_tick();
  }
  drain();
}

void NodeEngine::Impl::on_forced(WriteToken token) {
  while (!forces_.empty() && forces_.front().first <= token) {
    const ForceUse use = forces_.front().second;
    forces_.pop_front();
    if (const auto* machine = std::get_if<MachineForce>(&use)) {
      if (machine->ship_sequence != 0) {
        home_->durable(machine->ship_sequence);
        schedule_ship(options_.ship_interval);
      }
      feed(machine->key, LogForced{machine->kind});
    } else {
      const auto& shipped = std::get<ShippedForce>(use);
      replica_.durable(shipped.home, shipped.sequence);
      send(shipped.home, replica_.ack(shipped.home), Traffic::ship, "SHIP_ACK");
    }
  }
  drain();
  maybe_checkpoint();
}

void NodeEngine::Impl::on_message(const PeerMessage& message) {
  if (directory_.find(message.from) == nullptr) {
    observer_.alarm("a message from a node that is not in the directory");
    return;
  }
  Epoch& known = peer_epochs_[message.from];
  known = std::max(known, message.from_epoch);
  memory_.raise(message.from, message.watermark);
  std::visit([&](const auto& payload) { receive(message, payload); }, message.payload);
  drain();
  maybe_checkpoint();
}

void NodeEngine::Impl::receive(const PeerMessage& from, const Hello& hello) {
  if (hello.answer) {
    send(from.from, Hello{false}, Traffic::hello, "HELLO");
  }
}

void NodeEngine::Impl::receive(const PeerMessage& from, const ProtocolMessage& wire) {
  const Message& message = wire.message;
  const Protocol* protocol = find_protocol(message.protocol);
  if (protocol == nullptr || protocol->make == nullptr || message.from != from.from || message.to != options_.self) {
    observer_.alarm("a protocol message that is not for this node, or of no protocol");
    return;
  }
  const Key key{message.txn, message.to_role};
  if (find_entry(key) != nullptr) {
    feed(key, Received{message});
  } else if (protocol->kind_class(message.kind) == MessageClass::prepare) {
    receive_prepare(wire, *protocol);
  } else {
    receive_orphan(message, *protocol);
  }
}

void NodeEngine::Impl::receive_prepare(const ProtocolMessage& wire, const Protocol& protocol) {
  const Message& message = wire.message;
  const FinishedTxn* finished = memory_.find(message.txn);
  if (!wire.descriptor || message.to_role != Role::participant || wire.descriptor->txn != message.txn ||
      memory_.below_watermark(message.txn) || (finished != nullptr && finished->outcome == Outcome::commit)) {
    observer_.alarm("a PREPARE from the past, or without a descriptor");  // Nobody waits for the answer.
    return;
  }
  for (const Operation& operation : wire.descriptor->operations) {
    const bool kept = operation.entity.value < directory_.entity_count() &&
                      directory_.slot_of(operation.entity) < directory_.keys_per_participant();
    if (!kept) {
      observer_.alarm("a PREPARE for an entity that is not kept here");
      return;
    }
  }
  // PITFALLS 4, 6, 34: addressed to an earlier start of this site, or of a transaction that is already over here.
  const bool refused = finished != nullptr || message.to_epoch != options_.epoch;
  TxnEntry& entry = add_entry(*wire.descriptor, Role::participant, protocol);
  entry.refused = refused;
  feed({message.txn, Role::participant}, Received{message});
}

void NodeEngine::Impl::receive_orphan(const Message& message, const Protocol& protocol) {
  Remembered remembered;
  remembered.own_transaction = message.txn.coordinator == options_.self;
  remembered.same_epoch = message.to_epoch == Epoch{} || message.to_epoch == options_.epoch;
  remembered.below_watermark = memory_.below_watermark(message.txn);
  if (const FinishedTxn* finished = memory_.find(message.txn)) {
    remembered.voted_read_only = finished->read_only;
    remembered.state = finished->outcome == Outcome::commit  ? SiteState::committed
                       : finished->outcome == Outcome::abort ? SiteState::aborted
                                                             : SiteState::unknown;
  }
  OrphanRule rule = protocol.orphan(message, remembered);
  if (!rule.note.empty()) {
    observer_.alarm(rule.note);
  }
  switch (rule.action) {
    case OrphanAction::ignore:
      if (message.to_role == Role::participant && message.outcome == Outcome::abort && !remembered.below_watermark &&
          remembered.state == SiteState::unknown && protocol.kind_class(message.kind) == MessageClass::decision) {
        memory_.remember({message.txn, Outcome::abort, false});  // A late PREPARE is refused (PITFALLS 4).
      }
      break;
    case OrphanAction::reply: {
      Message reply = rule.reply;
      reply.from = options_.self;
      reply.to = reply.to == NodeId{} ? message.from : reply.to;
      reply.txn = message.txn;
      reply.protocol = protocol.wire_id;
      reply.depth = static_cast<std::uint16_t>(message.depth + 1);
      send(reply.to, ProtocolMessage{reply, std::nullopt}, Traffic::retry, protocol.kind_name(reply.kind));
      break;
    }
    case OrphanAction::make_machine: {
      TxnDescriptor descriptor;
      descriptor.txn = message.txn;
      descriptor.protocol = protocol.wire_id;
      descriptor.coordinator = message.txn.coordinator;
      add_entry(std::move(descriptor), message.to_role, protocol);
      feed({message.txn, message.to_role}, Received{message});
      break;
    }
  }
}

void NodeEngine::Impl::receive(const PeerMessage& from, const Wound& wound) {
  (void)from;
  feed({wound.txn, Role::coordinator}, Wounded{});
}

bool NodeEngine::Impl::request_is_valid(const Request& request) const {
  return !request.operations.empty() && request.operations.size() <= kOperationsMax &&
         request.origin.value < directory_.region_count() &&
         std::all_of(request.operations.begin(), request.operations.end(),
                     [&](const Operation& operation) { return operation.entity.value < directory_.entity_count(); });
}

void NodeEngine::Impl::receive(const PeerMessage& from, const ClientRequest& request) {
  take_request(request.request, from.from, false);
}

void NodeEngine::Impl::receive(const PeerMessage& from, const Forward& forward) {
  take_request(forward.request, from.from, true);
}

void NodeEngine::Impl::take_request(const Request& request, NodeId reply_to, bool forwarded) {
  if (const FinishedRequest* finished = requests_.find(request.id)) {
    const Reason reason = finished->outcome == Outcome::abort ? Reason::recovery : Reason::none;
    reply(reply_to, forwarded, {request.id, finished->txn, finished->outcome, reason});
    return;
  }
  if (open_requests_.contains(request.id) || forwarded_.contains(request.id)) {
    return;  // Asked twice: the answer is on its way (PITFALLS 12).
  }
  if (!request_is_valid(request)) {
    reply(reply_to, forwarded, {request.id, {}, Outcome::abort, Reason::invalid_request});
    return;
  }
  const Route route = options_.protocol->route(request, directory_);
  const NodeId coordinator = directory_.coordinator(route.coordinator_region);
  if (coordinator == options_.self) {
    begin(request, route, reply_to, forwarded);
  } else if (forwarded) {
    reply(reply_to, true, {request.id, {}, Outcome::abort, Reason::unavailable});  // Never passed on twice.
  } else {
    if (forwarded_.size() >= kForwardedMax) {
      forwarded_.erase(forwarded_.begin());  // Its client asks for the outcome by itself.
    }
    forwarded_.emplace(request.id, reply_to);
    send(coordinator, Forward{request}, Traffic::forward, "FORWARD");
  }
}

void NodeEngine::Impl::begin(const Request& request, const Route& route, NodeId reply_to, bool forwarded) {
  const Protocol* protocol = find_protocol(route.protocol);
  GC_CHECK(protocol != nullptr && protocol->make != nullptr && !route.sites.empty());
  TxnDescriptor descriptor;
  descriptor.txn = {options_.self, options_.epoch, next_counter_++};
  descriptor.protocol = route.protocol;
  descriptor.coordinator = options_.self;
  for (const SiteWork& work : route.sites) {
    const auto epoch = peer_epochs_.find(work.site);
    descriptor.cohort.push_back({work.site, epoch == peer_epochs_.end() ? Epoch{} : epoch->second});
  }
  // Age by this host's steady clock. Between hosts only fairness depends on it, safety never: the order is total.
  descriptor.priority = static_cast<std::uint64_t>(environment_.now().time_since_epoch().count());
  descriptor.request = request.id;
  descriptor.measured = request.measured;
  TxnEntry& entry = add_entry(std::move(descriptor), Role::coordinator, *protocol);
  entry.work = route.sites;
  entry.begun = environment_.now();
  entry.reply_to = reply_to;
  entry.reply_to_forwarder = forwarded;
  open_requests_.emplace(request.id, entry.descriptor.txn);
  observer_.transaction_begun(entry.descriptor);
  feed({entry.descriptor.txn, Role::coordinator}, Begin{});
}

void NodeEngine::Impl::reply(NodeId to, bool to_forwarder, const ClientReply& reply) {
  if (directory_.find(to) == nullptr) {
    return;  // The client of an earlier run's log.
  }
  if (to_forwarder) {
    send(to, ForwardReply{reply}, Traffic::forward, "FORWARD_REPLY");
  } else {
    send(to, reply, Traffic::client, "REPLY");
  }
}

void NodeEngine::Impl::receive(const PeerMessage& from, const ForwardReply& forwarded) {
  (void)from;
  const auto it = forwarded_.find(forwarded.reply.id);
  if (it == forwarded_.end()) {
    return;
  }
  const NodeId client = it->second;
  forwarded_.erase(it);
  if (forwarded.reply.outcome != Outcome::undecided) {
    requests_.remember({forwarded.reply.id, forwarded.reply.txn, forwarded.reply.outcome});
  }
  reply(client, false, forwarded.reply);
}

void NodeEngine::Impl::receive(const PeerMessage& from, const OutcomeQuery& query) {
  ClientReply answer{query.id, {}, Outcome::undecided, Reason::none};
  const bool from_client = from.from == query.id.client;
  if (const FinishedRequest* finished = requests_.find(query.id)) {
    answer.txn = finished->txn;
    answer.outcome = finished->outcome;
    answer.reason = finished->outcome == Outcome::abort ? Reason::recovery : Reason::none;
  } else if (!open_requests_.contains(query.id) && from_client) {
    if (options_.protocol->ships_to_replicas) {
      // It may have been passed to any home: whoever knows tells the client.
      for (std::uint32_t r = 0; r < directory_.region_count(); ++r) {
        const NodeId other = directory_.coordinator(RegionId{r});
        if (other != options_.self) {
          send(other, query, Traffic::client, "OUTCOME_QUERY");
        }
      }
    } else {
      // Never seen, or begun by an earlier start without a durable decision. It is refused from now on, should it be
      // still under way (presumed abort towards the client).
      answer.outcome = Outcome::abort;
      answer.reason = Reason::recovery;
      requests_.remember({query.id, {}, Outcome::abort});
    }
  }
  if (from_client || answer.outcome != Outcome::undecided) {
    reply(query.id.client, false, answer);
  }
}

void NodeEngine::Impl::receive(const PeerMessage& /*from*/, const ClientReply& /*reply*/) {
  observer_.alarm("a client's reply reached a node that is not a client");
}

void NodeEngine::Impl::receive(const PeerMessage& from, const Ship& ship) {
  if (!home_) {
    observer_.alarm("a shipped write reached a node that is not a replica");
    return;
  }
  std::vector<ShippedWrite> fresh = replica_.accept(from.from, ship);
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    const std::uint64_t sequence = fresh[i].sequence;
    resources_->commit(fresh[i].operations);
    WriteToken token = 0;
    if (i + 1 == fresh.size()) {
      token = ++last_write_;
      forces_.emplace_back(token, ShippedForce{from.from, sequence});
    }
    environment_.write(ShippedRecord{from.from, std::move(fresh[i])}, token);
  }
  if (fresh.empty()) {
    send(from.from, replica_.ack(from.from), Traffic::ship, "SHIP_ACK");
  }
}

void NodeEngine::Impl::receive(const PeerMessage& from, const ShipAck& ack) {
  if (!home_ || !home_->acknowledged(from.from, ack, environment_.now())) {
    return;
  }
  constexpr std::uint64_t kEvery = 1000;  // Lazily: it only bounds what a restart sends again.
  const std::uint64_t confirmed = home_->confirmed_everywhere();
  if (confirmed >= reported_confirmed_ + kEvery) {
    reported_confirmed_ = confirmed;
    environment_.write(ShipAckedRecord{confirmed}, 0);
  }
}

void NodeEngine::Impl::maybe_checkpoint() {
  if (environment_.log_bytes_since_checkpoint() >= options_.checkpoint_bytes &&
      !environment_.checkpoint_in_progress()) {
    environment_.write_checkpoint(make_checkpoint());
  }
}

Checkpoint NodeEngine::Impl::make_checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.epoch = options_.epoch;
  if (directory_.find(options_.self)->kind == NodeKind::agent) {
    checkpoint.balances = resources_->balances();
  }
  for (const auto* table : {&coordinators_, &participants_}) {
    for (const auto& [txn, entry] : *table) {
      checkpoint.open.insert(checkpoint.open.end(), entry->records.begin(), entry->records.end());
    }
  }
  checkpoint.finished = memory_.all();
  checkpoint.requests.assign(requests_.all().begin(), requests_.all().end());
  checkpoint.watermarks = memory_.watermarks();
  if (home_) {
    checkpoint.shipped = home_->last_sequence();
    checkpoint.unshipped.assign(home_->retained().begin(), home_->retained().end());
  }
  checkpoint.applied = replica_.applied();
  return checkpoint;
}

Watermark NodeEngine::Impl::watermark() const {
  if (directory_.find(options_.self)->kind != NodeKind::coordinator) {
    return {};
  }
  if (coordinators_.empty()) {
    return {options_.epoch, next_counter_};
  }
  const TxnId& oldest = coordinators_.begin()->first;
  return {oldest.epoch, oldest.counter};
}

EngineStatus NodeEngine::Impl::status() const {
  EngineStatus status;
  status.open_coordinator = coordinators_.size();
  status.open_participant = participants_.size();
  const Instant now = environment_.now();
  for (const auto& [txn, entry] : participants_) {
    if (!entry->in_doubt) {
      continue;
    }
    ++status.in_doubt;
    const Duration blocked = now - entry->in_doubt_since - options_.timeouts.decision;
    if (blocked > Duration::zero()) {
      ++status.blocked;
      status.oldest_blocked = std::max(status.oldest_blocked, blocked);
    }
  }
  status.locks_held = locks_.held();
  status.lock_waiters = locks_.waiting();
  status.finished_remembered = memory_.size();
  status.unshipped = home_ ? home_->unconfirmed() : 0;
  status.peers_expected = peers_.size();
  status.peers_known = static_cast<std::uint64_t>(
      std::count_if(peers_.begin(), peers_.end(), [&](NodeId peer) { return peer_epochs_.contains(peer); }));
  if (directory_.find(options_.self)->kind == NodeKind::agent) {
    for (const std::int64_t balance : resources_->balances()) {
      status.balance_total += balance;
    }
  }
  return status;
}

std::vector<OpenInDoubt> NodeEngine::Impl::open_in_doubt() const {
  std::vector<OpenInDoubt> result;
  const Instant now = environment_.now();
  for (const auto& [txn, entry] : participants_) {
    if (entry->in_doubt) {
      const Duration in_doubt = now - entry->in_doubt_since;
      result.push_back(
          {entry->descriptor, in_doubt, std::max(in_doubt - options_.timeouts.decision, Duration::zero())});
    }
  }
  return result;
}

std::string NodeEngine::Impl::describe() const {
  std::string text;
  for (const auto* table : {&coordinators_, &participants_}) {
    for (const auto& [txn, entry] : *table) {
      text += std::to_string(txn.coordinator.value) + "." + std::to_string(txn.epoch.value) + "." +
              std::to_string(txn.counter) + " " + std::string(name_of(entry->role)) + " " + entry->machine->describe() +
              "\n";
    }
  }
  return text;
}

NodeEngine::NodeEngine(EngineOptions options, Environment& environment, Observer& observer)
    : impl_(std::make_unique<Impl>(options, environment, observer)) {}
NodeEngine::~NodeEngine() = default;
void NodeEngine::recover(DurableState state) { impl_->recover(std::move(state)); }
void NodeEngine::start() { impl_->start(); }
void NodeEngine::on_message(const PeerMessage& message) { impl_->on_message(message); }
void NodeEngine::on_forced(WriteToken token) { impl_->on_forced(token); }
void NodeEngine::on_timer(TimerToken token) { impl_->on_timer(token); }
Watermark NodeEngine::watermark() const { return impl_->watermark(); }
EngineStatus NodeEngine::status() const { return impl_->status(); }
std::vector<OpenInDoubt> NodeEngine::open_in_doubt() const { return impl_->open_in_doubt(); }
const std::vector<std::int64_t>& NodeEngine::balances() const { return impl_->balances(); }
std::string NodeEngine::describe() const { return impl_->describe(); }

}  // namespace geocommit
