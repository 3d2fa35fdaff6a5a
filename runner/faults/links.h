// Faults on the links of an emulated WAN. Several may be on one link at a time: each adds its part, and when it goes
// the rest stays as it was. A link is back to what the topology says when the last one has gone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "faults/fault_plan.h"
#include "protocols/directory.h"
#include "wan/emulation.h"

namespace geocommit {

/// What is on one directed link now, on top of `base`.
[[nodiscard]] LinkSpec combined(const LinkSpec& base, const std::vector<Fault>& on_it);

class LinkFaults {
 public:
  /// `names`: every node on this WAN. `mutex` guards the emulation, which is not thread-safe; both outlive this.
  LinkFaults(Emulation& emulation, std::mutex& mutex, std::map<NodeId, std::string> names);
  /// In force when this returns. `id` names it for end(); nodes that are not on the WAN are left out.
  [[nodiscard]] Result<void> begin(std::uint32_t id, const Fault& fault);
  [[nodiscard]] Result<void> end(std::uint32_t id);
  /// Every link as the topology has it.
  [[nodiscard]] Result<void> heal();

 private:
  using Link = std::pair<NodeId, NodeId>;
  struct State {
    LinkSpec base;
    std::map<std::uint32_t, Fault> faults;
  };
  [[nodiscard]] std::set<Link> links_of(const Fault& fault) const;
  [[nodiscard]] Result<void> apply(const Link& link, const State& state);

  Emulation& emulation_;
  std::mutex& mutex_;
  std::map<NodeId, std::string> names_;
  std::map<Link, State> touched_;  ///< Links with a fault on them.
};

}  // namespace geocommit
