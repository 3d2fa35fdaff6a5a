// Home-region routing: each entity has a home region; writes go there, an inner 2PC runs among the home's sites, and
// the node service of engine/ ships the commits outward in order. A router row: no commit machine of its own.
#pragma once

#include "protocols/registry.h"

namespace geocommit::home_region {

/// One home: its region coordinates. Several: the origin's region does, and 2PC runs among those homes' sites.
[[nodiscard]] Route route(const Request& request, const Directory& directory);

}  // namespace geocommit::home_region
