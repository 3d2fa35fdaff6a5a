// Home region, at an agent: the homes of its site. Who may accept their writes (engine/mastership.h), their logs, and
// shipping both ways.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/node_engine.h"

namespace geocommit {
namespace {

constexpr Duration kAnnounceInterval = 500ms;
constexpr Duration kStalenessInterval = 37ms;  // No divisor of the heartbeat's: the samples fall on all its phases.

std::string_view kind_name(HomeMessageKind kind) {
  switch (kind) {
    case HomeMessageKind::renew:
      return "RENEW";
    case HomeMessageKind::grant:
      return "GRANT";
    case HomeMessageKind::claim:
      return "CLAIM";
    case HomeMessageKind::promise:
      return "PROMISE";
    case HomeMessageKind::refuse:
      return "REFUSE";
    case HomeMessageKind::handoff:
      return "HANDOFF";
    case HomeMessageKind::open:
      return "OPEN";
  }
  return "?";
}

}  // namespace

std::string_view name_of(HomeEventKind kind) {
  switch (kind) {
    case HomeEventKind::opened:
      return "opened";
    case HomeEventKind::deposed:
      return "deposed";
    case HomeEventKind::transferred:
      return "transferred";
    case HomeEventKind::called_off:
      return "called-off";
    case HomeEventKind::lease_expired:
      return "lease-expired";
    case HomeEventKind::order_refused:
      return "order-refused";
    case HomeEventKind::writes_lost:
      return "writes-lost";
    case HomeEventKind::writes_undone:
      return "writes-undone";
  }
  return "?";
}

// ---- The homes of this site ---------------------------------------------------------------------------------------

std::vector<NodeId> NodeEngine::Impl::sites_of_homes() const {
  std::vector<NodeId> sites;
  for (std::uint32_t r = 0; r < directory_.region_count(); ++r) {
    sites.push_back(directory_.agent(RegionId{r}, directory_.find(options_.self)->site));
  }
  return sites;
}

HomeSite* NodeEngine::Impl::home_site(NodeId home) {
  const auto found = homes_.find(home);
  if (found != homes_.end()) {
    return &found->second;
  }
  const NodeInfo* info = directory_.find(home);
  if (!keeps_homes_ || info == nullptr || info->kind != NodeKind::agent ||
      info->site != directory_.find(options_.self)->site) {
    return nullptr;
  }
  return &homes_.try_emplace(home, options_.home, options_.self, home, sites_of_homes()).first->second;
}

void NodeEngine::Impl::become_sender(NodeId home, HomeSite& site) {
  std::vector<NodeId> replicas = sites_of_homes();
  std::erase(replicas, options_.self);
  site.sender = std::make_unique<ShippingHome>(home, std::move(replicas), site.log);
}

void NodeEngine::Impl::start_homes() {
  const Instant now = environment_.now();
  for (const NodeId home : sites_of_homes()) {  // Also of homes never heard of: what was granted before a crash.
    if (options_.home.lease > Duration::zero()) {
      (void)home_site(home);
    }
  }
  for (auto& [home, site] : homes_) {
    site.mastership.start(now);
    masters_.learn(home, site.mastership.epoch());
    if (site.mastership.is_master()) {
      become_sender(home, site);
    } else if (site.mastership.role() == HomeRole::handing_over) {
      HomeHistory history = site.log.history();
      history.push_back({site.mastership.handoff_epoch(), site.log.last()});
      site.mastership.set_handoff_history(std::move(history));
    }
  }
  tick_homes();
  announce_moved();
  next_heartbeat_ = now;
  ship_tick();
  sample_staleness();
}

void NodeEngine::Impl::tell(HomeEventKind kind, NodeId home, const HomeSite& site, Duration gap, std::uint64_t writes) {
  observer_.home_changed(
      {kind, home, home_region::round_of(site.mastership.epoch(), directory_.region_count()), gap, writes});
}

void NodeEngine::Impl::announce(NodeId home, const HomeSite& site) {
  HomeMessage open;
  open.kind = HomeMessageKind::open;
  open.home = home;
  open.epoch = site.mastership.epoch();
  for (const NodeId peer : peers_) {
    send(peer, open, Traffic::heartbeat, "OPEN");
  }
}

void NodeEngine::Impl::announce_moved() {
  bool any = false;
  for (const auto& [home, site] : homes_) {
    if (site.mastership.is_master() && site.log.history().size() > 1) {
      any = true;
      announce(home, site);
    }
  }
  if (any) {
    schedule_announce();
  }
}

void NodeEngine::Impl::schedule_announce() {
  if (!announcing_) {
    announcing_ = true;
    schedule(Service::announce, kAnnounceInterval);
  }
}

// ---- Mastership ---------------------------------------------------------------------------------------------------

void NodeEngine::Impl::move_home(RegionId home, RegionId successor, bool forced) {
  if (!keeps_homes_) {
    return;
  }
  const NodeInfo& self = *directory_.find(options_.self);
  const NodeId id = directory_.agent(home, self.site);
  HomeSite& site = *home_site(id);
  HomeEffects effects;
  if (!forced) {
    const HomeRole before = site.mastership.role();
    site.mastership.transfer(environment_.now(), directory_.agent(successor, self.site));
    if (before != site.mastership.role()) {
      site.fenced_at = environment_.now();
    }
  } else if (self.region == successor) {
    site.ordered_at = environment_.now();
    site.mastership.take_over(environment_.now(), effects);
  }
  perform(id, site, effects);
  check_drained(id, site);
  drain();
}

void NodeEngine::Impl::perform(NodeId home, HomeSite& site, HomeEffects& effects) {
  const Instant now = environment_.now();
  for (const HomeEffects::Force& force : effects.force) {
    HomeRecord record;
    record.kind = force.kind;
    record.home = home;
    record.epoch = force.epoch;
    record.opening = force.opening;
    if (force.kind == HomeRecordKind::opened) {
      site.log.begin_term(force.epoch);  // From here on nothing of an older term is taken any more.
      record.history = site.log.history();
    } else if (force.kind == HomeRecordKind::handed_over) {
      HomeHistory history = site.log.history();
      history.push_back({force.epoch, site.log.last()});
      site.mastership.set_handoff_history(std::move(history));
    }
    const WriteToken token = ++last_write_;
    forces_.emplace_back(token, HomeForce{home, force.kind, force.epoch});
    observer_.forced_write();
    environment_.write(record, token);
  }
  for (const auto& [to, message] : effects.send) {
    send(to, message, Traffic::heartbeat, kind_name(message.kind));
  }
  masters_.learn(home, site.mastership.epoch());
  if (effects.deposed) {
    site.sender.reset();
    if (effects.handed_over) {
      tell(HomeEventKind::transferred, home, site, now - std::max(site.fenced_at, site.last_commit));
    } else {
      tell(HomeEventKind::deposed, home, site);
    }
  }
  if (effects.opened) {
    site.log.set_durable(site.log.last());
    const Instant ordered = std::exchange(site.ordered_at, Instant{});
    tell(HomeEventKind::opened, home, site, ordered == Instant{} ? Duration::zero() : now - ordered);
    become_sender(home, site);
    announce(home, site);
    schedule_announce();
    next_heartbeat_ = now;
    schedule_ship(Duration::zero());
  }
  if (effects.lease_lost) {
    tell(HomeEventKind::lease_expired, home, site);
  }
  if (effects.called_off) {
    tell(HomeEventKind::called_off, home, site);
  }
  if (effects.refused_order) {
    tell(HomeEventKind::order_refused, home, site);
  }
  schedule_homes();
}

void NodeEngine::Impl::receive(const PeerMessage& from, const HomeMessage& message) {
  const NodeInfo* info = directory_.find(message.home);
  if (!routes_homes() || info == nullptr || info->kind != NodeKind::agent ||
      home_region::round_of(message.epoch, directory_.region_count()) == 0) {
    observer_.alarm("a message about the mastership of what is no home");
    return;
  }
  if (message.kind == HomeMessageKind::open) {
    masters_.learn(message.home, message.epoch);
  }
  HomeSite* site = home_site(message.home);
  if (site == nullptr) {
    return;
  }
  HomeEffects effects;
  if (message.kind == HomeMessageKind::handoff) {
    const HomeLog& log = site->log;
    const bool has_all = message.history.size() > 1 && message.history.back().epoch == message.epoch &&
                         message.history.back().start == log.last() && log.durable() == log.last() &&
                         message.history[message.history.size() - 2].epoch == log.epoch();
    site->mastership.received_handoff(from.from, message, has_all, effects);
  } else {
    site->mastership.received(environment_.now(), from.from, message, effects);
  }
  perform(message.home, *site, effects);
}

void NodeEngine::Impl::forced_homes(const HomeForce& force) {
  HomeSite& site = *home_site(force.home);
  HomeEffects effects;
  site.mastership.forced(environment_.now(), force.kind, force.epoch, effects);
  perform(force.home, site, effects);
}

void NodeEngine::Impl::tick_homes() {
  for (auto& [home, site] : homes_) {
    HomeEffects effects;
    site.mastership.tick(environment_.now(), effects);
    perform(home, site, effects);
    check_drained(home, site);
  }
}

void NodeEngine::Impl::schedule_homes() {
  std::optional<Instant> at;
  for (const auto& [home, site] : homes_) {
    if (const auto deadline = site.mastership.deadline()) {
      at = at ? std::min(*at, *deadline) : *deadline;
    }
  }
  if (!at || (homes_timer_ != 0 && homes_timer_at_ <= *at)) {
    return;
  }
  if (homes_timer_ != 0) {
    environment_.cancel_timer(homes_timer_);
    timers_.erase(homes_timer_);
  }
  homes_timer_at_ = std::max(*at, environment_.now());
  homes_timer_ = schedule(Service::homes, homes_timer_at_ - environment_.now());
}

void NodeEngine::Impl::check_drained() {
  for (auto& [home, site] : homes_) {
    check_drained(home, site);
  }
}

void NodeEngine::Impl::check_drained(NodeId home, HomeSite& site) {
  if (site.mastership.role() != HomeRole::fencing || !site.sender ||
      !site.sender->has_all(site.mastership.successor()) || site.log.durable() != site.log.last()) {
    return;
  }
  bool in_flight = false;
  participants_.for_each([&](const TxnEntry& entry) {
    in_flight = in_flight || (entry.outcome == Outcome::undecided &&
                              std::any_of(entry.places.begin(), entry.places.end(),
                                          [&](const ShipPlace& place) { return place.home == home; }));
  });
  if (!in_flight) {
    HomeEffects effects;
    site.mastership.drained(environment_.now(), effects);
    perform(home, site, effects);
  }
}

// ---- A transaction's writes ---------------------------------------------------------------------------------------

bool NodeEngine::Impl::accept_writes(TxnEntry& entry) {
  for (const Operation& operation : entry.descriptor.operations) {
    const NodeId home = home_of(operation);
    HomeSite* site = home_site(home);
    if (site == nullptr || !site->mastership.may_serve(environment_.now())) {
      entry.places.clear();
      if (site != nullptr && site->mastership.epoch() != site->log.history().front().epoch) {
        HomeMessage open;  // Who asks the wrong site is told the right one, as far as it is known here.
        open.kind = HomeMessageKind::open;
        open.home = home;
        open.epoch = site->mastership.epoch();
        send(entry.descriptor.coordinator, open, Traffic::heartbeat, "OPEN");
      }
      return false;
    }
    if (!operation.read && std::none_of(entry.places.begin(), entry.places.end(),
                                        [&](const ShipPlace& place) { return place.home == home; })) {
      entry.places.push_back({home, site->log.epoch(), 0});
    }
  }
  return true;
}

void NodeEngine::Impl::give_places(TxnEntry& entry, MachineRecord& record) {
  if (record.record.outcome == Outcome::commit && !entry.read_only) {
    record.written = environment_.now();
    record.clock = options_.clock;
    for (ShipPlace& place : entry.places) {
      HomeSite& site = *home_site(place.home);
      if (place.sequence == 0 && site.mastership.is_master() && site.log.epoch() == place.epoch) {
        place.sequence = site.log.last() + 1;
        site.last_commit = record.written;
        site.log.append({place.sequence, entry.descriptor.txn, operations_of(entry.descriptor.operations, place.home),
                         record.written});
      } else if (place.sequence == 0) {
        tell(HomeEventKind::writes_lost, place.home, site, {}, 1);  // Bound by its YES, and no master any more.
      }
    }
    record.ships = entry.places;
  } else if (record.record.with_descriptor &&
             std::any_of(entry.places.begin(), entry.places.end(), [&](const ShipPlace& place) {
               return place.epoch !=
                      home_region::first_epoch(directory_.region_of(place.home), directory_.region_count());
             })) {
    record.ships = entry.places;
  }
}

std::vector<Operation> NodeEngine::Impl::operations_of(const std::vector<Operation>& operations, NodeId home) const {
  std::vector<Operation> of;
  std::copy_if(operations.begin(), operations.end(), std::back_inserter(of),
               [&](const Operation& operation) { return home_of(operation) == home; });
  return of;
}

std::vector<Operation> NodeEngine::Impl::kept_operations(const std::vector<Operation>& operations,
                                                         const std::vector<ShipPlace>& places) const {
  std::vector<Operation> kept = operations;
  for (const ShipPlace& place : places) {
    if (place.sequence == 0) {
      std::erase_if(kept, [&](const Operation& operation) { return home_of(operation) == place.home; });
    }
  }
  return kept;
}

void NodeEngine::Impl::forced_places(const std::vector<ShipPlace>& places) {
  for (const ShipPlace& place : places) {
    HomeSite* site = home_site(place.home);
    if (place.sequence == 0 || site == nullptr || site->log.epoch() != place.epoch) {
      continue;  // Of a prepared record, lost, or of a term that is over.
    }
    site->log.set_durable(place.sequence);
    schedule_ship(options_.ship_interval);
  }
}

// ---- Shipping -----------------------------------------------------------------------------------------------------

void NodeEngine::Impl::ship_tick() {
  const Instant now = environment_.now();
  const bool heartbeat = now >= next_heartbeat_;
  if (heartbeat) {
    next_heartbeat_ = now + options_.heartbeat_interval;
  }
  bool work = false;
  for (auto& [home, site] : homes_) {
    if (!site.sender) {
      continue;
    }
    site.sender->tick(now, options_.timeouts.decision, heartbeat, [&](NodeId to, Ship ship) {
      const bool empty = ship.writes.empty();
      send(to, ship, empty ? Traffic::heartbeat : Traffic::ship, empty ? "HEARTBEAT" : "SHIP");
    });
    work = work || site.sender->has_work();
  }
  const Duration until_heartbeat = next_heartbeat_ - now;
  schedule_ship(work ? std::min(options_.ship_interval, until_heartbeat) : until_heartbeat);
}

void NodeEngine::Impl::sample_staleness() {
  for (const auto& [home, site] : homes_) {
    if (site.sender) {
      site.sender->ages(environment_.now(), [&](NodeId replica, Duration age) { observer_.staleness(replica, age); });
    }
  }
  schedule(Service::staleness, kStalenessInterval);
}

void NodeEngine::Impl::undo(const ShippedWrite& write) {
  std::vector<Operation> inverse = write.operations;
  for (Operation& operation : inverse) {
    operation.delta = -operation.delta;
  }
  resources_->commit(inverse);
}

void NodeEngine::Impl::adopt(NodeId home, HomeSite& site, const HomeHistory& history) {
  HomeRecord record;
  record.kind = HomeRecordKind::adopted;
  record.home = home;
  record.epoch = history.back().epoch;
  record.keep = std::max(site.log.common_with(history), site.log.confirmed());
  std::uint64_t own = 0;
  Instant oldest = Instant::max();
  Instant newest{};
  const std::uint64_t last = site.log.last();
  for (std::uint64_t sequence = record.keep + 1; sequence <= last; ++sequence) {
    own += directory_.agent(home_region::master_of(site.log.epoch_at(sequence), directory_.region_count()),
                            directory_.find(options_.self)->site) == options_.self
               ? 1
               : 0;
  }
  record.lost = site.log.cut_to(record.keep);
  for (const ShippedWrite& write : record.lost) {
    undo(write);
    if (write.committed != Instant{}) {
      oldest = std::min(oldest, write.committed);
      newest = std::max(newest, write.committed);
    }
  }
  site.log.adopt(history);
  record.history = history;
  site.receiver.new_term();
  site.reported_confirmed = std::min(site.reported_confirmed, record.keep);
  if (own > 0) {
    tell(HomeEventKind::writes_lost, home, site, oldest < newest ? newest - oldest : Duration::zero(), own);
  }
  if (record.lost.size() > own) {
    tell(HomeEventKind::writes_undone, home, site, {}, record.lost.size() - own);
  }
  const WriteToken token = ++last_write_;
  forces_.emplace_back(token, ShippedForce{{home, record.epoch, site.log.last()}});
  observer_.forced_write();
  environment_.write(record, token);
}

void NodeEngine::Impl::receive(const PeerMessage& from, const Ship& ship) {
  HomeSite* found = home_site(ship.home);
  if (found == nullptr) {
    observer_.alarm("a shipped write reached a node that is not a replica");
    return;
  }
  HomeSite& site = *found;
  const HomeHistory first{{site.log.history().front().epoch, 0}};
  const HomeHistory& history = ship.history.empty() ? first : ship.history;
  const HomeEpoch epoch = history.back().epoch;
  const NodeId master =
      directory_.agent(home_region::master_of(epoch, directory_.region_count()), directory_.find(options_.self)->site);
  if (epoch < site.log.epoch() || from.from != master) {
    HomeMessage open;  // It does not know yet that it is not the master any more.
    open.kind = HomeMessageKind::open;
    open.home = ship.home;
    open.epoch = site.mastership.epoch();
    send(from.from, open, Traffic::heartbeat, "OPEN");
    return;
  }
  HomeEffects effects;
  site.mastership.learn(epoch, effects);
  perform(ship.home, site, effects);
  const bool adopts = epoch > site.log.epoch();
  if (adopts) {
    adopt(ship.home, site, history);
  }
  std::vector<ShippedWrite> fresh = site.receiver.accept(site.log, ship);
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    resources_->commit(fresh[i].operations);
    site.log.append(fresh[i]);
    WriteToken token = 0;
    if (i + 1 == fresh.size()) {
      token = ++last_write_;
      forces_.emplace_back(token, ShippedForce{{ship.home, epoch, fresh[i].sequence}});
    }
    environment_.write(ShippedRecord{ship.home, std::move(fresh[i])}, token);
  }
  site.log.confirm(std::min(ship.confirmed, site.log.durable()));
  if (fresh.empty() && !adopts) {
    send(from.from, site.receiver.ack(ship.home, site.log), Traffic::ship, "SHIP_ACK");
  }
}

