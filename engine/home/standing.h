// How one site stands to one home: its role, the terms that it knows of, what it has promised. The parts of the
// mastership machine (engine/home/mastership.h) share it: each is given it with every input.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/home/home_effects.h"
#include "engine/home/home_rules.h"
#include "engine/home/home_sites.h"

namespace geocommit {

enum class HomeRole : std::uint8_t {
  replica,       ///< Applies what the master ships.
  master,        ///< Accepts writes while its lease lasts.
  fencing,       ///< Planned transfer: accepts no more, drains, ships until the successor has everything.
  handing_over,  ///< ... has durably stopped; repeats the hand-over until the successor is open.
  yielding,      ///< Was master and has heard a claim: accepts no more, and promises once what it voted on is decided.
  claiming,      ///< Forced: collects promises and waits for the old lease to have surely ended.
  fetching,  ///< ... has a quorum, and gets what the most up-to-date log of those that promised has more than its own.
  opening,   ///< The record that makes it master is being forced.
};
[[nodiscard]] std::string_view name_of(HomeRole role);

struct HomeStanding {
  HomeStanding(const HomeRules& the_rules, HomeSites the_sites);

  [[nodiscard]] bool leased() const { return rules.fencing && rules.lease > Duration::zero(); }
  [[nodiscard]] bool is_master() const { return role == HomeRole::master || role == HomeRole::fencing; }
  /// Does it count promises?
  [[nodiscard]] bool collects() const { return role == HomeRole::claiming || role == HomeRole::fetching; }
  /// It is on the way to open `claimed`.
  [[nodiscard]] bool takes_over() const { return collects() || role == HomeRole::opening; }
  /// A change of masters is under way here that is not this site's to finish, as far as it knows.
  [[nodiscard]] bool unfinished() const {
    return leased() && promised > opened && (role == HomeRole::replica || role == HomeRole::handing_over);
  }

  /// This site is to be master of `epoch`, which that of `handed_over_by` has handed over to it ({}: nobody has).
  void aim_at(HomeEpoch epoch, HomeEpoch handed_over_by) {
    claimed = promised = epoch;
    base = handed_over_by;
  }

  [[nodiscard]] HomeMessage make(HomeMessageKind kind, HomeEpoch epoch) const;
  void send_others(const HomeMessage& message, HomeEffects& out) const;
  void refuse(NodeId to, HomeEffects& out) const;
  void hash_state(std::string& out) const;

  HomeRules rules;
  HomeSites sites;
  HomeRole role{HomeRole::replica};
  HomeEpoch opened;           ///< The newest known to be open.
  HomeEpoch promised;         ///< Grants nothing below. At least `opened`.
  HomeEpoch durable_promise;  ///< What is on stable storage of it.
  HomeEpoch claimed;          ///< The last that this site was to open.
  HomeEpoch base;             ///< The term that was handed over to mine by plan; 0 after a failover or a restart.
  HomePosition log;           ///< How far this site's log has got, durably.
};

}  // namespace geocommit
