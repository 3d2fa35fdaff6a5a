#include "engine/home/masterships.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace geocommit {
namespace {

constexpr Duration kAnnounceInterval = 500ms;

/// Of the log that is handed over, with the new term.
void hand_over_history(HomeSite& site, HomeEpoch epoch) {
  HomeHistory history = site.log.history();
  history.push_back({epoch, site.log.last()});
  site.mastership.set_handoff_history(std::move(history));
}

}  // namespace

TimerToken Masterships::set_timer(HomeTimer timer, Duration after) {
  return context_.set_timer(ServiceTimer{&service_, static_cast<std::uint8_t>(timer)}, after);
}

void Masterships::start() {
  const Instant now = context_.now();
  for (const NodeId home : homes_.sites()) {  // Also of homes never heard of: what was granted before a crash.
    if (context_.options().home.lease > Duration::zero()) {
      (void)homes_.find(home);
    }
  }
  for (auto& [home, site] : homes_.all()) {
    site.mastership.start(now, context_.options().epoch);
    masters_.learn(home, site.mastership.epoch());
    if (site.mastership.is_master()) {
      homes_.begin_shipping(home, site);
    } else if (site.mastership.role() == HomeRole::handing_over) {
      hand_over_history(site, site.mastership.handoff_epoch());
    }
  }
  tick();
  announce_moved();
}

void Masterships::quiesce() {
  for (auto& [home, site] : homes_.all()) {
    site.mastership.quiesce();
  }
}

// ---- Who is master, told ------------------------------------------------------------------------------------------

void Masterships::announce(NodeId home, const HomeSite& site) {
  for (const NodeId peer : peers_.all()) {
    homes_.tell_open(peer, home, site);
  }
}

void Masterships::on_announce_timer() {
  announcing_ = false;
  announce_moved();
}

void Masterships::announce_moved() {
  bool any = false;
  for (const auto& [home, site] : homes_.all()) {
    if (site.mastership.is_master() && site.log.history().size() > 1) {
      any = true;
      announce(home, site);
    }
  }
  if (any) {
    schedule_announce();
  }
}

void Masterships::schedule_announce() {
  if (!announcing_) {
    announcing_ = true;
    set_timer(HomeTimer::announce, kAnnounceInterval);
  }
}

// ---- Inputs -------------------------------------------------------------------------------------------------------

void Masterships::order(RegionId home, RegionId successor, bool forced) {
  const NodeInfo& self = context_.info();
  const NodeId id = context_.directory().agent(home, self.site);
  HomeSite& site = *homes_.find(id);
  HomeEffects effects;
  if (!forced) {
    const HomeRole before = site.mastership.role();
    site.machine().transfer(context_.now(), context_.directory().agent(successor, self.site));
    if (before != site.mastership.role()) {
      site.fenced_at = context_.now();
    }
  } else if (self.region == successor) {
    site.ordered_at = context_.now();
    site.machine().take_over(context_.now(), effects);
  }
  perform(id, site, effects);
  check_drained(id, site);
}

void Masterships::received(NodeId from, const HomeMessage& message, HomeSite& site) {
  HomeEffects effects;
  if (message.kind == HomeMessageKind::handoff) {
    const HomeLog& log = site.log;
    const bool has_all = message.history.size() > 1 && message.history.back().epoch == message.epoch &&
                         message.history.back().start == log.last() && log.durable() == log.last() &&
                         message.history[message.history.size() - 2].epoch == log.epoch();
    site.machine().received_handoff(from, message, has_all, effects);
  } else if (message.kind == HomeMessageKind::fetch && site.mastership.has_promised(from, message.epoch)) {
    return shipping_.ship_to_successor(from, site, message);
  } else {
    site.machine().received(context_.now(), from, message, effects);
  }
  perform(message.home, site, effects);
}

void Masterships::learn(NodeId home, HomeSite& site, HomeEpoch epoch) {
  HomeEffects effects;
  site.mastership.learn(epoch, effects);
  perform(home, site, effects);
}

void Masterships::fetched(NodeId home, HomeSite& site) {
  HomeEffects effects;
  site.machine().fetched(context_.now(), effects);
  perform(home, site, effects);
}

void Masterships::forced(const MastershipForce& force) {
  HomeSite& site = *homes_.find(force.home);
  HomeEffects effects;
  site.machine().forced(context_.now(), force.kind, force.epoch, effects);
  perform(force.home, site, effects);
}

void Masterships::on_timer() {
  timer_ = 0;
  tick();
}