void NodeEngine::Impl::forced_shipped(const ShippedForce& force) {
  HomeSite& site = *home_site(force.place.home);
  if (site.log.epoch() != force.place.epoch || site.mastership.is_master()) {
    return;
  }
  site.log.set_durable(force.place.sequence);
  const NodeId master = directory_.agent(home_region::master_of(force.place.epoch, directory_.region_count()),
                                         directory_.find(options_.self)->site);
  send(master, site.receiver.ack(force.place.home, site.log), Traffic::ship, "SHIP_ACK");
}

void NodeEngine::Impl::receive(const PeerMessage& from, const ShipAck& ack) {
  HomeSite* site = home_site(ack.home);
  if (site == nullptr || !site->sender || !site->sender->acknowledged(from.from, ack, environment_.now())) {
    if (site != nullptr) {
      check_drained(ack.home, *site);
    }
    return;
  }
  constexpr std::uint64_t kEvery = 1000;  // Lazily: it only bounds what a restart sends again.
  const std::uint64_t confirmed = site->log.confirmed();
  if (confirmed >= site->reported_confirmed + kEvery) {
    site->reported_confirmed = confirmed;
    environment_.write(ShipAckedRecord{confirmed, ack.home}, 0);
  }
  check_drained(ack.home, *site);
}

