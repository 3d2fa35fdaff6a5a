#include "engine/home/home_writes.h"

#include <algorithm>
#include <string>
#include <utility>

namespace geocommit {
namespace {

bool has_place(const std::vector<ShipPlace>& places, NodeId home) {
  return std::any_of(places.begin(), places.end(), [&](const ShipPlace& place) { return place.home == home; });
}

}  // namespace

Reason HomeWrites::accept(TxnEntry& entry) {
  for (const Operation& operation : entry.descriptor.operations) {
    const NodeId home = homes_.home_of(operation);
    HomeSite* site = homes_.find(home);
    if (site == nullptr || !site->mastership.may_serve(context_.now())) {
      if (site != nullptr && site->mastership.epoch() != site->log.history().front().epoch) {
        // Who asks the wrong site is told the right one, as far as it is known here.
        homes_.tell_open(entry.descriptor.coordinator, home, *site);
      }
      return Reason::unavailable;
    }
    if (operation.read) {
      continue;
    }
    if (is_full(home, *site)) {
      return Reason::replica_away;
    }
    if (!has_place(entry.places, home)) {
      entry.places.push_back({home, site->log.epoch(), 0});
    }
  }
  return Reason::none;
}

/// What some site has not confirmed is kept by the master, and by who follows it. It takes no more than may be kept,
/// besides what it has voted on, and goes on once half of it is confirmed.
bool HomeWrites::is_full(NodeId home, HomeSite& site) const {
  const std::uint64_t most = context_.options().retained_max;
  const std::size_t retained = site.log.retained().size();
  const bool was = std::exchange(site.full, site.full ? retained > most / 2 : retained >= most);
  if (site.full && !was && site.sender) {
    const NodeInfo* away = context_.directory().find(site.sender->furthest_behind());
    context_.observer().alarm(
        (away != nullptr ? away->name : "a site") + " is away: " + std::to_string(most) + " writes of home " +
        context_.directory().find(home)->name +
        " are kept for it, and no more may be (home_retained_max). New writes of this home abort, reason "
        "replica_away, until it has confirmed half of them: start it, or mend its links");
  }
  return site.full;
}

void HomeWrites::give_places(TxnEntry& entry, MachineRecord& record) {
  if (record.record.outcome == Outcome::commit && !entry.read_only) {
    for (ShipPlace& place : entry.places) {
      HomeSite& site = *homes_.find(place.home);
      if (place.sequence == 0 && site.mastership.keeps_term() && site.log.epoch() == place.epoch) {
        place.sequence = site.log.last() + 1;
        site.last_commit = record.written;
        site.log.append(write_to(place.home, record, place.sequence, entry.descriptor.operations, entry.versions));
      } else if (place.sequence == 0) {
        // Bound by its YES, and no master any more.
        homes_.tell(HomeEventKind::writes_lost, place.home, site, {}, 1);
      }
    }
    record.ships = entry.places;
  } else if (record.record.with_descriptor &&
             std::any_of(entry.places.begin(), entry.places.end(),
                         [&](const ShipPlace& place) { return place.epoch != homes_.first_epoch(place.home); })) {
    record.ships = entry.places;
  }
}

ShippedWrite HomeWrites::write_to(NodeId home, const MachineRecord& commit, std::uint64_t sequence,
                                  const std::vector<Operation>& operations, const std::vector<TxnId>& versions) const {
  ShippedWrite write{sequence, commit.txn, {}, commit.clock == context_.options().clock ? commit.written : Instant{}};
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (homes_.home_of(operations[i]) == home) {
      write.operations.push_back(operations[i]);
      if (versions.size() == operations.size()) {
        write.versions.push_back(versions[i]);
      }
    }
  }
  return write;
}

void HomeWrites::keep(std::vector<Operation>& operations, const std::vector<ShipPlace>& places) const {
  for (const ShipPlace& place : places) {
    if (place.sequence == 0) {
      std::erase_if(operations, [&](const Operation& operation) { return homes_.home_of(operation) == place.home; });
    }
  }
}

bool HomeWrites::durable(const std::vector<ShipPlace>& places) {
  bool any = false;
  for (const ShipPlace& place : places) {
    HomeSite* site = homes_.find(place.home);
    if (place.sequence == 0 || site == nullptr || site->log.epoch() != place.epoch) {
      continue;  // Of a prepared record, lost, or of a term that is over.
    }
    site->log.set_durable(place.sequence);
    any = true;
  }
  return any;
}

void HomeWrites::replay_commit(const MachineRecord& commit, const MachineRecord& prepared) {
  for (const ShipPlace& place : commit.ships) {
    HomeSite* site = homes_.find(place.home);
    if (site != nullptr && place.sequence == site->log.last() + 1) {
      site->log.append(
          write_to(place.home, commit, place.sequence, prepared.descriptor->operations, prepared.versions));
    }
  }
}

void HomeWrites::reinstate_places(TxnEntry& entry) const {
  if (!entry.places.empty()) {
    return;
  }
  for (const Operation& operation : entry.descriptor.operations) {
    const NodeId home = homes_.home_of(operation);
    if (!operation.read && !has_place(entry.places, home)) {
      entry.places.push_back({home, homes_.first_epoch(home), 0});
    }
  }
}

}  // namespace geocommit
