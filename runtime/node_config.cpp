#include "runtime/node_config.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "base/identifier.h"
#include "os/unique_fd.h"
#include "runtime/protocol_words.h"

namespace geocommit {
namespace {

using nlohmann::json;

constexpr std::size_t kConfigBytesMax = 4U << 20U;
constexpr std::size_t kRegionsMax = 256;
constexpr std::size_t kFaultsMax = 256;
constexpr std::uint64_t kKeysMax = 1'000'000'000;

std::int64_t ns(Duration duration) { return duration.count(); }
const char* text_of(Placement placement) { return placement == Placement::replicated ? "replicated" : "partitioned"; }
const char* text_of(LockingPolicy policy) { return policy == LockingPolicy::wound_wait ? "wound-wait" : "no-wait"; }
const char* text_of(DurabilityKind kind) {
  switch (kind) {
    case DurabilityKind::fsync:
      return "fsync";
    case DurabilityKind::none:
      return "none";
    case DurabilityKind::fixed:
      return "fixed";
  }
  return "?";
}

/// Reads typed members of one object; the first problem is kept, every later call does nothing.
class Reader {
 public:
  Reader(const json& object, std::string path, std::optional<Error>& problem)
      : object_(object), path_(std::move(path)), problem_(problem) {
    if (!object_.is_object()) {
      fail("", "an object was expected");
    }
  }

