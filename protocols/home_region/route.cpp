#include "protocols/home_region/home_region.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::home_region {

Route route(const Request& request, const Directory& directory) {
  Route route;
  route.protocol = two_phase_commit::kWireId;
  route.sites = place_at_home(request, directory);
  route.coordinator_region = request.origin;
  bool first = true;
  for (const Operation& operation : request.operations) {
    const RegionId home = directory.home_of(operation.entity);
    if (first) {
      route.coordinator_region = home;
      first = false;
    } else if (home != route.coordinator_region) {
      route.coordinator_region = request.origin;
      break;
    }
  }
  return route;
}

}  // namespace geocommit::home_region
