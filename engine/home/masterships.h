// The mastership machines of an agent's homes (engine/home/mastership.h): their inputs, and what their effects ask for.
#pragma once

#include "engine/home/home_shipping.h"
#include "engine/peers.h"
#include "engine/site.h"

namespace geocommit {

class Masterships {
 public:
  Masterships(NodeContext& context, Homes& homes, HomeShipping& shipping, home_region::Masters& masters,
              const Peers& peers, const Site& site, Service& service)
      : context_(context),
        homes_(homes),
        shipping_(shipping),
        masters_(masters),
        peers_(peers),
        site_(site),
        service_(service) {}

  void start();
  /// No change of masters is taken up here any more; one that is under way goes on.
  void quiesce();
  /// HomeTimer::masterships
  void on_timer();
  /// HomeTimer::announce: says again who is master of what has moved.
  void on_announce_timer();
  void order(RegionId home, RegionId successor, bool forced);
  void received(NodeId from, const HomeMessage& message, HomeSite& site);
  /// A master of `epoch` is open.
  void learn(NodeId home, HomeSite& site, HomeEpoch epoch);
  /// The log has got further, by what was fetched or otherwise.
  void fetched(NodeId home, HomeSite& site);
  void forced(const MastershipForce& force);
  /// A master that is to be one no more, or a site that is to promise, waits until nothing is in flight.
  void check_drained(NodeId home, HomeSite& site);
  void check_drained();

 private:
  void tick();
  void announce_moved();
  void perform(NodeId home, HomeSite& site, HomeEffects& effects);
  void force(NodeId home, HomeSite& site, const HomeEffects::Force& what);
  void open(NodeId home, HomeSite& site);
  void announce(NodeId home, const HomeSite& site);
  void schedule_announce();
  void schedule();
  TimerToken set_timer(HomeTimer timer, Duration after);

  NodeContext& context_;
  Homes& homes_;
  HomeShipping& shipping_;
  home_region::Masters& masters_;
  const Peers& peers_;
  const Site& site_;
  Service& service_;
  bool announcing_{};
  TimerToken timer_{};  // 0: none is armed.
  Instant timer_at_{};
};

}  // namespace geocommit
