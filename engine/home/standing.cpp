#include "engine/home/standing.h"

#include <utility>

#include "base/canonical.h"

namespace geocommit {

HomeStanding::HomeStanding(const HomeRules& the_rules, HomeSites the_sites)
    : rules(the_rules), sites(std::move(the_sites)) {
  if (rules.patience == Duration::zero()) {
    rules.patience = 2 * rules.lease;
  }
  opened = promised = durable_promise = sites.first_epoch();
  if (sites.home() == sites.self()) {
    role = HomeRole::master;
  }
}

HomeMessage HomeStanding::make(HomeMessageKind kind, HomeEpoch epoch) const {
  HomeMessage message;
  message.kind = kind;
  message.home = sites.home();
  message.epoch = epoch;
  return message;
}

void HomeStanding::send_others(const HomeMessage& message, HomeEffects& out) const {
  for (const NodeId site : sites.all()) {
    if (site != sites.self()) {
      out.send.emplace_back(site, message);
    }
  }
}

void HomeStanding::refuse(NodeId to, HomeEffects& out) const {
  HomeMessage refusal = make(HomeMessageKind::refuse, promised);
  refusal.opened = promised == opened;
  refusal.base = takes_over() ? claimed : HomeEpoch{};
  out.send.emplace_back(to, std::move(refusal));
}

void HomeStanding::hash_state(std::string& out) const {
  canonical::put(out, static_cast<std::uint64_t>(role));
  for (const HomeEpoch epoch :
       {opened, promised, durable_promise, takes_over() ? claimed : HomeEpoch{}, base, log.epoch}) {
    canonical::put(out, epoch.value);
  }
  canonical::put(out, log.end);
}

std::string_view name_of(HomeRole role) {
  switch (role) {
    case HomeRole::replica:
      return "replica";
    case HomeRole::master:
      return "master";
    case HomeRole::fencing:
      return "fencing";
    case HomeRole::handing_over:
      return "handing-over";
    case HomeRole::yielding:
      return "yielding";
    case HomeRole::claiming:
      return "claiming";
    case HomeRole::fetching:
      return "fetching";
    case HomeRole::opening:
      return "opening";
  }
  return "?";
}

}  // namespace geocommit
