// The experiment written back: what `results/<run>/experiment.yaml` holds.
#include "config/shipped.h"
#include "experiment/experiment.h"
#include "experiment/sweep.h"

namespace geocommit {
namespace {

std::string_view spell(Placement placement) {
  switch (placement) {
    case Placement::replicated:
      return "replicated";
    case Placement::partitioned:
      return "partitioned";
  }
  GC_CHECK(false);
}

std::string_view spell(Arrival arrival) {
  switch (arrival) {
    case Arrival::poisson:
      return "poisson";
    case Arrival::fixed:
      return "fixed";
    case Arrival::closed:
      return "closed";
  }
  GC_CHECK(false);
}

std::string workload_yaml(const Settings& s) {
  const WorkloadSpec& load = s.workload;
  std::string out = "workload:\n";
  out += "  kind: " + load.kind + "\n";
  out += "  participants: " + std::to_string(load.participants) + "\n";
  out += "  arrival: " + std::string(spell(load.arrival)) + "\n";
  if (load.arrival == Arrival::closed) {
    out += "  clients: " + std::to_string(load.clients) + "\n";
  } else {
    out += "  rate: " + spell_rate(load.rate_per_s) + "\n";
  }
  if (!s.origins.empty()) {
    out += "  origins: [";
    for (std::size_t i = 0; i < s.origins.size(); ++i) out += (i == 0 ? "" : ", ") + s.origins[i];
    out += "]\n";
  }
  out += "  keys: " + spell_keys(load) + "\n";
  out += "  local: " + yaml::format_real(load.local) + "\n";
  out += "  reads: " + yaml::format_real(load.reads) + "\n";
  out += "  amount_max: " + std::to_string(load.amount_max) + "\n";
  out += "  outstanding: " + std::to_string(load.outstanding_max) + "\n";
  return out;
}

/// The one value that all points agree on, or `auto`.
template <class Get>
std::string common(const std::vector<ResolvedTimeouts>& points, Get get) {
  for (const auto& point : points) {
    if (get(point) != get(points.front())) return "auto";
  }
  return points.empty() ? "auto" : yaml::format_duration(get(points.front()));
}

/// A name; or a path that leads there from everywhere.
std::string spell_topology(const Settings& s) {
  return is_path(s.topology) ? std::filesystem::absolute(s.topology).lexically_normal().string() : s.topology;
}

/// Of a swept topology that is a path, the path that leads there from everywhere.
std::string spell_swept(const Experiment& experiment, const std::string& key, const std::string& word) {
  if (key != "topology") return word;
  for (const SweepPoint& point : experiment.points) {
    for (const auto& [swept, value] : point.values) {
      if (swept == key && value == word && is_path(point.settings.topology)) return spell_topology(point.settings);
    }
  }
  return word;
}

/// A swept value is text of the file in flow style; quotes where a comma would end it.
std::string sweep_yaml(const Experiment& experiment) {
  if (experiment.sweep.empty()) return "sweep: {}\n";
  std::string out;
  for (const auto& [key, values] : experiment.sweep) {
    if (key == kScenario) {
      out += "scenarios:\n";
      for (std::size_t i = 0; i < values.size(); ++i) out += "  " + values[i] + ": " + experiment.scenarios[i] + "\n";
      continue;
    }
    if (out.find("sweep:\n") == std::string::npos) out += "sweep:\n";
    out += "  " + key + ": [";
    for (std::size_t i = 0; i < values.size(); ++i)
      out += (i == 0 ? "" : ", ") + spell_swept(experiment, key, values[i]);
    out += "]\n";
  }
  return out;
}

}  // namespace

std::string spell(const Durability& durability) {
  switch (durability.kind) {
    case DurabilityKind::fsync:
      return "fsync";
    case DurabilityKind::none:
      return "none";
    case DurabilityKind::fixed:
      return "fixed(" + yaml::format_duration(durability.fixed_force) + ")";
  }
  GC_CHECK(false);
}

std::string spell_keys(const WorkloadSpec& workload) {
  switch (workload.keys) {
    case KeyDistribution::uniform:
      return "uniform";
    case KeyDistribution::zipfian:
      return "zipfian(" + yaml::format_real(workload.zipf_theta) + ")";
    case KeyDistribution::hotspot:
      return "hotspot(keys=" + yaml::format_real(workload.hot_keys) +
             ", share=" + yaml::format_real(workload.hot_share) + ")";
  }
  GC_CHECK(false);
}

std::string spell_rate(double per_second) { return yaml::format_real(per_second) + "/s"; }

std::string to_yaml(const Experiment& experiment, EmulationKind chosen, const std::vector<ResolvedTimeouts>& timeouts) {
  // The base values: those of the first point; the swept keys override them in every cell.
  const Settings& s = experiment.points.front().settings;
  std::string out = "# Written by geocommit: the experiment as it ran, with every default filled in.\n";
  out += "name: " + experiment.name + "\n";
  out += "topology: " + spell_topology(s) + "\n";
  out += "emulation: " + std::string(name_of(chosen));
  out += experiment.emulation == chosen ? "\n" : "   # chosen for " + std::string(name_of(experiment.emulation)) + "\n";
  out += "protocols: [";
  for (std::size_t i = 0; i < experiment.protocols.size(); ++i) {
    out += (i == 0 ? "" : ", ") + to_yaml(experiment.protocols[i]);
  }
  out += "]\ndata:\n  placement: " + std::string(spell(s.placement)) + "\n";
  out += "  sites_per_region: " + std::to_string(s.sites_per_region) + "\n";
  out += "  keys_per_participant: " + std::to_string(s.keys_per_participant) + "\n";
  out += "  initial_balance: " + std::to_string(s.initial_balance) + "\n";
  out += workload_yaml(s);
  out += std::string("locking: ") + (s.locking == LockingPolicy::wound_wait ? "wound-wait" : "no-wait") + "\n";
  out += "home_lease: ";
  out += !s.home_lease ? "auto" : *s.home_lease == Duration{0} ? "off" : yaml::format_duration(*s.home_lease);
  out += std::string("\nfencing: ") + (s.fencing ? "on" : "off") +
         "\nunreachable_home: " + (s.unreachable_home == UnreachableHome::wait ? "wait" : "fail") +
         "\nhome_retained_max: " + std::to_string(s.home_retained_max) + "\n";
  out += "timeouts:\n";
  out += "  vote: " + common(timeouts, [](const auto& t) { return t.protocol.vote; }) + "\n";
  out += "  decision: " + common(timeouts, [](const auto& t) { return t.protocol.decision; }) + "\n";
  out += "  lock_wait: " + common(timeouts, [](const auto& t) { return t.lock_wait; }) + "\n";
  out += "durability: " + spell(s.durability) + "\n";
  out += "warmup: " + yaml::format_duration(s.warmup) + "\n";
  out += "duration: " + yaml::format_duration(s.duration) + "\n";
  out += "repetitions: " + std::to_string(experiment.repetitions) + "\n";
  out += sweep_yaml(experiment);
  out += "seed: " + std::to_string(experiment.seed) + "\n";
  const TraceSettings& trace = experiment.trace;
  out += trace.on ? "trace: {sample: " + yaml::format_real(trace.sample) +
                        ", megabytes: " + std::to_string(trace.limit >> 20U) + "}\n"
                  : "trace: off\n";
  if (!experiment.thresholds.empty()) out += "thresholds: " + to_yaml(experiment.thresholds) + "\n";
  if (!s.faults.empty() && experiment.scenarios.empty()) out += "faults:\n" + to_yaml(s.faults, experiment.seed);
  if (!experiment.deployed.empty()) {
    out += "deployed:\n  lease: " + yaml::format_duration(experiment.lease) + "\n  nodes:\n";
    for (const auto& [name, a] : experiment.deployed) {
      out += "    " + name + ": {data: \"" + a.data + "\", control: \"" + a.control + "\", metrics: \"" + a.metrics +
             "\"}\n";
    }
  }
  return out;
}

}  // namespace geocommit
