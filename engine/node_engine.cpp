// What reaches a node, and to whom it goes: machines, orphans, fences.
#include "engine/node_engine.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace geocommit {

NodeEngine::Impl::Impl(EngineOptions options, Environment& environment, Observer& observer)
    : options_(options),
      environment_(environment),
      observer_(observer),
      directory_(*options.directory),
      resources_((options.parts.resources != nullptr ? options.parts.resources : make_embedded_resource_manager)(
          *options.directory, options.initial_balance)),
      locks_(options.parts.locks != nullptr ? options.parts.locks(options.locking)
                                            : std::make_unique<LockManager>(options.locking)),
      requests_(options.requests_remembered),
      masters_(directory_),
      peer_epochs_(directory_) {
  GC_CHECK(options_.protocol != nullptr && options_.epoch != Epoch{});
  const NodeInfo* self = directory_.find(options_.self);
  GC_CHECK(self != nullptr);
  for (const NodeInfo& node : directory_.nodes()) {
    if (node.id != options_.self && node.kind != NodeKind::client) {
      peers_.push_back(node.id);
    } else if (node.id == options_.self) {
      first_hello_ = peers_.size();  // Everybody begins with another: who is greeted need not greet.
    }
  }
  if (peers_.size() <= kHelloBatch) {
    first_hello_ = 0;
  }
  if (options_.home.guard == Duration::zero()) {
    options_.home.guard = std::min(options_.timeouts.vote, options_.home.lease / 2);
  }
  keeps_homes_ = routes_homes() && directory_.placement() == Placement::replicated && self->kind == NodeKind::agent &&
                 directory_.region_count() > 1;
  if (keeps_homes_) {
    (void)home_site(options_.self);
  }
}

const Protocol* NodeEngine::Impl::find_row(std::uint8_t wire_id) const {
  const auto found =
      std::find_if(options_.rows.begin(), options_.rows.end(), [&](const Protocol& p) { return p.wire_id == wire_id; });
  return found == options_.rows.end() ? nullptr : &*found;
}

