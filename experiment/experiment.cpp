#include "experiment/experiment.h"

#include <algorithm>
#include <array>
#include <set>

#include "config/shipped.h"
#include "experiment/sweep.h"

namespace geocommit {
namespace {

using yaml::MapReader;
using yaml::Node;

constexpr std::array kEmulations{
    std::pair{"auto", EmulationKind::automatic},    std::pair{"netem", EmulationKind::netem},
    std::pair{"tun", EmulationKind::tun},           std::pair{"loopback", EmulationKind::loopback},
    std::pair{"deployed", EmulationKind::deployed}, std::pair{"sim", EmulationKind::sim}};

/// `name(inside)`; nullopt if the text is not of that form.
std::optional<std::string> inside_of(const std::string& text, std::string_view name) {
  if (text.size() < name.size() + 2 || text.compare(0, name.size(), name) != 0) return std::nullopt;
  if (text[name.size()] != '(' || text.back() != ')') return std::nullopt;
  return text.substr(name.size() + 1, text.size() - name.size() - 2);
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

yaml::Reader<Durability> durability() {
  return [](const Node& node) -> Result<Durability> {
    if (node.is_scalar()) {
      if (node.text() == "fsync") return Durability{DurabilityKind::fsync, {}};
      if (node.text() == "none") return Durability{DurabilityKind::none, {}};
      if (const auto inside = inside_of(node.text(), "fixed")) {
        const auto force = yaml::parse_duration(*inside);
        if (force && *force >= Duration{0} && *force <= Duration{10s}) {
          return Durability{DurabilityKind::fixed, *force};
        }
        return node.error("expected a duration from 0ms to 10s in fixed(...), such as fixed(2ms), found " +
                          node.describe());
      }
    }
    return node.error("expected fsync | none | fixed(2ms), found " + node.describe() +
                      yaml::did_you_mean(node.text(), {"fsync", "none", "fixed(2ms)"}));
  };
}

yaml::Reader<std::optional<Duration>> timeout() {
  return [](const Node& node) -> Result<std::optional<Duration>> {
    if (node.is_scalar() && node.text() == "auto") return std::optional<Duration>{};
    const auto value = node.is_scalar() ? yaml::parse_duration(node.text()) : std::nullopt;
    if (value && *value >= Duration{1ms} && *value <= Duration{10min}) return value;
    return node.error("expected auto or a duration from 1ms to 10m, such as 500ms, found " + node.describe());
  };
}

struct Keys {
  KeyDistribution distribution{KeyDistribution::uniform};
  double theta{0.99}, hot_keys{0.01}, hot_share{0.9};
};

/// "keys=1%, share=90%", in any order, each at most once.
std::optional<Keys> parse_hotspot(const std::string& inside) {
  Keys keys{KeyDistribution::hotspot, 0.99, 0.01, 0.9};
  std::set<std::string> seen;
  for (std::size_t at = 0; at <= inside.size();) {
    const std::size_t comma = std::min(inside.find(',', at), inside.size());
    const std::string part = trimmed(inside.substr(at, comma - at));
    at = comma + 1;
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) return std::nullopt;
    const std::string key = trimmed(part.substr(0, equals));
    const auto value = yaml::parse_fraction(trimmed(part.substr(equals + 1)));
    if (!value || *value <= 0 || *value > 1 || !seen.insert(key).second) return std::nullopt;
    if (key == "keys") {
      keys.hot_keys = *value;
    } else if (key == "share") {
      keys.hot_share = *value;
    } else {
      return std::nullopt;
    }
  }
  return keys;
}

yaml::Reader<Keys> key_distribution() {
  return [](const Node& node) -> Result<Keys> {
    const std::string& text = node.text();
    if (node.is_scalar()) {
      if (text == "uniform") return Keys{};
      if (const auto inside = inside_of(text, "zipfian")) {
        const auto theta = yaml::parse_real(trimmed(*inside));
        if (theta && *theta > 0 && *theta < 2) return Keys{KeyDistribution::zipfian, *theta, 0.01, 0.9};
        return node.error("expected a skew above 0 and below 2, such as zipfian(0.99), found " + node.describe());
      }
      if (const auto inside = inside_of(text, "hotspot")) {
        if (const auto keys = parse_hotspot(*inside)) return *keys;
        return node.error(
            "expected hotspot(keys=1%, share=90%): that share of the accesses goes to that share of the "
            "keys, found " +
            node.describe());
      }
    }
    return node.error("expected uniform | zipfian(0.99) | hotspot(keys=1%, share=90%), found " + node.describe());
  };
}

void read_data(MapReader& root, Settings& out) {
  const auto node = root.take("data");
  if (!node) return;
  MapReader map(*node);
  map.optional(
      "placement", out.placement,
      yaml::one_of<Placement>({{"replicated", Placement::replicated}, {"partitioned", Placement::partitioned}}));
  std::int64_t sites = out.sites_per_region;
  std::int64_t keys = static_cast<std::int64_t>(out.keys_per_participant);
  map.optional("sites_per_region", sites, yaml::integer(1, 64));
  map.optional("keys_per_participant", keys, yaml::integer(1, 100'000'000));
  map.optional("initial_balance", out.initial_balance, yaml::integer(0, 1'000'000'000'000));
  out.sites_per_region = static_cast<std::uint32_t>(sites);
  out.keys_per_participant = static_cast<std::uint64_t>(keys);
  if (auto done = map.finish(); !done) root.add(done.error());
}

void read_workload(MapReader& root, Settings& out) {
  const auto node = root.take("workload");
  if (!node) return;
  MapReader map(*node);
  WorkloadSpec& load = out.workload;
  map.optional("kind", load.kind, yaml::one_of<std::string>({{"transfer", "transfer"}}));
  std::int64_t participants = load.participants;
  std::int64_t clients = load.clients;
  std::int64_t outstanding = load.outstanding_max;
  Keys keys;
  map.optional("participants", participants, yaml::integer(1, 1000));
  map.optional(
      "arrival", load.arrival,
      yaml::one_of<Arrival>({{"poisson", Arrival::poisson}, {"fixed", Arrival::fixed}, {"closed", Arrival::closed}}));
  const bool rate = map.optional("rate", load.rate_per_s, yaml::per_second(1e6));
  const bool has_clients = map.optional("clients", clients, yaml::integer(1, 100'000));
  map.optional("origins", out.origins, yaml::list_of<std::string>(yaml::identifier(), 1, 256));
  if (map.optional("keys", keys, key_distribution())) {
    load.keys = keys.distribution;
    load.zipf_theta = keys.theta;
    load.hot_keys = keys.hot_keys;
    load.hot_share = keys.hot_share;
  }
  map.optional("local", load.local, yaml::fraction());
  map.optional("reads", load.reads, yaml::fraction());
  map.optional("amount_max", load.amount_max, yaml::integer(1, 1'000'000'000));
  map.optional("outstanding", outstanding, yaml::integer(1, 1'000'000));
  load.participants = static_cast<std::uint32_t>(participants);
  load.clients = static_cast<std::uint32_t>(clients);
  load.outstanding_max = static_cast<std::uint32_t>(outstanding);
  if (map.clean() && load.arrival != Arrival::closed && has_clients) {
    map.add(node->key_error("clients", "expected only with arrival: closed; an open loop has a rate"));
  }
  if (map.clean() && load.arrival == Arrival::closed && rate) {
    map.add(node->key_error("rate", "expected only with arrival: poisson or fixed; a closed loop has clients: 64"));
  }
  if (auto done = map.finish(); !done) root.add(done.error());
}

void read_timeouts(MapReader& root, Settings& out) {
  const auto node = root.take("timeouts");
  if (!node) return;
  MapReader map(*node);
  map.optional("vote", out.timeouts.vote, timeout());
  map.optional("decision", out.timeouts.decision, timeout());
  map.optional("lock_wait", out.timeouts.lock_wait, timeout());
  if (auto done = map.finish(); !done) root.add(done.error());
}

void read_homes(MapReader& root, Settings& out) {
  root.optional("home_lease", out.home_lease, [](const Node& node) -> Result<std::optional<Duration>> {
    if (node.is_scalar() && node.text() == "auto") return std::optional<Duration>{};
    if (node.is_scalar() && node.text() == "off") return std::optional<Duration>{Duration{0}};
    const auto length = yaml::duration(100ms, 1h)(node);
    if (!length) return length.error();
    return std::optional<Duration>{length.value()};
  });
  root.optional("fencing", out.fencing, yaml::one_of<bool>({{"on", true}, {"off", false}}));
  root.optional("unreachable_home", out.unreachable_home,
                yaml::one_of<UnreachableHome>({{"wait", UnreachableHome::wait}, {"fail", UnreachableHome::fail}}));
  std::int64_t retained = static_cast<std::int64_t>(out.home_retained_max);
  root.optional("home_retained_max", retained, yaml::integer(1, 10'000'000));
  out.home_retained_max = static_cast<std::uint64_t>(retained);
}

/// The part of the file that a sweep can change.
void read_settings(MapReader& root, Settings& out) {
  read_data(root, out);
  read_workload(root, out);
  root.optional(
      "locking", out.locking,
      yaml::one_of<LockingPolicy>({{"wound-wait", LockingPolicy::wound_wait}, {"no-wait", LockingPolicy::no_wait}}));
  read_timeouts(root, out);
  read_homes(root, out);
  root.optional("durability", out.durability, durability());
  root.optional("warmup", out.warmup, yaml::duration(Duration{0}, 1h));
  root.optional("duration", out.duration, yaml::duration(100ms, 24h));
  root.optional("faults", out.faults, read_faults);
}

yaml::Reader<std::string> address(std::string_view scheme) {
  return [scheme](const Node& node) -> Result<std::string> {
    const std::string& text = node.text();
    const std::string rest = text.compare(0, scheme.size(), scheme) == 0 ? text.substr(scheme.size()) : "";
    const auto colon = rest.rfind(':');
    const auto port = colon == std::string::npos ? std::nullopt : yaml::parse_integer(rest.substr(colon + 1));
    const bool host = colon != std::string::npos && colon > 0 &&
                      rest.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") ==
                          std::string::npos;
    if (node.is_scalar() && host && port && *port > 0 && *port < 65536) return text;
    return node.error("expected an address such as " + std::string(scheme) + "127.0.0.2:7001, found " +
                      node.describe());
  };
}

/// "ipc:///run/geocommit/agent", or TCP where the daemon was started with --insecure.
yaml::Reader<std::string> control_address() {
  return [](const Node& node) -> Result<std::string> {
    if (!node.is_scalar() || !node.text().starts_with("ipc://")) return address("tcp://")(node);
    if (node.text().starts_with("ipc:///") && node.text().size() > 7) return node.text();
    return node.error("expected ipc:// and an absolute path, such as ipc:///run/geocommit/agent, found " +
                      node.describe());
  };
}

yaml::Reader<NodeAddresses> node_addresses() {
  return [](const Node& node) -> Result<NodeAddresses> {
    NodeAddresses out;
    MapReader map(node);
    map.required("data", out.data, address("tcp://"));
    map.required("control", out.control, control_address());
    map.required("metrics", out.metrics, address(""));
    if (auto done = map.finish(); !done) return done.error();
    return out;
  };
}

void read_deployed(MapReader& root, Experiment& out) {
  const auto node = root.take("deployed");
  if (!node) return;
  MapReader map(*node);
  std::vector<std::pair<std::string, NodeAddresses>> nodes;
  map.required("nodes", nodes, yaml::map_of<NodeAddresses>(node_addresses(), 4096));
  map.optional("lease", out.lease, yaml::duration(1s, 1h));
  for (auto& [name, addresses] : nodes) out.deployed[name] = std::move(addresses);
  if (auto done = map.finish(); !done) root.add(done.error());
}

/// `off`, or what of the events is kept.
yaml::Reader<TraceSettings> trace_settings() {
  return [](const Node& node) -> Result<TraceSettings> {
    TraceSettings out;
    if (node.is_scalar() && node.text() == "off") {
      out.on = false;
      return out;
    }
    if (!node.is_map()) return node.error("expected off, or a map such as {sample: 1%, megabytes: 8}");
    MapReader map(node);
    std::int64_t megabytes = 8;
    map.optional("sample", out.sample, yaml::fraction());
    map.optional("megabytes", megabytes, yaml::integer(1, 1024));
    out.limit = static_cast<std::size_t>(megabytes) << 20U;
    if (auto finished = map.finish(); !finished) return finished.error();
    return out;
  };
}

/// Everything but the points; `sweep` gets the swept values.
Result<void> read_top(const Node& root, Experiment& out, Settings& settings, std::vector<SweptKey>& sweep,
                      bool in_point) {
  MapReader map(root);
  map.required("name", out.name, yaml::identifier());
  map.required("topology", settings.topology, yaml::string(1024));
  map.optional("emulation", out.emulation, yaml::one_of<EmulationKind>({kEmulations.begin(), kEmulations.end()}));
  map.required("protocols", out.protocols, protocol_choices());
  read_settings(map, settings);
  std::int64_t repetitions = 1;
  std::int64_t seed = 42;
  map.optional("repetitions", repetitions, yaml::integer(1, 1000));
  map.optional("seed", seed, yaml::integer(0, INT64_MAX));
  out.repetitions = static_cast<std::uint32_t>(repetitions);
  out.seed = static_cast<std::uint64_t>(seed);
  read_sweep(map, sweep);
  if (root.find("faults") && root.find("scenarios") && !in_point) {
    map.add(root.key_error("scenarios", "expected either faults, of every cell, or scenarios, each with its own"));
  }
  read_deployed(map, out);
  map.optional("trace", out.trace, trace_settings());
  map.optional("thresholds", out.thresholds, thresholds(out.protocols));
  if (map.clean() && out.emulation == EmulationKind::deployed && out.deployed.empty()) {
    map.add(root.key_error("deployed",
                           "expected the addresses of the daemons with emulation: deployed: "
                           "deployed: {nodes: {agent@REGION: {data: ..., control: ..., metrics: ...}, ...}}"));
  }
  return map.finish();
}

Result<void> check_point(const SweepPoint& point) {
  const Settings& s = point.settings;
  const auto load = point.root.find("workload").value_or(point.root);
  if (s.placement == Placement::replicated && s.workload.participants < 2 && s.workload.reads < 1) {
    return load.key_error("participants",
                          "expected at least 2 with placement replicated: a transfer moves money "
                          "between entities");
  }
  const auto participants = std::uint64_t{s.workload.participants};
  if (participants > s.keys_per_participant * s.sites_per_region) {
    return load.key_error("participants", "expected at most " +
                                              std::to_string(s.keys_per_participant * s.sites_per_region) +
                                              ", the number of entities at a region");
  }
  return {};
}

Result<void> make_points(const Node& root, const std::vector<SweptKey>& sweep, Experiment& out) {
  std::vector<std::string> errors;
  std::vector<std::size_t> index(sweep.size(), 0);
  while (true) {
    SweepPoint point{{}, {}, root};
    for (std::size_t i = 0; i < sweep.size(); ++i) {
      auto changed = point.root.with(sweep[i].path, sweep[i].values[index[i]]);
      if (!changed) return changed.error();
      point.root = *changed;
      point.values.emplace_back(sweep[i].key, sweep[i].words[index[i]]);
    }
    Experiment ignored;
    std::vector<SweptKey> swept;
    auto read = read_top(point.root, ignored, point.settings, swept, true);
    if (read) read = check_point(point);
    if (!read && std::find(errors.begin(), errors.end(), read.error().message) == errors.end()) {
      errors.push_back(read.error().message);
    }
    out.points.push_back(std::move(point));
    std::size_t i = sweep.size();
    while (i > 0 && ++index[i - 1] == sweep[i - 1].values.size()) index[--i] = 0;
    if (i == 0) break;
  }
  if (!errors.empty()) return yaml::join_errors(errors);
  for (const SweptKey& swept : sweep) {
    out.sweep.emplace_back(swept.key, swept.words);
    if (swept.key != kScenario) continue;
    for (const Node& list : swept.values) out.scenarios.push_back(list.is_null() ? "[]" : list.to_flow());
  }
  return {};
}

Result<Experiment> read_experiment(const Node& root, const std::string& name) {
  Experiment out;
  out.file = name;
  if (root.is_null()) return Error{name + ":1:1: expected a map of keys, found an empty file"};
  Settings settings;
  std::vector<SweptKey> sweep;
  if (auto read = read_top(root, out, settings, sweep, false); !read) return read.error();
  if (auto made = make_points(root, sweep, out); !made) return made.error();
  if (out.points.size() * out.protocols.size() * out.repetitions > kCellsMax) {
    return root.key_error("sweep", "expected at most " + std::to_string(kCellsMax) + " cells in all");
  }
  return out;
}

/// The message of an overridden value names the option instead of a place that is not in the file.
std::string blame_option(const std::string& messages, const std::vector<Override>& overrides, const std::string& file) {
  std::string out;
  for (std::size_t at = 0; at < messages.size();) {
    const std::size_t end = std::min(messages.find('\n', at), messages.size());
    std::string line = messages.substr(at, end - at);
    at = end + 1;
    for (const Override& o : overrides) {
      const auto path = line.find(": " + o.key);
      if (line.rfind(file + ":", 0) == 0 && path != std::string::npos && path < file.size() + 24) {
        const bool unknown = line.find(": unknown key", path) != std::string::npos;
        const std::string meant = unknown ? meant_setting(o.key) : "";
        line =
            "--set " + o.key + "=" + o.value + ": " + o.key +
            (meant.empty() ? line.substr(path + 2 + o.key.size()) : ": unknown key, did you mean \"" + meant + "\"?");
        break;
      }
    }
    out += (out.empty() ? "" : "\n") + line;
  }
  return out;
}

/// A topology's path in the file is relative to the file; on the command line, to the working directory.
void resolve_topologies(Experiment& experiment, const std::vector<Override>& overrides) {
  const auto is_topology = [](const Override& o) { return o.key == "topology" || o.key == "sweep"; };
  if (std::any_of(overrides.begin(), overrides.end(), is_topology)) return;
  std::error_code failure;
  for (SweepPoint& point : experiment.points) {
    std::string& topology = point.settings.topology;
    const auto beside = experiment.file.parent_path() / topology;
    if (is_path(topology) && std::filesystem::exists(beside, failure)) topology = beside.string();
  }
}

Result<Experiment> with_overrides(Node root, const std::string& name, const std::vector<Override>& overrides) {
  for (const Override& o : overrides) {
    auto value = yaml::parse(o.value, "--set " + o.key);
    if (!value) return value.error();
    auto changed = root.with(o.key, *value);
    if (!changed) return Error{"--set " + o.key + ": expected a dotted path of keys that leads to a value"};
    root = *changed;
  }
  auto experiment = read_experiment(root, name);
  if (!experiment) return Error{blame_option(experiment.error().message, overrides, name)};
  resolve_topologies(*experiment, overrides);
  return experiment;
}

}  // namespace

std::string_view name_of(EmulationKind kind) {
  for (const auto& [name, value] : kEmulations) {
    if (value == kind) return name;
  }
  return "?";
}

std::optional<EmulationKind> parse_emulation(std::string_view text) {
  for (const auto& [name, value] : kEmulations) {
    if (text == name) return value;
  }
  return std::nullopt;
}

Result<Experiment> load_experiment(const std::filesystem::path& file, const std::vector<Override>& overrides) {
  const auto found = find_experiment(file.string());
  if (!found) return found.error();
  auto root = yaml::load_file(*found);
  if (!root) return root.error();
  return with_overrides(*root, found->string(), overrides);
}

Result<Experiment> parse_experiment(std::string_view text, const std::string& name,
                                    const std::vector<Override>& overrides) {
  auto root = yaml::parse(text, name);
  if (!root) return root.error();
  return with_overrides(*root, name, overrides);
}

}  // namespace geocommit
