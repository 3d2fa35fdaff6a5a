#include "runner/faults/links.h"

#include <algorithm>

namespace geocommit {

LinkSpec combined(const LinkSpec& base, const std::vector<Fault>& on_it) {
  LinkSpec out = base;
  for (const Fault& fault : on_it) {
    if (fault.kind == FaultKind::cut) {
      out.up = false;
      continue;
    }
    out.delay += fault.extra;
    if (fault.jitter) out.jitter = std::max(out.jitter, *fault.jitter);
    // Chances of independent losses; 1.0 stands for "not set".
    if (fault.probability < 1.0) out.loss = 1.0 - (1.0 - out.loss) * (1.0 - fault.probability);
    if (fault.rate && *fault.rate > 0) {
      out.rate_bits_per_second =
          out.rate_bits_per_second == 0 ? *fault.rate : std::min(out.rate_bits_per_second, *fault.rate);
    }
  }
  return out;
}

LinkFaults::LinkFaults(Emulation& emulation, std::mutex& mutex, std::map<NodeId, std::string> names)
    : emulation_(emulation), mutex_(mutex), names_(std::move(names)) {}

std::set<LinkFaults::Link> LinkFaults::links_of(const Fault& fault) const {
  std::set<Link> out;
  for (const NodeId from : fault.from) {
    for (const NodeId to : fault.to) {
      if (from == to || !names_.contains(from) || !names_.contains(to)) continue;
      out.insert({from, to});
      if (fault.both_ways) out.insert({to, from});
    }
  }
  return out;
}

Result<void> LinkFaults::apply(const Link& link, const State& state) {
  std::vector<Fault> faults;
  for (const auto& [id, fault] : state.faults) faults.push_back(fault);
  return emulation_.set_link(names_.at(link.first), names_.at(link.second), combined(state.base, faults));
}

Result<void> LinkFaults::begin(std::uint32_t id, const Fault& fault) {
  const std::lock_guard lock(mutex_);
  for (const Link& link : links_of(fault)) {
    auto found = touched_.find(link);
    if (found == touched_.end()) {
      auto base = emulation_.link(names_.at(link.first), names_.at(link.second));
      if (!base) return base.error();
      found = touched_.emplace(link, State{*base, {}}).first;
    }
    found->second.faults[id] = fault;
    if (auto done = apply(link, found->second); !done) return done;
  }
  return {};
}

Result<void> LinkFaults::end(std::uint32_t id) {
  const std::lock_guard lock(mutex_);
  Result<void> out;
  for (auto it = touched_.begin(); it != touched_.end();) {
    if (it->second.faults.erase(id) > 0) {
      // What cannot be undone here may be undone at the next link.
      if (auto done = apply(it->first, it->second); !done) out = done;
    }
    it = it->second.faults.empty() ? touched_.erase(it) : std::next(it);
  }
  return out;
}

Result<void> LinkFaults::heal() {
  const std::lock_guard lock(mutex_);
  Result<void> out;
  for (auto& [link, state] : touched_) {
    state.faults.clear();
    if (auto done = apply(link, state); !done) out = done;
  }
  touched_.clear();
  return out;
}

}  // namespace geocommit