  template <class Number>
  requires std::is_integral_v<Number>
  void get(const char* key, Number& out, Number least, Number most) {
    const json* value = find(key);
    if (value == nullptr) {
      return;
    }
    if (value->is_number_unsigned()) {
      const auto number = value->get<std::uint64_t>();
      if (std::cmp_greater_equal(number, least) && std::cmp_less_equal(number, most)) {
        out = static_cast<Number>(number);
        return;
      }
    } else if (value->is_number_integer()) {
      const auto number = value->get<std::int64_t>();
      if (std::cmp_greater_equal(number, least) && std::cmp_less_equal(number, most)) {
        out = static_cast<Number>(number);
        return;
      }
    }
    fail(key, "a whole number from " + std::to_string(least) + " to " + std::to_string(most) + " was expected");
  }
  void get(const char* key, std::string& out) {
    const json* value = find(key);
    if (value != nullptr && !value->is_string()) {
      fail(key, "a string was expected");
    } else if (value != nullptr) {
      out = value->get<std::string>();
    }
  }
  void get(const char* key, bool& out) {
    const json* value = find(key);
    if (value != nullptr && !value->is_boolean()) {
      fail(key, "true or false was expected");
    } else if (value != nullptr) {
      out = value->get<bool>();
    }
  }
  void get(const char* key, Duration& out) {
    std::int64_t count = 0;
    get<std::int64_t>(key, count, 0, ns(24h * 365));
    out = Duration{count};
  }
  template <class Enum>
  void get(const char* key, Enum& out, std::initializer_list<Enum> all) {
    std::string text;
    get(key, text);
    std::string names;
    for (const Enum value : all) {
      if (text == text_of(value)) {
        out = value;
        return;
      }
      names += (names.empty() ? "" : ", ") + std::string{text_of(value)};
    }
    if (!problem_) {
      fail(key, "one of " + names + " was expected");
    }
  }
  /// nullptr (and the problem noted) if it is not there.
  const json* find(const char* key) {
    known_.insert(key);
    if (problem_) {
      return nullptr;
    }
    const auto found = object_.find(key);
    if (found == object_.end()) {
      fail(key, "is missing");
      return nullptr;
    }
    return &*found;
  }
  /// nullptr if it is not there, which is fine.
  const json* find_optional(const char* key) {
    known_.insert(key);
    const auto found = problem_ ? object_.end() : object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  void fail(const std::string& key, const std::string& what) {
    if (!problem_) {
      problem_ = Error{path_ + (path_.empty() || key.empty() ? "" : ".") + key + ": " + what};
    }
  }
  /// After the last get(): refuses members that nobody asked for.
  void end() {
    if (problem_) {
      return;
    }
    for (const auto& [key, value] : object_.items()) {
      if (!known_.contains(key)) {
        fail(key, "is not a setting of a node");
      }
    }
  }

 private:
  const json& object_;
  std::string path_;
  std::optional<Error>& problem_;
  std::set<std::string> known_;
};

void read_addresses(const json& object, NodeConfig& out, std::optional<Error>& problem) {
  if (!object.is_object()) {
    problem = Error{"addresses: an object was expected"};
    return;
  }
  for (const auto& [key, value] : object.items()) {
    const std::string path = "addresses." + key;
    if (key.empty() || key.size() > 9 || key.find_first_not_of("0123456789") != std::string::npos || key == "0") {
      problem = Error{path + ": the number of a node was expected"};
    }
    if (problem) {
      return;
    }
    NodeAddresses addresses;
    Reader reader{value, path, problem};
    reader.get("data", addresses.data);
    reader.get("control", addresses.control);
    reader.get("metrics", addresses.metrics);
    reader.end();
    out.addresses[NodeId{static_cast<std::uint32_t>(std::stoul(key))}] = addresses;
  }
}

void read_regions(Reader& reader, NodeConfig& out) {
  const json* regions = reader.find("regions");
  if (regions == nullptr) {
    return;
  }
  if (!regions->is_array() || regions->empty() || regions->size() > kRegionsMax) {
    reader.fail("regions", "a list of 1 to " + std::to_string(kRegionsMax) + " names was expected");
    return;
  }
  for (const json& region : *regions) {
    if (!region.is_string() || !is_identifier(region.get<std::string>())) {
      reader.fail("regions", "a list was expected, each " + std::string{kIdentifierWords});
      return;
    }
    out.regions.push_back(region.get<std::string>());
  }
}

/// The members of FaultOrder (runtime/faults/fault_order.h); length_ns -1: for ever.
void read_faults(const json& list, NodeConfig& out, std::optional<Error>& problem) {
  if (!list.is_array() || list.size() > kFaultsMax) {
    problem = Error{"faults: a list of at most " + std::to_string(kFaultsMax) + " orders was expected"};
    return;
  }
  for (const json& item : list) {
    FaultOrder order;
    Reader reader{item, "faults[" + std::to_string(out.faults.size()) + "]", problem};
    std::uint32_t kind = 0;
    std::int64_t length = 0;
    reader.get<std::uint32_t>("id", order.id, 1, UINT32_MAX);
    reader.get<std::uint32_t>("kind", kind, 0, static_cast<std::uint32_t>(FaultKind::failover));
    reader.get("on", order.on);
    reader.get<std::uint32_t>("occurrence", order.occurrence, 0, UINT32_MAX);
    reader.get<std::int64_t>("length_ns", length, -1, INT64_MAX);
    reader.get<std::uint32_t>("classes", order.classes, 0, UINT32_MAX);
    reader.get<std::uint64_t>("seed", order.seed, 0, UINT64_MAX);
    std::int64_t extra = 0;
    reader.get<std::int64_t>("extra_ns", extra, INT64_MIN, INT64_MAX);
    reader.get("listener", order.listener);
    reader.get("by_runner", order.by_runner);
    const json* to = reader.find("to");
    const json* probability = reader.find("probability");
    if (problem) {
      return;
    }
    if (!to->is_array() || !probability->is_number() || probability->get<double>() < 0.0 ||
        probability->get<double>() > 1.0) {
      reader.fail("to", "a list of nodes, and a probability from 0 to 1, were expected");
      return;
    }
    for (const json& node : *to) {
      order.to.push_back(NodeId{node.is_number_unsigned() ? node.get<std::uint32_t>() : 0});
    }
    order.probability = probability->get<double>();
    order.kind = static_cast<FaultKind>(kind);
    order.length = length < 0 ? kForever : Duration{length};
    order.extra = Duration{extra};
    reader.end();
    out.faults.push_back(std::move(order));
  }
}

json faults_to_json(const std::vector<FaultOrder>& orders) {
  json list = json::array();
  for (const FaultOrder& order : orders) {
    json to = json::array();
    for (const NodeId node : order.to) {
      to.push_back(node.value);
    }
    list.push_back({{"id", order.id},
                    {"kind", static_cast<std::uint32_t>(order.kind)},
                    {"on", order.on},
                    {"occurrence", order.occurrence},
                    {"length_ns", order.length == kForever ? -1 : ns(order.length)},
                    {"to", to},
                    {"probability", order.probability},
                    {"classes", order.classes},
                    {"seed", order.seed},
                    {"extra_ns", ns(order.extra)},
                    {"listener", order.listener},
                    {"by_runner", order.by_runner}});
  }
  return list;
}

void read_members(const json& object, NodeConfig& out, std::optional<Error>& problem) {
  Reader top{object, "", problem};
  top.get("run_id", out.run_id);
  top.get("secret", out.secret);
  top.get("cell", out.cell);
  top.get<std::uint32_t>("self", out.self.value, 1, 1'000'000);
  top.get("protocol", out.protocol);
  top.get("label", out.label);
  std::string options;
  top.get("options", options);
  read_protocol_options(out.protocol, options, out.options, problem);
  read_regions(top, out);
  top.get<std::uint32_t>("sites_per_region", out.sites_per_region, 1, 64);
  top.get("placement", out.placement, {Placement::replicated, Placement::partitioned});
  top.get<std::uint64_t>("keys_per_participant", out.keys_per_participant, 1, kKeysMax);
  top.get<std::int64_t>("initial_balance", out.initial_balance, 0, 1LL << 50U);
  if (const json* addresses = top.find("addresses")) {
    read_addresses(*addresses, out, problem);
  }
  if (const json* timeouts = top.find("timeouts_ns")) {
    Reader reader{*timeouts, "timeouts_ns", problem};
    reader.get("vote", out.timeouts.vote);
    reader.get("decision", out.timeouts.decision);
    reader.get("resend", out.timeouts.resend);
    reader.get("lock_wait", out.lock_wait);
    reader.end();
  }
  top.get("locking", out.locking, {LockingPolicy::wound_wait, LockingPolicy::no_wait});
  if (const json* durability = top.find("durability")) {
    Reader reader{*durability, "durability", problem};
    reader.get("kind", out.durability.kind, {DurabilityKind::fsync, DurabilityKind::none, DurabilityKind::fixed});
    reader.get("fixed_force_ns", out.durability.fixed_force);
    reader.end();
  }
  if (const json* home = top.find_optional("home")) {
    Reader reader{*home, "home", problem};
    reader.get("lease_ns", out.home.lease);
    reader.get("fencing", out.home.fencing);
    bool fail = false;
    reader.get("unreachable_fails", fail);
    out.unreachable_home = fail ? UnreachableHome::fail : UnreachableHome::wait;
    reader.get("unreachable_wait_ns", out.unreachable_wait);
    reader.get<std::uint64_t>("retained_max", out.home_retained_max, 1, 10'000'000);
    reader.end();
  }
  top.get<std::size_t>("checkpoint_bytes", out.checkpoint_bytes, 1U << 10U, 1ULL << 40U);
  std::string directory;
  top.get("data_directory", directory);
  out.data_directory = directory;
  top.get("insecure", out.insecure);
  top.get("own_namespace", out.own_namespace);
  top.get<std::uint64_t>("seed", out.seed, 0, UINT64_MAX);
  if (top.find_optional("links_never_cut") != nullptr) {
    top.get("links_never_cut", out.links_never_cut);
  }
  if (top.find_optional("lease_ns") != nullptr) {
    top.get("lease_ns", out.lease);
  }
  if (const json* trace = top.find_optional("trace")) {
    Reader reader{*trace, "trace", problem};
    std::uint64_t ppm = 0;
    reader.get("on", out.trace.on);
    reader.get<std::uint64_t>("sample_ppm", ppm, 0, 1'000'000);
    reader.get<std::size_t>("limit", out.trace.limit, 0, 1ULL << 30U);
    reader.get<std::size_t>("window", out.trace.window, 1, 1ULL << 24U);
    reader.end();
    out.trace.sample = static_cast<double>(ppm) / 1e6;
  }
  if (const json* faults = top.find_optional("faults")) {
    read_faults(*faults, out, problem);
  }
  if (const json* client = top.find("client")) {
    Reader reader{*client, "client", problem};
    reader.get("workload_json", out.client.workload_json);
    reader.get("warmup_ns", out.client.warmup);
    reader.get("duration_ns", out.client.duration);
    reader.get("outcome_timeout_ns", out.client.outcome_timeout);
    reader.end();
  }
  top.end();
}

std::optional<Error> check(const NodeConfig& config) {
  if (!is_identifier(config.run_id)) {
    return Error{"run_id: expected " + std::string{kIdentifierWords}};
  }
  if (!config.cell.empty() && !is_identifier(config.cell)) {
    return Error{"cell: expected nothing or " + std::string{kIdentifierWords}};
  }
  if (config.regions.size() * config.sites_per_region > 1'000) {
    return Error{"sites_per_region: at most 1000 agents can take part"};
  }
  const Directory directory = config.directory();
  if (directory.find(config.self) == nullptr) {
    return Error{"self: node " + std::to_string(config.self.value) + " is not part of this run"};
  }
  for (const auto& [node, addresses] : config.addresses) {
    if (directory.find(node) == nullptr) {
      return Error{"addresses." + std::to_string(node.value) + ": is not part of this run"};
    }
  }
  if (!config.addresses.contains(config.self)) {
    return Error{"addresses: the node's own are missing"};
  }
  return std::nullopt;
}

}  // namespace

Directory NodeConfig::directory() const {
  return Directory{regions, sites_per_region, placement, keys_per_participant};
}

Result<NodeConfig> load_node_config(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::stringstream text;
  text << in.rdbuf();
  if (!in) {
    return Error{"cannot read " + file.string()};
  }
  Result<NodeConfig> config = parse_node_config(text.str(), file.string());
  if (config && !config.value().data_directory.empty()) {
    config.value().data_directory = file.parent_path() / config.value().data_directory;
  }
  return config;
}

Result<NodeConfig> parse_node_config(const std::string& text, const std::string& origin) {
  if (text.size() > kConfigBytesMax) {
    return Error{origin + ": larger than " + std::to_string(kConfigBytesMax) + " bytes"};
  }
  const json object = json::parse(text, nullptr, false);
  if (object.is_discarded()) {
    return Error{origin + ": is not JSON"};
  }
  NodeConfig config;
  std::optional<Error> problem;
  read_members(object, config, problem);
  if (!problem) {
    problem = check(config);
  }
  if (problem) {
    return Error{origin + ": " + problem->message};
  }
  return config;
}

std::string to_json(const NodeConfig& config) {
  json addresses = json::object();
  for (const auto& [node, at] : config.addresses) {
    addresses[std::to_string(node.value)] = {{"data", at.data}, {"control", at.control}, {"metrics", at.metrics}};
  }
  const json object = {
      {"run_id", config.run_id},
      {"secret", config.secret},
      {"cell", config.cell},
      {"self", config.self.value},
      {"protocol", config.protocol},
      {"label", config.label.empty() ? config.protocol : config.label},
      {"options", text_of_options(config.protocol, config.options)},
      {"regions", config.regions},
      {"sites_per_region", config.sites_per_region},
      {"placement", text_of(config.placement)},
      {"keys_per_participant", config.keys_per_participant},
      {"initial_balance", config.initial_balance},
      {"addresses", addresses},
      {"timeouts_ns",
       {{"vote", ns(config.timeouts.vote)},
        {"decision", ns(config.timeouts.decision)},
        {"resend", ns(config.timeouts.resend)},
        {"lock_wait", ns(config.lock_wait)}}},
      {"locking", text_of(config.locking)},
      {"durability",
       {{"kind", text_of(config.durability.kind)}, {"fixed_force_ns", ns(config.durability.fixed_force)}}},
      {"home",
       {{"lease_ns", ns(config.home.lease)},
        {"fencing", config.home.fencing},
        {"unreachable_fails", config.unreachable_home == UnreachableHome::fail},
        {"unreachable_wait_ns", ns(config.unreachable_wait)},
        {"retained_max", config.home_retained_max}}},
      {"checkpoint_bytes", config.checkpoint_bytes},
      {"data_directory", config.data_directory.string()},
      {"insecure", config.insecure},
      {"own_namespace", config.own_namespace},
      {"seed", config.seed},
      {"links_never_cut", config.links_never_cut},
      {"lease_ns", ns(config.lease)},
      {"faults", faults_to_json(config.faults)},
      {"trace",
       {{"on", config.trace.on},
        {"sample_ppm", static_cast<std::uint64_t>(std::llround(config.trace.sample * 1e6))},
        {"limit", config.trace.limit},
        {"window", config.trace.window}}},
      {"client",
       {{"workload_json", config.client.workload_json},
        {"warmup_ns", ns(config.client.warmup)},
        {"duration_ns", ns(config.client.duration)},
        {"outcome_timeout_ns", ns(config.client.outcome_timeout)}}},
  };
  return object.dump(2, ' ', false, json::error_handler_t::replace);
}

Result<void> store_node_config(const std::filesystem::path& file, const NodeConfig& config) {
  const std::string temporary = file.string() + ".tmp";
  const std::string text = to_json(config);
  (void)::unlink(temporary.c_str());
  const UniqueFd fd{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!fd.valid() || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::rename(temporary.c_str(), file.c_str()) != 0) {
    return Error{file.string() + ": cannot be written: " + std::strerror(errno)};
  }
  return {};
}

}  // namespace geocommit
