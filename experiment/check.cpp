// What of an experiment depends on the topology.
#include <algorithm>

#include "experiment/experiment.h"

namespace geocommit {
namespace {

using yaml::Node;

class Mistakes {
 public:
  void add(const Error& error) {
    if (std::find(messages_.begin(), messages_.end(), error.message) == messages_.end()) {
      messages_.push_back(error.message);
    }
  }
  [[nodiscard]] Result<void> result() const {
    if (messages_.empty()) return {};
    return yaml::join_errors(messages_);
  }

 private:
  std::vector<std::string> messages_;
};

void check_origins(const Settings& settings, const Node& load, const std::vector<std::string>& regions,
                   Mistakes& mistakes) {
  const auto origins = load.find("origins").value_or(load).items();
  for (const Node& origin : origins) {
    const auto same = [&](const Node& other) { return other.text() == origin.text(); };
    if (std::find(regions.begin(), regions.end(), origin.text()) == regions.end()) {
      std::string list;
      for (const auto& region : regions) list += (list.empty() ? "" : ", ") + region;
      mistakes.add(origin.error("expected a region of topology " + settings.topology + " (" + list + "), found " +
                                origin.describe() + yaml::did_you_mean(origin.text(), regions)));
    } else if (std::count_if(origins.begin(), origins.end(), same) > 1) {
      mistakes.add(origin.error("expected each region once, found it again"));
    }
  }
}

void check_faults(const Experiment& experiment, const Settings& s, const std::vector<std::string>& regions,
                  Mistakes& mistakes) {
  const Directory directory(regions, s.sites_per_region, s.placement, s.keys_per_participant);
  const FaultScene scene{&directory, experiment.protocols.front().row, s.warmup, s.duration, experiment.seed, 1};
  if (auto faults = resolve_faults(s.faults, scene); !faults) mistakes.add(faults.error());
  for (const FaultEntry& entry : s.faults) {
    const bool crashes = entry.form == FaultForm::crash ||
                         std::find(entry.draw.begin(), entry.draw.end(), FaultForm::crash) != entry.draw.end();
    const bool without_links =
        experiment.emulation == EmulationKind::loopback || experiment.emulation == EmulationKind::deployed;
    if (entry.form == FaultForm::link && without_links) {
      mistakes.add(entry.place.key_error(
          "link", "expected another fault with emulation: " + std::string(name_of(experiment.emulation)) +
                      ": there are no links to change here; use emulation: tun, netem, "
                      "auto or sim"));
    }
    if (entry.form == FaultForm::pause && entry.length == kForever && experiment.emulation == EmulationKind::deployed) {
      mistakes.add(entry.place.key_error(
          "for", "expected how long with emulation: deployed: nobody could wake that daemon again"));
    } else if (entry.form == FaultForm::pause && entry.length > experiment.lease &&
               experiment.emulation == EmulationKind::deployed) {
      mistakes.add(entry.place.key_error(
          "for",
          "expected at most " + yaml::format_duration(experiment.lease) +
              " with emulation: deployed: who stands still for longer than its lease is woken (deployed.lease)"));
    }
    if (crashes && experiment.emulation == EmulationKind::deployed) {
      mistakes.add(entry.place.error(
          "expected no crash with emulation: deployed: those daemons are not the runner's to start again; use pause, "
          "disk or drop"));
    }
  }
}

void check_deployed(const Experiment& experiment, const std::vector<std::string>& regions, Mistakes& mistakes) {
  const Settings& s = experiment.points.front().settings;
  const Directory directory(regions, s.sites_per_region, s.placement, s.keys_per_participant);
  const auto nodes = experiment.points.front().root.find("deployed")->find("nodes");
  std::vector<std::string> names;
  for (const NodeInfo& node : directory.nodes()) {
    names.push_back(node.name);
    const bool needed = node.kind != NodeKind::client;
    if (needed && experiment.deployed.count(node.name) == 0) {
      mistakes.add(nodes->key_error(node.name, "expected the addresses of this node, they are missing"));
    }
  }
  for (const auto& [name, addresses] : experiment.deployed) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    mistakes.add(nodes->key_error(name, "expected a node of this experiment" + yaml::did_you_mean(name, names)));
  }
}

}  // namespace

Result<void> check_regions(const Experiment& experiment,
                           const std::vector<std::vector<std::string>>& regions_by_point) {
  Mistakes mistakes;
  for (std::size_t i = 0; i < experiment.points.size(); ++i) {
    const SweepPoint& point = experiment.points[i];
    const std::vector<std::string>& regions = regions_by_point.at(i);
    const Settings& s = point.settings;
    const auto load = point.root.find("workload").value_or(point.root);
    check_origins(s, load, regions, mistakes);
    const std::uint64_t sites = std::uint64_t{s.sites_per_region} * regions.size();
    if (s.placement == Placement::partitioned && s.workload.participants > sites) {
      mistakes.add(load.key_error("participants", "expected at most " + std::to_string(sites) +
                                                      " with placement partitioned: " + std::to_string(regions.size()) +
                                                      " regions of " + std::to_string(s.sites_per_region) + " site" +
                                                      (s.sites_per_region == 1 ? "" : "s")));
    }
    check_faults(experiment, s, regions, mistakes);
  }
  if (experiment.emulation == EmulationKind::deployed) check_deployed(experiment, regions_by_point.front(), mistakes);
  return mistakes.result();
}

ResolvedTimeouts resolve_timeouts(const Settings& settings, Duration rtt_max, Duration forced_write) {
  // In whole milliseconds: a timeout is for people too.
  const Duration automatic = std::chrono::ceil<std::chrono::milliseconds>(4 * rtt_max + 20 * forced_write + 200ms);
  ResolvedTimeouts out;
  out.protocol.vote = settings.timeouts.vote.value_or(automatic);
  out.protocol.decision = settings.timeouts.decision.value_or(automatic);
  out.protocol.resend = automatic / 2;
  out.lock_wait = settings.timeouts.lock_wait.value_or(automatic);
  return out;
}

HomeRules resolve_home_rules(const Settings& settings, const ResolvedTimeouts& timeouts) {
  HomeRules rules;
  const bool failover = std::any_of(settings.faults.begin(), settings.faults.end(),
                                    [](const FaultEntry& entry) { return entry.form == FaultForm::failover; });
  rules.lease = settings.home_lease.value_or(failover ? 3 * timeouts.protocol.vote : Duration{0});
  rules.fencing = settings.fencing;
  return rules;
}

}  // namespace geocommit
