// By which rules a home changes its master (docs/home-region.md).
#pragma once

#include "base/time.h"

namespace geocommit {

struct HomeRules {
  /// A master accepts writes only while a majority of the sites (itself included) granted it this long. 0: for ever;
  /// then no failover is safe, and a fenced one is refused.
  Duration lease{};
  /// It stops this long before the lease ends: a transaction that it voted YES on is decided by then (the vote
  /// timeout).
  Duration guard{};
  /// False: a successor opens at once, without asking anybody, and no lease binds a master. Unsafe; to show that it is.
  bool fencing{true};
  Duration retry{100ms};     ///< Claims and hand-overs are repeated this often.
  Duration drain_limit{5s};  ///< A planned transfer that cannot be drained and shipped by then is called off.
  /// A change of masters that nobody has finished is taken up again by another site after this long, and a lease for
  /// every site that comes before it. 0: two leases.
  Duration patience{};
};

}  // namespace geocommit