void NodeEngine::Impl::start() {
  say_hello();
  if (routes_homes()) {
    heard_.assign(directory_.nodes().size(), environment_.now());
    if (directory_.find(options_.self)->kind == NodeKind::coordinator &&
        options_.unreachable_home == UnreachableHome::fail) {
      ping();
    }
  }
  if (keeps_homes_) {
    start_homes();
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

void NodeEngine::Impl::on_timer(TimerToken token) {
  const TimerUse* found = timers_.find(token);
  if (found == nullptr) {
    return;
  }
  const TimerUse use = *found;
  timers_.erase(token);
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
  } else {
    switch (std::get<Service>(use)) {
      case Service::hello:
        say_hello();
        break;
      case Service::ship:
        ship_timer_ = 0;
        ship_tick();
        break;
      case Service::staleness:
        sample_staleness();
        break;
      case Service::homes:
        homes_timer_ = 0;
        tick_homes();
        break;
      case Service::announce:
        announcing_ = false;
        announce_moved();
        break;
      case Service::waiting:
        waiting_timer_ = 0;
        try_waiting();
        break;
      case Service::ping:
        ping();
        break;
    }
  }
  drain();
}

void NodeEngine::Impl::on_forced(WriteToken token) {
  while (!forces_.empty() && forces_.front().first <= token) {
    const ForceUse use = forces_.front().second;
    forces_.pop_front();
    if (const auto* machine = std::get_if<MachineForce>(&use)) {
      forced_places(machine->ships);
      feed(machine->key, LogForced{machine->kind});
    } else if (const auto* shipped = std::get_if<ShippedForce>(&use)) {
      forced_shipped(*shipped);
    } else {
      forced_homes(std::get<HomeForce>(use));
    }
  }
  drain();
  maybe_checkpoint();
}

void NodeEngine::Impl::on_message(const PeerMessage& message) {
  const NodeInfo* from = directory_.find(message.from);
  if (from == nullptr) {
    observer_.alarm("a message from a node that is not in the directory");
    return;
  }
  peer_epochs_.raise(from, message.from_epoch);
  memory_.raise(message.from, message.watermark);
  if (!heard_.empty()) {
    heard_[static_cast<std::size_t>(from - directory_.nodes().data())] = environment_.now();
  }
  std::visit([&](const auto& payload) { receive(message, payload); }, message.payload);
  drain();
  maybe_checkpoint();
}

void NodeEngine::Impl::prefetch(const PeerMessage& message) const {
  if (const NodeInfo* from = directory_.find(message.from)) {
    peer_epochs_.prefetch(from);
  }
  if (const auto* wire = std::get_if<ProtocolMessage>(&message.payload)) {
    (wire->message.to_role == Role::coordinator ? coordinators_ : participants_).prefetch(wire->message.txn);
  }
}

void NodeEngine::Impl::receive(const PeerMessage& from, const Hello& hello) {
  if (hello.answer) {
    send(from.from, Hello{false}, Traffic::hello, "HELLO");
    for (const auto& [home, site] : homes_) {  // It may have missed, or forgotten, who is master.
      if (site.mastership.is_master() && site.log.history().size() > 1) {
        HomeMessage open;
        open.kind = HomeMessageKind::open;
        open.home = home;
        open.epoch = site.mastership.epoch();
        send(from.from, open, Traffic::heartbeat, "OPEN");
      }
    }
  }
}

void NodeEngine::Impl::receive(const PeerMessage& from, const ProtocolMessage& wire) {
  const Message& message = wire.message;
  const Protocol* protocol = find_row(message.protocol);
  if (protocol == nullptr || protocol->is_router() || message.from != from.from || message.to != options_.self) {
    observer_.alarm("a protocol message that is not for this node, or of no protocol");
    return;
  }
  observer_.message_in(message);
  const Key key{message.txn, message.to_role};
  if (TxnEntry* entry = find_entry(key)) {
    if (!wire.reads.empty() && entry->role == Role::coordinator) {
      take_reads(*entry, message.from, wire.reads);
    }
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
  // Aborted, or voted read-only: a repetition, the same answer again, and no second record (pitfalls 4, 12).
  // Addressed to an earlier start of this site (pitfalls 6, 34): NO, but no abort. That start may have voted read-only,
  // and the transaction may have committed.
  if (finished != nullptr || message.to_epoch != options_.epoch) {
    receive_orphan(message, protocol);
    return;
  }
  TxnEntry& entry = add_entry(*wire.descriptor, Role::participant, protocol);
  if (quiesced_) {
    entry.refused = Reason::unavailable;
  }
  feed({message.txn, Role::participant}, Received{message});
}

void NodeEngine::Impl::receive_orphan(const Message& message, const Protocol& protocol) {
  Remembered remembered;
  remembered.own_transaction = message.txn.coordinator == options_.self;
  const bool names_none = message.to_epoch == Epoch{} && protocol.kind_class(message.kind) != MessageClass::prepare;
  remembered.same_epoch = names_none || message.to_epoch == options_.epoch;
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
        memory_.remember({message.txn, Outcome::abort, false});  // A late PREPARE is refused (pitfall 4).
      }
      break;
    case OrphanAction::reply: {
      Message reply = rule.reply;
      reply.from = options_.self;
      reply.to = reply.to == NodeId{} ? message.from : reply.to;
      reply.txn = message.txn;
      reply.protocol = protocol.wire_id;
      reply.depth = static_cast<std::uint16_t>(message.depth + 1);
      const std::size_t bytes =
          send(reply.to, ProtocolMessage{reply, std::nullopt}, Traffic::retry, protocol.kind_name(reply.kind));
      observer_.message_out(reply, bytes);
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

NodeEngine::NodeEngine(EngineOptions options, Environment& environment, Observer& observer)
    : impl_(std::make_unique<Impl>(options, environment, observer)) {}
NodeEngine::~NodeEngine() = default;
void NodeEngine::recover(DurableState state) { impl_->recover(std::move(state)); }
void NodeEngine::start() { impl_->start(); }
void NodeEngine::on_message(const PeerMessage& message) { impl_->on_message(message); }
void NodeEngine::on_forced(WriteToken token) { impl_->on_forced(token); }
void NodeEngine::on_timer(TimerToken token) { impl_->on_timer(token); }
void NodeEngine::prefetch(const PeerMessage& message) const { impl_->prefetch(message); }
void NodeEngine::prefetch() const {
  constexpr std::size_t kLine = 64;
  const auto* const begin = reinterpret_cast<const char*>(impl_.get());
  for (std::size_t at = 0; at < sizeof(Impl); at += kLine) {
    __builtin_prefetch(begin + at);
  }
}
void NodeEngine::move_home(RegionId home, RegionId successor, bool forced) {
  impl_->move_home(home, successor, forced);
}
void NodeEngine::quiesce() { impl_->quiesce(); }
Watermark NodeEngine::watermark() const { return impl_->watermark(); }
EngineStatus NodeEngine::status() const { return impl_->status(); }
std::vector<OpenInDoubt> NodeEngine::open_in_doubt() const { return impl_->open_in_doubt(); }
const std::vector<std::int64_t>& NodeEngine::balances() const { return impl_->balances(); }
std::string NodeEngine::describe() const { return impl_->describe(); }
void NodeEngine::hash_state(std::string& out) const { impl_->hash_state(out); }

}  // namespace geocommit
