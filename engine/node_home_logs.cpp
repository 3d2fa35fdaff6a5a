// Home region, at an agent: the logs of its homes. A transaction's writes get their places, are shipped, applied,
// undone, and read back after a crash.
#include <algorithm>
#include <utility>

#include "engine/node_engine.h"

namespace geocommit {
namespace {
constexpr std::size_t kWritesPerFetch = 500;
constexpr Duration kStalenessInterval = 37ms;  // No divisor of the heartbeat's: the samples fall on all its phases.
}  // namespace

// ---- A transaction's writes ---------------------------------------------------------------------------------------

Reason NodeEngine::Impl::accept_writes(TxnEntry& entry) {
  for (const Operation& operation : entry.descriptor.operations) {
    const NodeId home = home_of(operation);
    HomeSite* site = home_site(home);
    if (site == nullptr || !site->mastership.may_serve(environment_.now())) {
      if (site != nullptr && site->mastership.epoch() != site->log.history().front().epoch) {
        HomeMessage open;  // Who asks the wrong site is told the right one, as far as it is known here.
        open.kind = HomeMessageKind::open;
        open.home = home;
        open.epoch = site->mastership.epoch();
        send(entry.descriptor.coordinator, open, Traffic::heartbeat, "OPEN");
      }
      return Reason::unavailable;
    }
    if (!operation.read && is_full(home, *site)) {
      return Reason::replica_away;
    }
    if (!operation.read && std::none_of(entry.places.begin(), entry.places.end(),
                                        [&](const ShipPlace& place) { return place.home == home; })) {
      entry.places.push_back({home, site->log.epoch(), 0});
    }
  }
  return Reason::none;
}

void NodeEngine::Impl::give_places(TxnEntry& entry, MachineRecord& record) {
  if (record.record.outcome == Outcome::commit && !entry.read_only) {
    for (ShipPlace& place : entry.places) {
      HomeSite& site = *home_site(place.home);
      if (place.sequence == 0 && site.mastership.keeps_term() && site.log.epoch() == place.epoch) {
        place.sequence = site.log.last() + 1;
        site.last_commit = record.written;
        site.log.append(write_to(place.home, record, place.sequence, entry.descriptor.operations, entry.versions));
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

ShippedWrite NodeEngine::Impl::write_to(NodeId home, const MachineRecord& commit, std::uint64_t sequence,
                                        const std::vector<Operation>& operations,
                                        const std::vector<TxnId>& versions) const {
  ShippedWrite write{sequence, commit.txn, {}, commit.clock == options_.clock ? commit.written : Instant{}};
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (home_of(operations[i]) == home) {
      write.operations.push_back(operations[i]);
      if (versions.size() == operations.size()) {
        write.versions.push_back(versions[i]);
      }
    }
  }
  return write;
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

void NodeEngine::Impl::undo(const ShippedWrite& write) { resources_->undo(write.operations, write.versions); }

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

/// What the successor of a failover lacks of this site's log, so many writes at a time; it asks for more.
void NodeEngine::Impl::ship_to_successor(NodeId to, const HomeSite& site, const HomeMessage& asked) {
  Ship ship;
  ship.home = asked.home;
  ship.history = site.log.history();
  ship.confirmed = site.log.confirmed();
  ship.claim = asked.epoch;
  const std::uint64_t after = site.log.common_with(asked.history, asked.log.end);
  for (const ShippedWrite& write : site.log.retained()) {
    if (write.sequence > after && write.sequence <= site.log.durable() && ship.writes.size() < kWritesPerFetch) {
      ship.writes.push_back(write);
    }
  }
  send(to, ship, Traffic::ship, "SHIP");
}

void NodeEngine::Impl::take_fetched(NodeId home, HomeSite& site) {
  HomeEffects effects;
  site.machine().fetched(environment_.now(), effects);
  perform(home, site, effects);
}

/// What some site has not confirmed is kept by the master, and by who follows it. It takes no more than may be kept,
/// besides what it has voted on, and goes on once half of it is confirmed.
bool NodeEngine::Impl::is_full(NodeId home, HomeSite& site) {
  const std::size_t retained = site.log.retained().size();
  const bool was =
      std::exchange(site.full, site.full ? retained > options_.retained_max / 2 : retained >= options_.retained_max);
  if (site.full && !was && site.sender) {
    const NodeInfo* away = directory_.find(site.sender->furthest_behind());
    observer_.alarm((away != nullptr ? away->name : "a site") + " is away: " + std::to_string(options_.retained_max) +
                    " writes of home " + directory_.find(home)->name +
                    " are kept for it, and no more may be (home_retained_max). New writes of this home abort, reason "
                    "replica_away, until it has confirmed half of them: start it, or mend its links");
  }
  return site.full;
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
  const bool fetched = ship.claim != HomeEpoch{};
  if (fetched &&
      (epoch < reached(site.log.history(), site.log.last()) || !site.mastership.fetches(from.from, ship.claim))) {
    return;
  }
  if (!fetched && (epoch < site.log.epoch() || from.from != master)) {
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
  // Who is fetched from may follow an older master than this site, and have more of it.
  const bool adopts = fetched ? history != site.log.history() : epoch > site.log.epoch();
  if (adopts) {
    adopt(ship.home, site, history);
  }
  std::vector<ShippedWrite> fresh = site.receiver.accept(site.log, ship);
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    resources_->commit(fresh[i].txn, fresh[i].operations);
    site.log.append(fresh[i]);
    WriteToken token = 0;
    if (i + 1 == fresh.size()) {
      token = ++last_write_;
      forces_.emplace_back(token, ShippedForce{{ship.home, epoch, fresh[i].sequence}});
    }
    environment_.write(ShippedRecord{ship.home, std::move(fresh[i])}, token);
  }
  site.log.confirm(std::min(ship.confirmed, site.log.durable()));
  if (fetched && fresh.empty() && !adopts) {
    take_fetched(ship.home, site);
  } else if (fresh.empty() && !adopts) {
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
  take_fetched(force.place.home, site);
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
    resources_->commit(record.write.txn, record.write.operations);
    site->log.append(record.write);
  }
}

void NodeEngine::Impl::replay_places(const MachineRecord& commit, const MachineRecord& prepared) {
  for (const ShipPlace& place : commit.ships) {
    HomeSite* site = home_site(place.home);
    if (site != nullptr && place.sequence == site->log.last() + 1) {
      site->log.append(
          write_to(place.home, commit, place.sequence, prepared.descriptor->operations, prepared.versions));
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
