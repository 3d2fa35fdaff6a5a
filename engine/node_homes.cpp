// Home region, at an agent: the homes of its site, and who may accept their writes (engine/mastership.h).
// node_home_logs.cpp has their logs.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/node_engine.h"

namespace geocommit {
namespace {

constexpr Duration kAnnounceInterval = 500ms;

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
    case HomeEventKind::left_behind:
      return "left-behind";
    case HomeEventKind::resumed:
      return "resumed";
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
  site.sender->number_heartbeats_after((std::uint64_t{options_.epoch.value} - 1) << 32U);
}

void NodeEngine::Impl::start_homes() {
  const Instant now = environment_.now();
  for (const NodeId home : sites_of_homes()) {  // Also of homes never heard of: what was granted before a crash.
    if (options_.home.lease > Duration::zero()) {
      (void)home_site(home);
    }
  }
  for (auto& [home, site] : homes_) {
    site.mastership.start(now, options_.epoch);
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
    site.machine().transfer(environment_.now(), directory_.agent(successor, self.site));
    if (before != site.mastership.role()) {
      site.fenced_at = environment_.now();
    }
  } else if (self.region == successor) {
    site.ordered_at = environment_.now();
    site.machine().take_over(environment_.now(), effects);
  }
  perform(id, site, effects);
  check_drained(id, site);
  drain();
}

void NodeEngine::Impl::perform(NodeId home, HomeSite& site, HomeEffects& effects) {
  const Instant now = environment_.now();
  if (effects.left_behind) {
    const bool known = effects.left_behind->epoch == site.log.position().epoch;
    tell(HomeEventKind::left_behind, home, site, {}, known ? effects.left_behind->end - site.log.durable() : 0);
  }
  for (const HomeEffects::Force& force : effects.force) {
    HomeRecord record;
    record.kind = force.kind;
    record.home = home;
    record.epoch = force.epoch;
    record.opening = force.opening;
    if (force.kind == HomeRecordKind::opened) {
      site.log.begin_term(force.epoch);  // From here on nothing of an older term is taken any more.
      record.history = site.log.history();
      record.written = now;
      record.clock = options_.clock;
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
  for (auto& [to, message] : effects.send) {
    if (message.kind == HomeMessageKind::fetch) {
      message.history = site.log.history();
    }
    send(to, message, Traffic::heartbeat, name_of(message.kind));
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
  if (effects.resumed) {
    site.ordered_at = now;
    tell(HomeEventKind::resumed, home, site);
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
    site->machine().received_handoff(from.from, message, has_all, effects);
  } else if (message.kind == HomeMessageKind::fetch && site->mastership.has_promised(from.from, message.epoch)) {
    return ship_to_successor(from.from, *site, message);
  } else {
    site->machine().received(environment_.now(), from.from, message, effects);
  }
  perform(message.home, *site, effects);
}

void NodeEngine::Impl::forced_homes(const HomeForce& force) {
  HomeSite& site = *home_site(force.home);
  HomeEffects effects;
  site.machine().forced(environment_.now(), force.kind, force.epoch, effects);
  perform(force.home, site, effects);
}

void NodeEngine::Impl::tick_homes() {
  for (auto& [home, site] : homes_) {
    HomeEffects effects;
    site.machine().tick(environment_.now(), effects);
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
  const bool hands_over = site.mastership.role() == HomeRole::fencing && site.sender &&
                          site.sender->has_all(site.mastership.successor()) && site.log.durable() == site.log.last();
  if (!hands_over && site.mastership.role() != HomeRole::yielding) {
    return;
  }
  bool in_flight = false;
  participants_.for_each([&](const TxnEntry& entry) {
    // Also one that only reads here: its locks do not move with the home.
    in_flight = in_flight || (entry.executed && entry.outcome == Outcome::undecided &&
                              std::any_of(entry.descriptor.operations.begin(), entry.descriptor.operations.end(),
                                          [&](const Operation& operation) { return home_of(operation) == home; }));
  });
  if (!in_flight) {
    HomeEffects effects;
    site.machine().drained(environment_.now(), effects);
    perform(home, site, effects);
  }
}

}  // namespace geocommit
