#include "verdict/writers.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace geocommit::verdict {

bool writes(const std::vector<Operation>& operations) {
  return std::any_of(operations.begin(), operations.end(), [](const Operation& op) { return !op.read; });
}

std::vector<Operation> sorted_writes(const std::vector<Operation>& operations) {
  std::vector<Operation> out;
  std::copy_if(operations.begin(), operations.end(), std::back_inserter(out),
               [](const Operation& op) { return !op.read; });
  std::sort(out.begin(), out.end());
  return out;
}

namespace {

// Homes have moved: of the sites that were master of an entity's home at some time, the one in the cohort that was
// asked to write it.
std::vector<Writer> writers_at_masters(const Evidence& evidence, const ClientOutcome& outcome,
                                       const Directory& directory, const Homes& homes) {
  std::map<NodeId, std::vector<Operation>> sites;
  for (const Operation& operation : outcome.operations) {
    const NodeId home = home_region::home_site(directory, operation.entity);
    NodeId writer = home;
    bool asked = false;
    for (const NodeId master : homes.masters_of(home)) {
      const SiteEvidence* site = evidence.at(master);
      const bool has_it = site != nullptr && site->yes != nullptr &&
                          std::any_of(site->yes->operations.begin(), site->yes->operations.end(),
                                      [&](const Operation& o) { return o.entity == operation.entity; });
      const bool member = evidence.cohort != nullptr &&
                          std::find(evidence.cohort->begin(), evidence.cohort->end(), master) != evidence.cohort->end();
      if (has_it || (member && !asked)) {
        writer = master;
        asked = asked || has_it;
      }
    }
    sites[writer].push_back(operation);
  }
  std::vector<Writer> writers;
  for (const auto& [site, operations] : sites) {
    if (writes(operations)) {
      writers.push_back({site, sorted_writes(operations)});
    }
  }
  return writers;
}

}  // namespace

std::vector<Writer> writers_of(const Evidence& evidence, const ClientOutcome* outcome, const Directory& directory,
                               const Protocol& protocol, const Homes& homes) {
  std::vector<Writer> writers;
  if (outcome != nullptr && !outcome->operations.empty()) {
    const Request request{outcome->request, outcome->origin, outcome->measured, outcome->operations};
    if (protocol.ships_to_replicas && homes.moved()) {
      return writers_at_masters(evidence, *outcome, directory, homes);
    }
    auto work = protocol.ships_to_replicas ? place_at_home(request, directory) : place_everywhere(request, directory);
    for (SiteWork& site : work) {
      if (writes(site.operations)) {
        writers.push_back({site.site, sorted_writes(site.operations)});
      }
    }
    return writers;
  }
  const bool any = std::any_of(evidence.sites.begin(), evidence.sites.end(), [](const SiteEvidence& site) {
    return site.commit != nullptr || (site.yes != nullptr && writes(site.yes->operations));
  });
  if (any && evidence.cohort != nullptr) {
    for (const NodeId node : *evidence.cohort) {
      writers.push_back({node, {}});
    }
  }
  return writers;
}

}  // namespace geocommit::verdict
