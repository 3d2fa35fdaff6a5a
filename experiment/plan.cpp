#include "experiment/plan.h"

#include <algorithm>
#include <set>

#include "os/console.h"

namespace geocommit {
namespace {

RegionId region_named(const std::vector<std::string>& regions, const std::string& name) {
  const auto found = std::find(regions.begin(), regions.end(), name);
  return RegionId{static_cast<std::uint32_t>(found - regions.begin())};
}

std::vector<RegionId> origins_of(const Settings& settings, const std::vector<std::string>& regions) {
  std::vector<RegionId> out;
  if (settings.origins.empty()) {
    for (std::uint32_t i = 0; i < regions.size(); ++i) out.push_back(RegionId{i});
  }
  for (const std::string& name : settings.origins) out.push_back(region_named(regions, name));
  std::sort(out.begin(), out.end());
  return out;
}

Directory directory_of(const Settings& s, const std::vector<std::string>& regions) {
  return {regions, s.sites_per_region, s.placement, s.keys_per_participant};
}

std::string_view kind_of(NodeKind kind) {
  switch (kind) {
    case NodeKind::agent:
      return "agent";
    case NodeKind::coordinator:
      return "coordinator";
    case NodeKind::client:
      return "client";
  }
  GC_CHECK(false);
}

std::string processes_of(const PlannedWan& wan, const Settings& s) {
  std::string out = "\nprocesses   " + std::to_string(wan.nodes.size()) + "\n";
  for (const std::string& region : wan.topology.regions()) {
    out += "  " + region + ":";
    for (const NodeInfo& node : wan.nodes) {
      if (wan.topology.regions()[node.region.value] == region) {
        out += " " + std::string(kind_of(node.kind)) +
               (node.kind == NodeKind::agent && s.sites_per_region > 1 ? std::to_string(node.site) : "");
      }
    }
    out += "\n";
  }
  return out;
}

std::string load_of(const Settings& s) {
  const WorkloadSpec& w = s.workload;
  std::string out = w.arrival == Arrival::closed
                        ? "closed loop, " + std::to_string(w.clients) + " in flight per origin"
                        : spell_rate(w.rate_per_s) + " per origin, " +
                              (w.arrival == Arrival::poisson ? "Poisson arrivals" : "fixed intervals");
  out += "; " + std::to_string(w.participants) +
         (s.placement == Placement::replicated ? " entities" : " participants") + " a transaction, keys " +
         spell_keys(w) + ", local " + std::to_string(static_cast<int>(w.local * 100 + 0.5)) + " %";
  if (w.reads > 0) out += ", read-only " + std::to_string(static_cast<int>(w.reads * 100 + 0.5)) + " %";
  return out;
}

}  // namespace

Directory Plan::directory(const Cell& cell) const {
  return directory_of(point(cell).settings, topology(cell).regions());
}

std::vector<RegionId> Plan::origins(const Cell& cell) const {
  return origins_of(point(cell).settings, topology(cell).regions());
}

std::vector<NodeInfo> Plan::nodes_of(const Cell& cell) const {
  const auto from = origins(cell);
  std::vector<NodeInfo> out;
  const Directory all = directory(cell);
  for (const NodeInfo& node : all.nodes()) {
    if (node.kind != NodeKind::client || std::find(from.begin(), from.end(), node.region) != from.end()) {
      out.push_back(node);
    }
  }
  return out;
}

Duration Plan::forced_write(const Cell& cell) const {
  const Durability& durability = point(cell).settings.durability;
  switch (durability.kind) {
    case DurabilityKind::fsync:
      return disk_force;
    case DurabilityKind::none:
      return Duration{0};
    case DurabilityKind::fixed:
      return durability.fixed_force;
  }
  GC_CHECK(false);
}

std::vector<NamedFault> Plan::faults(const Cell& cell) const {
  const Settings& s = point(cell).settings;
  const Directory all = directory(cell);
  auto faults = resolve_faults(s.faults, {&all, cell.protocol, s.warmup, s.duration, experiment.seed, cell.repetition});
  GC_CHECK(faults.ok());  // make_plan refuses what cannot be resolved
  return std::move(faults).value();
}

std::vector<std::string> Plan::warnings(const Cell& cell) const {
  const Settings& s = point(cell).settings;
  const Directory all = directory(cell);
  return fault_warnings(s.faults, faults(cell),
                        {&all, cell.protocol, s.warmup, s.duration, experiment.seed, cell.repetition});
}

namespace {

/// The timeline of the faults of each point's first repetition, and warnings; empty without faults.
std::string describe_faults(const Plan& plan) {
  std::string out;
  std::string last;
  std::string warnings;
  for (const Cell& cell : plan.cells) {
    if (cell.repetition != 1) continue;
    const Directory directory = plan.directory(cell);
    auto faults = plan.faults(cell);
    std::stable_sort(faults.begin(), faults.end(), [](const NamedFault& a, const NamedFault& b) {
      const auto when = [](const NamedFault& f) { return f.first().on.empty() ? f.first().at : f.first().since; };
      return when(a) < when(b);
    });
    std::string timeline;
    for (const NamedFault& fault : faults) {
      timeline += "  " + left(describe_time(fault, directory), 26) + "  " + describe(fault) + "\n";
    }
    for (const std::string& warning : plan.warnings(cell)) {
      if (warnings.find(warning) == std::string::npos) warnings += "  warning: " + warning + "\n";
    }
    if (timeline == last) continue;
    out += "\nfaults      from the start of the load, warm-up included" +
           (plan.experiment.points.size() > 1 ? "; from cell " + cell.id + " on" : std::string()) + "\n" + timeline;
    last = timeline;
  }
  return out + warnings;
}

}  // namespace

Duration Plan::estimated_time() const {
  Duration total{1s};
  for (const Cell& cell : cells) {
    const Settings& s = point(cell).settings;
    // Start and stop of the processes, and the drain: a few round trips.
    total += s.warmup + s.duration + 2s + Duration{30ms} * static_cast<std::int64_t>(wan(cell).nodes.size()) +
             6 * topology(cell).largest_round_trip();
  }
  return total;
}

namespace {

/// The distinct topologies' names of the points, in order, and each point's index among them.
std::vector<std::string> distinct_topologies(const Experiment& experiment, std::vector<std::size_t>& index_of) {
  std::vector<std::string> names;
  for (const SweepPoint& point : experiment.points) {
    const auto found = std::find(names.begin(), names.end(), point.settings.topology);
    index_of.push_back(static_cast<std::size_t>(found - names.begin()));
    if (found == names.end()) names.push_back(point.settings.topology);
  }
  return names;
}

void add_cells(Plan& plan, std::size_t point) {
  for (std::uint32_t repetition = 1; repetition <= plan.experiment.repetitions; ++repetition) {
    for (const ProtocolChoice& protocol : plan.experiment.protocols) {
      std::string id = file_part(protocol.label);
      if (plan.experiment.points.size() > 1) id += "-p" + std::to_string(point + 1);
      id += "-r" + std::to_string(repetition);
      plan.cells.push_back({std::move(id), protocol.row, point, repetition, protocol.options, protocol.label});
    }
  }
}

}  // namespace

Result<std::vector<Topology>> load_topologies(const Experiment& experiment, const std::vector<Override>& overrides) {
  std::vector<Topology> out;
  std::vector<std::size_t> index_of;
  for (const std::string& name : distinct_topologies(experiment, index_of)) {
    auto topology = load_topology(name);
    if (topology) {
      out.push_back(std::move(topology).value());
      continue;
    }
    // What is wrong inside a topology's file has a place there; a topology that is not there, in the experiment only.
    const auto of_point =
        static_cast<std::size_t>(std::find(index_of.begin(), index_of.end(), out.size()) - index_of.begin());
    const auto node = experiment.points.at(of_point).root.find("topology");
    const std::string& message = topology.error().message;
    const bool absent = message.starts_with("no topology") || message.starts_with(name + ": ");
    if (!node || !absent) return topology.error();
    for (const Override& o : overrides) {
      if (o.key == "topology") return Error{"--set topology=" + o.value + ": " + message};
    }
    return node->error(message);
  }
  return out;
}

std::string topology_names(const Plan& plan) {
  std::string out;
  for (const PlannedWan& wan : plan.wans) out += (out.empty() ? "" : ", ") + wan.topology.name();
  return out;
}

Result<Plan> make_plan(Experiment experiment, std::vector<Topology> topologies, Duration disk_force) {
  Plan plan;
  (void)distinct_topologies(experiment, plan.wan_of);
  std::vector<std::vector<std::string>> regions;
  for (const std::size_t i : plan.wan_of) regions.push_back(topologies.at(i).regions());
  if (auto checked = check_regions(experiment, regions); !checked) return checked.error();
  plan.experiment = std::move(experiment);
  plan.disk_force = disk_force;
  for (Topology& topology : topologies) plan.wans.push_back({std::move(topology), {}});
  std::vector<std::set<RegionId>> clients(plan.wans.size());
  for (std::size_t i = 0; i < plan.experiment.points.size(); ++i) {
    const Settings& settings = plan.experiment.points[i].settings;
    const Topology& topology = plan.wans[plan.wan_of[i]].topology;
    for (const RegionId region : origins_of(settings, topology.regions())) clients[plan.wan_of[i]].insert(region);
    add_cells(plan, i);
    // A forced write for timeouts, in whole milliseconds: small differences between measurements of one disk do not
    // show.
    const auto force = std::chrono::ceil<std::chrono::milliseconds>(plan.forced_write(plan.cells.back()));
    plan.timeouts.push_back(resolve_timeouts(settings, topology.largest_round_trip(), force));
  }
  std::stable_sort(plan.cells.begin(), plan.cells.end(),
                   [&](const Cell& a, const Cell& b) { return plan.wan_of[a.point] < plan.wan_of[b.point]; });
  for (std::size_t i = 0; i < plan.wans.size(); ++i) {
    const Directory directory = directory_of(plan.experiment.points.front().settings, plan.wans[i].topology.regions());
    for (const NodeInfo& node : directory.nodes()) {
      if (node.kind != NodeKind::client || clients[i].count(node.region) != 0) plan.wans[i].nodes.push_back(node);
    }
  }
  return plan;
}

std::string describe(const SweepPoint& point) {
  std::string out;
  for (const auto& [key, value] : point.values) out += (out.empty() ? "" : " ") + key + "=" + value;
  return out;
}

namespace {

/// ", 2pc with read_only=false"; empty: all as standard.
std::string options_in(const Cell& cell) {
  const std::string options = text_of(cell.protocol->options, cell.options);
  return options.empty() ? "" : ", " + std::string(cell.protocol->name) + " with " + options;
}

}  // namespace

std::string describe(const Plan& plan) {
  const Experiment& e = plan.experiment;
  const Settings& s = e.points.front().settings;
  std::string out = "experiment  " + e.name + "  (" + e.file.string() + ")\n";
  for (const PlannedWan& wan : plan.wans) {
    out += "topology    " + wan.topology.name() + ": " + std::to_string(wan.topology.regions().size()) +
           " regions, largest round trip " + figure(to_ms(wan.topology.largest_round_trip())) + " ms" + "\n";
  }
  out += "emulation   " + std::string(name_of(e.emulation)) + "\n";
  out += "data        " + std::string(s.placement == Placement::replicated ? "replicated" : "partitioned") + ", " +
         std::to_string(s.keys_per_participant) + " keys per participant, balance " +
         std::to_string(s.initial_balance) + "\n";
  out += "load        " + load_of(s) + "\n";
  out += "durability  " + spell(s.durability) + "\n";
  const ResolvedTimeouts& t = plan.timeouts.front();
  out += "timeouts    vote " + yaml::format_duration(t.protocol.vote) + ", decision " +
         yaml::format_duration(t.protocol.decision) + ", lock wait " + yaml::format_duration(t.lock_wait) +
         " (the same for every protocol)\n";
  for (const PlannedWan& wan : plan.wans) out += processes_of(wan, s);
  out += "\ncells       " + std::to_string(plan.cells.size()) + ", about " +
         std::to_string(std::chrono::ceil<std::chrono::seconds>(plan.estimated_time()).count()) + " s in all\n";
  for (const Cell& cell : plan.cells) {
    const Settings& c = plan.point(cell).settings;
    const std::string swept = describe(plan.point(cell));
    out += "  " + cell.id + "  warmup " + yaml::format_duration(c.warmup) + ", duration " +
           yaml::format_duration(c.duration) + (swept.empty() ? "" : ", " + swept) + options_in(cell) + "\n";
  }
  return out + describe_faults(plan);
}

}  // namespace geocommit