// ---- Recovery -----------------------------------------------------------------------------------------------------

void NodeEngine::Impl::replay_home(const HomeRecord& record) {
  HomeSite* site = home_site(record.home);
  if (site == nullptr) {
    observer_.alarm("a record of a home that is not kept here");
    return;
  }
  site->mastership.replay(record.kind, record.epoch);
  switch (record.kind) {
    case HomeRecordKind::promised:
    case HomeRecordKind::handed_over:
      break;
    case HomeRecordKind::opened:
      site->log.begin_term(record.epoch);
      break;
    case HomeRecordKind::adopted:
      for (const ShippedWrite& write : site->log.cut_to(record.keep)) {
        undo(write);
      }
      site->log.adopt(record.history);
      break;
  }
}

void NodeEngine::Impl::replay_shipped(const ShippedRecord& record) {
  HomeSite* site = home_site(record.home);
  if (site != nullptr && record.write.sequence == site->log.last() + 1) {
    resources_->commit(record.write.operations);
    site->log.append(record.write);
  }
}

void NodeEngine::Impl::replay_places(const MachineRecord& commit, const MachineRecord& prepared) {
  for (const ShipPlace& place : commit.ships) {
    HomeSite* site = home_site(place.home);
    if (site != nullptr && place.sequence == site->log.last() + 1) {
      site->log.append({place.sequence, commit.txn, operations_of(prepared.descriptor->operations, place.home),
                        commit.clock == options_.clock ? commit.written : Instant{}});
    }
  }
}

