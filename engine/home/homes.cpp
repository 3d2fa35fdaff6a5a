#include "engine/home/homes.h"

#include <algorithm>

namespace geocommit {

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

Homes::Homes(NodeContext& context, Service& service, ResourceManager& resources)
    : context_(context), service_(service), resources_(resources) {
  const Directory& directory = context.directory();
  kept_ = context.routes_homes() && directory.placement() == Placement::replicated &&
          context.info().kind == NodeKind::agent && directory.region_count() > 1;
  if (kept_) {
    (void)find(context.self());
  }
}

std::vector<NodeId> Homes::sites() const {
  std::vector<NodeId> sites;
  for (std::uint32_t r = 0; r < context_.directory().region_count(); ++r) {
    sites.push_back(context_.directory().agent(RegionId{r}, context_.info().site));
  }
  return sites;
}

HomeSite* Homes::find(NodeId home) {
  const auto found = homes_.find(home);
  if (found != homes_.end()) {
    return &found->second;
  }
  const NodeInfo* info = context_.directory().find(home);
  if (!kept_ || info == nullptr || info->kind != NodeKind::agent || info->site != context_.info().site) {
    return nullptr;
  }
  return &homes_.try_emplace(home, context_.options().home, context_.self(), home, sites()).first->second;
}

NodeId Homes::master_of(HomeEpoch epoch) const {
  const Directory& directory = context_.directory();
  return directory.agent(home_region::master_of(epoch, directory.region_count()), context_.info().site);
}

HomeEpoch Homes::first_epoch(NodeId home) const {
  return home_region::first_epoch(context_.directory().region_of(home), context_.directory().region_count());
}

void Homes::begin_shipping(NodeId home, HomeSite& site) const {
  std::vector<NodeId> replicas = sites();
  std::erase(replicas, context_.self());
  site.sender = std::make_unique<ShippingHome>(home, std::move(replicas), site.log);
  site.sender->number_heartbeats_after((std::uint64_t{context_.options().epoch.value} - 1) << 32U);
}

void Homes::tell(HomeEventKind kind, NodeId home, const HomeSite& site, Duration gap, std::uint64_t writes) const {
  const std::uint64_t round = home_region::round_of(site.mastership.epoch(), context_.directory().region_count());
  context_.observer().home_changed({kind, home, round, gap, writes});
}

void Homes::tell_open(NodeId to, NodeId home, const HomeSite& site) const {
  HomeMessage open;
  open.kind = HomeMessageKind::open;
  open.home = home;
  open.epoch = site.mastership.epoch();
  context_.send(to, open, Traffic::heartbeat, "OPEN");
}

void Homes::force(const DurableRecord& record, HomeForce use) {
  forces_.push_back(std::move(use));
  context_.force(record, ServiceForce{&service_});
}

HomeForce Homes::take_forced() {
  HomeForce use = std::move(forces_.front());
  forces_.pop_front();
  return use;
}

void Homes::add_to(EngineStatus& status) const {
  for (const auto& [home, site] : homes_) {
    status.unshipped += site.sender ? site.sender->unconfirmed() : 0;
    const HomeRole role = site.mastership.role();
    const bool settled =
        role == HomeRole::master || (role == HomeRole::replica && !site.mastership.awaits_master(context_.now()));
    status.unshipped += settled ? 0 : 1;
  }
}

// ---- Checkpoints and recovery
// -----------------------------------------------------------------------------------------

void Homes::replay(const DurableRecord& record) {
  if (const auto* shipped = std::get_if<ShippedRecord>(&record)) {
    replay_one(*shipped);
  } else if (const auto* home = std::get_if<HomeRecord>(&record)) {
    replay_one(*home);
  } else if (const auto* acked = std::get_if<ShipAckedRecord>(&record)) {
    replay_one(*acked);
  }
}

void Homes::replay_one(const HomeRecord& record) {
  HomeSite* site = find(record.home);
  if (site == nullptr) {
    context_.observer().alarm("a record of a home that is not kept here");
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

void Homes::replay_one(const ShippedRecord& record) {
  HomeSite* site = find(record.home);
  if (site != nullptr && record.write.sequence == site->log.last() + 1) {
    apply(record.write);
    site->log.append(record.write);
  }
}

void Homes::replay_one(const ShipAckedRecord& record) {
  if (HomeSite* site = find(record.home == NodeId{} ? context_.self() : record.home)) {
    site->reported_confirmed = std::max(site->reported_confirmed, record.sequence);
    site->log.confirm(record.sequence);
  }
}

void Homes::replayed() {
  for (auto& [home, site] : homes_) {
    site.log.set_durable(site.log.last());
  }
}

void Homes::restore(std::vector<HomeState> homes) {
  for (HomeState& state : homes) {
    HomeSite* site = find(state.home);
    if (site == nullptr) {
      context_.observer().alarm("a checkpoint of a home that is not kept here");
      continue;
    }
    site->log.restore(std::move(state.history), state.last, std::move(state.retained));
    const HomeEpoch first = first_epoch(state.home);
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

void Homes::add_to(Checkpoint& checkpoint) const {
  for (const auto& [home, site] : homes_) {
    HomeState& state = checkpoint.homes.emplace_back();
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
}

}  // namespace geocommit
