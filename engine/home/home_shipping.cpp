#include "engine/home/home_shipping.h"

#include <algorithm>
#include <utility>

namespace geocommit {
namespace {
constexpr std::size_t kWritesPerFetch = 500;
constexpr Duration kStalenessInterval = 37ms;  // No divisor of the heartbeat's: the samples fall on all its phases.
}  // namespace

// ---- Rounds -------------------------------------------------------------------------------------------------------

void HomeShipping::start() {
  next_heartbeat_ = context_.now();
  round();
  sample_staleness();
}

void HomeShipping::schedule(Duration after) {
  const Instant at = context_.now() + after;
  if (timer_ != 0) {
    if (timer_at_ <= at) {
      return;
    }
    context_.cancel_timer(timer_);
  }
  timer_ = context_.set_timer(ServiceTimer{&service_, static_cast<std::uint8_t>(HomeTimer::ship)}, after);
  timer_at_ = at;
}

void HomeShipping::hurry() {
  next_heartbeat_ = context_.now();
  schedule(Duration::zero());
}

void HomeShipping::on_timer() {
  timer_ = 0;
  round();
}

void HomeShipping::round() {
  const Instant now = context_.now();
  const bool heartbeat = now >= next_heartbeat_;
  if (heartbeat) {
    next_heartbeat_ = now + context_.options().heartbeat_interval;
  }
  bool work = false;
  for (auto& [home, site] : homes_.all()) {
    if (!site.sender) {
      continue;
    }
    site.sender->tick(now, context_.options().timeouts.decision, heartbeat, [&](NodeId to, Ship ship) {
      const bool empty = ship.writes.empty();
      context_.send(to, ship, empty ? Traffic::heartbeat : Traffic::ship, empty ? "HEARTBEAT" : "SHIP");
    });
    work = work || site.sender->has_work();
  }
  const Duration until_heartbeat = next_heartbeat_ - now;
  schedule(work ? std::min(context_.options().ship_interval, until_heartbeat) : until_heartbeat);
}

void HomeShipping::sample_staleness() {
  for (const auto& [home, site] : homes_.all()) {
    if (site.sender) {
      site.sender->ages(context_.now(),
                        [&](NodeId replica, Duration age) { context_.observer().staleness(replica, age); });
    }
  }
  context_.set_timer(ServiceTimer{&service_, static_cast<std::uint8_t>(HomeTimer::staleness)}, kStalenessInterval);
}

// ---- What arrives -------------------------------------------------------------------------------------------------

void HomeShipping::adopt(NodeId home, HomeSite& site, const HomeHistory& history) {
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
    own += homes_.master_of(site.log.epoch_at(sequence)) == context_.self() ? 1 : 0;
  }
  record.lost = site.log.cut_to(record.keep);
  for (const ShippedWrite& write : record.lost) {
    homes_.undo(write);
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
    homes_.tell(HomeEventKind::writes_lost, home, site, oldest < newest ? newest - oldest : Duration::zero(), own);
  }
  if (record.lost.size() > own) {
    homes_.tell(HomeEventKind::writes_undone, home, site, {}, record.lost.size() - own);
  }
  context_.observer().forced_write();
  const ShipPlace place{home, record.epoch, site.log.last()};
  ++site.adopting;
  homes_.force(std::move(record), ShippedForce{place, true});
}

void HomeShipping::ship_to_successor(NodeId to, const HomeSite& site, const HomeMessage& asked) {
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
  context_.send(to, ship, Traffic::ship, "SHIP");
}

bool HomeShipping::is_due(NodeId from, const Ship& ship, const HomeSite& site) const {
  const HomeEpoch epoch = site.epoch_of(ship);
  if (ship.claim != HomeEpoch{}) {
    return epoch >= reached(site.log.history(), site.log.last()) && site.mastership.fetches(from, ship.claim);
  }
  if (epoch < site.log.epoch() || from != homes_.master_of(epoch)) {
    homes_.tell_open(from, ship.home, site);  // It does not know yet that it is not the master any more.
    return false;
  }
  return true;
}

bool HomeShipping::take(NodeId from, const Ship& ship, HomeSite& site) {
  const HomeEpoch epoch = site.epoch_of(ship);
  const HomeHistory history = ship.history.empty() ? HomeHistory{{epoch, 0}} : ship.history;
  const bool fetched = ship.claim != HomeEpoch{};
  // Who is fetched from may follow an older master than this site, and have more of it.
  const bool adopts = fetched ? history != site.log.history() : epoch > site.log.epoch();
  if (adopts) {
    adopt(ship.home, site, history);
  }
  std::vector<ShippedWrite> fresh = site.receiver.accept(site.log, ship);
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    homes_.apply(fresh[i]);
    site.log.append(fresh[i]);
    const ShipPlace place{ship.home, epoch, fresh[i].sequence};
    const ShippedRecord record{ship.home, std::move(fresh[i])};
    if (i + 1 == fresh.size()) {
      homes_.force(record, ShippedForce{place, false});
    } else {
      context_.append(record);
    }
  }
  site.log.confirm(std::min(ship.confirmed, site.log.durable()));
  const bool nothing_new = fresh.empty() && !adopts;
  if (nothing_new && !fetched && site.adopting == 0) {  // What it confirms, it follows that master in, durably.
    confirm(from, ship.home, site);
  }
  return nothing_new && fetched;
}

void HomeShipping::confirm(NodeId to, NodeId home, HomeSite& site) {
  context_.send(to, site.receiver.ack(home, site.log), Traffic::ship, "SHIP_ACK");
}

bool HomeShipping::forced(const ShippedForce& force) {
  HomeSite& site = *homes_.find(force.place.home);
  site.adopting -= force.adopted ? 1 : 0;
  if (site.log.epoch() != force.place.epoch || site.mastership.is_master()) {
    return false;
  }
  site.log.set_durable(force.place.sequence);
  confirm(homes_.master_of(force.place.epoch), force.place.home, site);
  return true;
}

void HomeShipping::acknowledged(NodeId from, const ShipAck& ack, HomeSite& site) {
  if (!site.sender || !site.sender->acknowledged(from, ack, context_.now())) {
    return;
  }
  constexpr std::uint64_t kEvery = 1000;  // Lazily: it only bounds what a restart sends again.
  const std::uint64_t confirmed = site.log.confirmed();
  if (confirmed >= site.reported_confirmed + kEvery) {
    site.reported_confirmed = confirmed;
    context_.append(ShipAckedRecord{confirmed, ack.home});
  }
}
}  // namespace geocommit