void NodeEngine::Impl::restore_homes(std::vector<HomeState> homes) {
  for (HomeState& state : homes) {
    HomeSite* site = home_site(state.home);
    if (site == nullptr) {
      observer_.alarm("a checkpoint of a home that is not kept here");
      continue;
    }
    site->log.restore(std::move(state.history), state.last, std::move(state.retained));
    const HomeEpoch first = home_region::first_epoch(directory_.region_of(state.home), directory_.region_count());
    if (state.epoch > first || site->log.epoch() > first) {
      // An opening whose record is in the log before this checkpoint shows in the log's own history.
      site->mastership.replay(HomeRecordKind::adopted, std::max(state.epoch, site->log.epoch()));
    }
    if (state.handoff > state.epoch) {
      site->mastership.replay(HomeRecordKind::handed_over, state.handoff);
    }
    if (state.promised > first) {
      site->mastership.replay(HomeRecordKind::promised, state.promised);
    }
  }
}

std::vector<HomeState> NodeEngine::Impl::homes_for_checkpoint() const {
  std::vector<HomeState> homes;
  for (const auto& [home, site] : homes_) {
    HomeState& state = homes.emplace_back();
    state.home = home;
    if (site.log.history().size() > 1) {
      state.history = site.log.history();
    }
    state.last = site.log.last();
    state.retained.assign(site.log.retained().begin(), site.log.retained().end());
    state.epoch = site.mastership.epoch();
    state.promised = site.mastership.promised();
    state.handoff = site.mastership.handoff_epoch();
  }
  return homes;
}

}  // namespace geocommit
