// Which site does which operations of a request. Sites ascend by node id; within a site operations keep the request's
// order, so that every node builds the same lists.
#include <map>

#include "protocols/registry.h"

namespace geocommit {
namespace {

class Plan {
 public:
  void add(NodeId site, const Operation& operation) { sites_[site].push_back(operation); }
  [[nodiscard]] std::vector<SiteWork> take() {
    std::vector<SiteWork> work;
    work.reserve(sites_.size());
    for (auto& [site, operations] : sites_) {
      work.push_back({site, std::move(operations)});
    }
    return work;
  }

 private:
  std::map<NodeId, std::vector<Operation>> sites_;
};

}  // namespace

std::vector<SiteWork> place_everywhere(const Request& request, const Directory& directory) {
  Plan plan;
  for (const Operation& operation : request.operations) {
    if (operation.read && directory.placement() == Placement::replicated) {
      plan.add(directory.agent(request.origin, directory.site_of(operation.entity)), operation);
      continue;
    }
    for (const NodeId copy : directory.copies_of(operation.entity)) {
      plan.add(copy, operation);
    }
  }
  return plan.take();
}

std::vector<SiteWork> place_at_home(const Request& request, const Directory& directory) {
  Plan plan;
  for (const Operation& operation : request.operations) {
    plan.add(directory.agent(directory.home_of(operation.entity), directory.site_of(operation.entity)), operation);
  }
  return plan.take();
}

}  // namespace geocommit
