#include "engine/home/home_service.h"

namespace geocommit {

HomeService::HomeService(NodeContext& context, const Peers& peers, const Site& site)
    : context_(context),
      masters_(context.directory()),
      homes_(context, *this, site.resources()),
      writes_(context, homes_),
      shipping_(context, homes_, *this),
      masterships_(context, homes_, shipping_, masters_, peers, site, *this) {}

void HomeService::order(RegionId home, RegionId successor, bool forced) {
  if (homes_.kept()) {
    masterships_.order(home, successor, forced);
  }
}

void HomeService::start() {
  if (homes_.kept()) {
    masterships_.start();
    shipping_.start();
  }
}

void HomeService::on_timer(std::uint8_t timer) {
  switch (static_cast<HomeTimer>(timer)) {
    case HomeTimer::ship:
      shipping_.on_timer();
      break;
    case HomeTimer::staleness:
      shipping_.sample_staleness();
      break;
    case HomeTimer::masterships:
      masterships_.on_timer();
      break;
    case HomeTimer::announce:
      masterships_.on_announce_timer();
      break;
  }
}

void HomeService::on_forced() {
  const HomeForce force = homes_.take_forced();
  if (const auto* mastership = std::get_if<MastershipForce>(&force)) {
    masterships_.forced(*mastership);
  } else if (const auto& shipped = std::get<ShippedForce>(force); shipping_.forced(shipped)) {
    masterships_.fetched(shipped.place.home, *homes_.find(shipped.place.home));
  }
}

bool HomeService::receive(const PeerMessage& message) {
  if (const auto* ship = std::get_if<Ship>(&message.payload)) {
    receive(message.from, *ship);
  } else if (const auto* ack = std::get_if<ShipAck>(&message.payload)) {
    receive(message.from, *ack);
  } else if (const auto* home = std::get_if<HomeMessage>(&message.payload)) {
    receive(message.from, *home);
  } else {
    return false;
  }
  return true;
}

void HomeService::receive(NodeId from, const Ship& ship) {
  HomeSite* site = homes_.find(ship.home);
  if (site == nullptr) {
    context_.observer().alarm("a shipped write reached a node that is not a replica");
    return;
  }
  if (!shipping_.is_due(from, ship, *site)) {
    return;
  }
  masterships_.learn(ship.home, *site, site->epoch_of(ship));
  if (shipping_.take(from, ship, *site)) {
    masterships_.fetched(ship.home, *site);
  }
}

void HomeService::receive(NodeId from, const ShipAck& ack) {
  if (HomeSite* site = homes_.find(ack.home)) {
    shipping_.acknowledged(from, ack, *site);
    masterships_.check_drained(ack.home, *site);
  }
}

void HomeService::receive(NodeId from, const HomeMessage& message) {
  const NodeInfo* info = context_.directory().find(message.home);
  if (info == nullptr || info->kind != NodeKind::agent ||
      home_region::round_of(message.epoch, context_.directory().region_count()) == 0) {
    context_.observer().alarm("a message about the mastership of what is no home");
    return;
  }
  if (message.kind == HomeMessageKind::open) {
    masters_.learn(message.home, message.epoch);
  }
  if (HomeSite* site = homes_.find(message.home)) {
    masterships_.received(from, message, *site);
  }
}

/// It may have missed, or forgotten, who is master.
void HomeService::greeted(NodeId peer) {
  for (const auto& [home, site] : homes_.all()) {
    if (site.mastership.is_master() && site.log.history().size() > 1) {
      homes_.tell_open(peer, home, site);
    }
  }
}

std::optional<Route> HomeService::route(const Request& request) const {
  return masters_.moved() ? std::optional(home_region::route(request, context_.directory(), masters_)) : std::nullopt;
}

Reason HomeService::admit(TxnEntry& entry) { return homes_.kept() ? writes_.accept(entry) : Reason::none; }

void HomeService::durable(const std::vector<ShipPlace>& places) {
  if (writes_.durable(places)) {
    shipping_.schedule(context_.options().ship_interval);
  }
}

void HomeService::reinstated(TxnEntry& entry) {
  if (homes_.kept()) {
    writes_.reinstate_places(entry);
  }
}

}  // namespace geocommit
