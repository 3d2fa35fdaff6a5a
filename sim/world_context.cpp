#include "sim/world_context.h"

#include <utility>

#include "base/check.h"

namespace geocommit::sim {
namespace {

constexpr std::int64_t kStart = 1'000'000'000;  // Virtual time begins here: an age of 0 would be older than any.

}  // namespace

WorldContext::WorldContext(WorldSpec given)
    : spec(std::move(given)),
      now_ns(kStart),
      nodes(spec.directory.nodes().size()),
      client_at(spec.directory.nodes().size()) {
  GC_CHECK(spec.protocol != nullptr && spec.links.size() == spec.directory.region_count());
  if (spec.origins.empty()) {
    for (std::uint32_t r = 0; r < spec.directory.region_count(); ++r) {
      spec.origins.push_back(RegionId{r});
    }
  }
}

std::uint32_t WorldContext::index_of(NodeId id) const {
  const NodeInfo* info = spec.directory.find(id);
  GC_CHECK(info != nullptr);
  return static_cast<std::uint32_t>(info - spec.directory.nodes().data());
}

}  // namespace geocommit::sim
