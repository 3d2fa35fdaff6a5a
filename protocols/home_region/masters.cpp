#include "protocols/home_region/masters.h"

#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::home_region {

bool Masters::learn(NodeId home, HomeEpoch epoch) {
  if (epoch <= epoch_of(home)) {
    return false;
  }
  moved_[home] = epoch;
  return true;
}

HomeEpoch Masters::epoch_of(NodeId home) const {
  const auto moved = moved_.find(home);
  return moved != moved_.end() ? moved->second : first_epoch(directory_->region_of(home), directory_->region_count());
}

RegionId Masters::region_of(Entity entity) const {
  const RegionId home = directory_->home_of(entity);
  if (moved_.empty()) {
    return home;
  }
  const auto moved = moved_.find(directory_->agent(home, directory_->site_of(entity)));
  return moved != moved_.end() ? master_of(moved->second, directory_->region_count()) : home;
}

Route route(const Request& request, const Directory& directory, const Masters& masters) {
  Route route;
  route.protocol = two_phase_commit::kWireId;
  std::map<NodeId, std::vector<Operation>> work;
  bool first = true;
  bool one = true;
  for (const Operation& operation : request.operations) {
    const RegionId master = masters.region_of(operation.entity);
    work[directory.agent(master, directory.site_of(operation.entity))].push_back(operation);
    one = one && (first || master == route.coordinator_region);
    route.coordinator_region = master;
    first = false;
  }
  if (!one || first) {
    route.coordinator_region = request.origin;
  }
  for (auto& [site, operations] : work) {
    route.sites.push_back({site, std::move(operations)});
  }
  return route;
}

}  // namespace geocommit::home_region