void Masterships::tick() {
  for (auto& [home, site] : homes_.all()) {
    HomeEffects effects;
    site.machine().tick(context_.now(), effects);
    perform(home, site, effects);
    check_drained(home, site);
  }
}

void Masterships::schedule() {
  std::optional<Instant> at;
  for (const auto& [home, site] : homes_.all()) {
    if (const auto deadline = site.mastership.deadline()) {
      at = at ? std::min(*at, *deadline) : *deadline;
    }
  }
  if (!at || (timer_ != 0 && timer_at_ <= *at)) {
    return;
  }
  if (timer_ != 0) {
    context_.cancel_timer(timer_);
  }
  timer_at_ = std::max(*at, context_.now());
  timer_ = set_timer(HomeTimer::masterships, timer_at_ - context_.now());
}

void Masterships::check_drained() {
  for (auto& [home, site] : homes_.all()) {
    check_drained(home, site);
  }
}

void Masterships::check_drained(NodeId home, HomeSite& site) {
  const bool hands_over = site.mastership.role() == HomeRole::fencing && site.sender &&
                          site.sender->has_all(site.mastership.successor()) && site.log.durable() == site.log.last();
  if (!hands_over && site.mastership.role() != HomeRole::yielding) {
    return;
  }
  bool in_flight = false;
  site_.participants().for_each([&](const TxnEntry& entry) {
    // Also one that only reads here: its locks do not move with the home.
    in_flight = in_flight || (entry.executed && entry.outcome == Outcome::undecided &&
                              std::any_of(entry.descriptor.operations.begin(), entry.descriptor.operations.end(),
                                          [&](const Operation& o) { return homes_.home_of(o) == home; }));
  });
  if (!in_flight) {
    HomeEffects effects;
    site.machine().drained(context_.now(), effects);
    perform(home, site, effects);
  }
}

// ---- Effects ------------------------------------------------------------------------------------------------------

void Masterships::force(NodeId home, HomeSite& site, const HomeEffects::Force& what) {
  HomeRecord record;
  record.kind = what.kind;
  record.home = home;
  record.epoch = what.epoch;
  record.opening = what.opening;
  if (what.kind == HomeRecordKind::opened) {
    site.log.begin_term(what.epoch);  // From here on nothing of an older term is taken any more.
    record.history = site.log.history();
    record.written = context_.now();
    record.clock = context_.options().clock;
  } else if (what.kind == HomeRecordKind::handed_over) {
    hand_over_history(site, what.epoch);
  }
  context_.observer().forced_write();
  homes_.force(std::move(record), MastershipForce{home, what.kind, what.epoch});
}

void Masterships::open(NodeId home, HomeSite& site) {
  site.log.set_durable(site.log.last());
  const Instant ordered = std::exchange(site.ordered_at, Instant{});
  homes_.tell(HomeEventKind::opened, home, site, ordered == Instant{} ? Duration::zero() : context_.now() - ordered);
  homes_.begin_shipping(home, site);
  announce(home, site);
  schedule_announce();
  shipping_.hurry();
}

void Masterships::perform(NodeId home, HomeSite& site, HomeEffects& effects) {
  const Instant now = context_.now();
  if (effects.left_behind) {
    const bool known = effects.left_behind->epoch == site.log.position().epoch;
    homes_.tell(HomeEventKind::left_behind, home, site, {}, known ? effects.left_behind->end - site.log.durable() : 0);
  }
  for (const HomeEffects::Force& what : effects.force) {
    force(home, site, what);
  }
  for (auto& [to, message] : effects.send) {
    if (message.kind == HomeMessageKind::fetch) {
      message.history = site.log.history();
    }
    context_.send(to, message, Traffic::heartbeat, name_of(message.kind));
  }
  masters_.learn(home, site.mastership.epoch());
  if (effects.deposed) {
    site.sender.reset();
    if (effects.handed_over) {
      homes_.tell(HomeEventKind::transferred, home, site, now - std::max(site.fenced_at, site.last_commit));
    } else {
      homes_.tell(HomeEventKind::deposed, home, site);
    }
  }
  if (effects.opened) {
    open(home, site);
  }
  if (effects.lease_lost) {
    homes_.tell(HomeEventKind::lease_expired, home, site);
  }
  if (effects.called_off) {
    homes_.tell(HomeEventKind::called_off, home, site);
  }
  if (effects.refused_order) {
    homes_.tell(HomeEventKind::order_refused, home, site);
  }
  if (effects.resumed) {
    site.ordered_at = now;
    homes_.tell(HomeEventKind::resumed, home, site);
  }
  schedule();
}

}  // namespace geocommit
