// From names and schedules to plain faults at nodes and times.
#include <algorithm>
#include <array>
#include <set>

#include "experiment/fault_file.h"
#include "workload/random.h"

namespace geocommit {
namespace {

constexpr std::size_t kFaultsMax = 10'000;
/// The stream of the nemesis: apart from those that draw load, loss and jitter.
constexpr std::uint64_t kNemesisStream = 0x6e656d65736973;

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

std::string percent(double fraction) {
  std::string out = std::to_string(fraction * 100);
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out + "%";
}

/// One entry in one cell.
class Resolver {
 public:
  Resolver(const FaultEntry& entry, const FaultScene& scene, std::size_t index)
      : entry_(entry), scene_(scene), directory_(*scene.directory), index_(index) {}

  Result<std::vector<NamedFault>> resolve() {
    check_point();
    if (entry_.form == FaultForm::random) {
      repeat([&](Duration at) { draw(at); });
    } else if (auto fault = given()) {
      repeat([&](Duration at) {
        NamedFault copy = *fault;
        for (Fault& part : copy.parts) (part.on.empty() ? part.at : part.since) = at;
        out_.push_back(std::move(copy));
      });
    }
    if (!errors_.empty()) return yaml::join_errors(errors_);
    return std::move(out_);
  }

 private:
  template <class Add>
  void repeat(Add add) {
    const Duration end = std::min(entry_.until.value_or(kForever), scene_.warmup + scene_.duration);
    if (!entry_.every) return add(entry_.at);
    for (Duration at = entry_.at; at < end; at += *entry_.every) {
      if (out_.size() >= kFaultsMax) {
        fail(entry_.place.key_error("every", "expected at most " + std::to_string(kFaultsMax) + " faults in all"));
        return;
      }
      add(at);
    }
  }

  void fail(const Error& error) { errors_.push_back(error.message); }
  /// The node of the file that holds `name`, for the message; else the entry.
  [[nodiscard]] static std::optional<yaml::Node> where(const yaml::Node& at, const std::string& name) {
    if (at.is_scalar()) return at.text() == name ? std::optional(at) : std::nullopt;
    for (const yaml::Node& item : at.items()) {
      if (auto found = where(item, name)) return found;
    }
    for (const auto& [key, value] : at.entries()) {
      if (auto found = where(value, name)) return found;
    }
    return std::nullopt;
  }
  void unknown(const std::string& name, const std::string& expected, const std::vector<std::string>& known) {
    const std::string guess = yaml::closest(name, known);
    constexpr std::size_t kShown = 16;
    std::vector<std::string> shown(known.begin(),
                                   known.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, known.size())));
    if (known.size() > kShown) shown.push_back("and " + std::to_string(known.size() - kShown) + " more");
    fail(where(entry_.place, name)
             .value_or(entry_.place)
             .error("expected " + expected + " (" + joined(shown, ", ") + "), found \"" + name + "\"" +
                    (guess.empty() ? "" : ", did you mean \"" + guess + "\"?")));
  }

  [[nodiscard]] std::vector<std::string> servers() const {
    std::vector<std::string> out;
    for (const NodeInfo& node : directory_.nodes()) {
      if (node.kind != NodeKind::client) out.push_back(node.name);
    }
    return out;
  }

  NodeId server(const std::string& name) {
    std::vector<std::string> of_region;
    for (const NodeInfo& node : directory_.nodes()) {
      if (node.kind == NodeKind::client) continue;
      if (node.name == name) return node.id;
      if (directory_.regions().at(node.region.value) == name) of_region.push_back(node.name);
    }
    if (of_region.empty()) {
      unknown(name, "an agent or coordinator of this experiment", servers());
    } else {
      fail(where(entry_.place, name)
               .value_or(entry_.place)
               .error("expected one process of region " + name + ": " + joined(of_region, " or ")));
    }
    return {};
  }

  RegionId region(const std::string& name) {
    const auto& all = directory_.regions();
    const auto found = std::find(all.begin(), all.end(), name);
    if (found == all.end()) unknown(name, "a region of the topology", all);
    return RegionId{static_cast<std::uint32_t>(found - all.begin())};
  }

  /// All nodes of the regions and nodes named, clients included: a region that is cut off is cut off with its clients.
  std::vector<NodeId> members(const std::vector<std::string>& names) {
    std::vector<NodeId> out;
    for (const std::string& name : names) {
      bool found = false;
      for (const NodeInfo& node : directory_.nodes()) {
        if (node.name != name && directory_.regions().at(node.region.value) != name) continue;
        found = true;
        if (std::find(out.begin(), out.end(), node.id) == out.end()) out.push_back(node.id);
      }
      if (found) continue;
      std::vector<std::string> known = directory_.regions();
      for (const NodeInfo& node : directory_.nodes()) known.push_back(node.name);
      unknown(name, "a region or a node of this experiment", known);
    }
    return out;
  }

  void check_point() {
    if (entry_.on.empty()) return;
    trigger_ = server(entry_.node);
    std::set<std::string> known;
    for (const Protocol& protocol : all_protocols()) known.insert(protocol.points.begin(), protocol.points.end());
    if (known.count(entry_.on) == 0) {
      unknown(entry_.on, "a protocol point (./geocommit protocols 2pc lists them)", {known.begin(), known.end()});
    }
  }

  [[nodiscard]] Fault blank(FaultKind kind) const {
    Fault fault;
    fault.kind = kind;
    fault.length = entry_.length;
    fault.on = entry_.on;
    fault.occurrence = entry_.occurrence;
    fault.trigger = trigger_;
    return fault;
  }

  [[nodiscard]] NamedFault at_node(FaultKind kind, std::string label, NodeId node) const {
    Fault fault = blank(kind);
    fault.node = node;
    if (trigger_ == node) fault.trigger = {};
    fault.tail = entry_.tail;
    if (kind == FaultKind::clock_step) fault.extra = entry_.extra;
    const NodeInfo* info = directory_.find(node);
    return {std::move(label), info != nullptr ? info->name : "", index_, {fault}};
  }

  [[nodiscard]] NamedFault partition(const std::vector<std::vector<std::string>>& groups,
                                     const std::vector<std::vector<NodeId>>& nodes) const {
    NamedFault out{"partition", "", index_, {}};
    for (const auto& group : groups) out.target += (out.target.empty() ? "" : " | ") + joined(group, ",");
    for (std::size_t i = 0; i + 1 < nodes.size(); ++i) {
      Fault fault = blank(FaultKind::cut);
      fault.from = nodes[i];
      for (std::size_t j = i + 1; j < nodes.size(); ++j)
        fault.to.insert(fault.to.end(), nodes[j].begin(), nodes[j].end());
      fault.both_ways = true;
      out.parts.push_back(std::move(fault));
    }
    return out;
  }

  [[nodiscard]] NamedFault on_link(FaultKind kind, const std::vector<std::vector<std::string>>& ends,
                                   std::vector<NodeId> from, std::vector<NodeId> to) const {
    Fault fault = blank(kind);
    fault.from = std::move(from);
    fault.to = std::move(to);
    fault.both_ways = entry_.both_ways;
    const std::string target =
        joined(ends.at(0), ",") + (entry_.both_ways ? " <-> " : " -> ") + joined(ends.at(1), ",");
    return {kind == FaultKind::cut ? "cut" : std::string(name_of(entry_.form)), target, index_, {fault}};
  }

  std::optional<NamedFault> given() {
    switch (entry_.form) {
      case FaultForm::partition:
        return given_partition();
      case FaultForm::cut:
      case FaultForm::drop:
      case FaultForm::link:
        return given_link();
      case FaultForm::crash:
        return at_node(FaultKind::crash, "crash", server(entry_.victim));
      case FaultForm::pause:
        return at_node(FaultKind::pause, "pause", server(entry_.victim));
      case FaultForm::clock:
        return at_node(FaultKind::clock_step, "clock", server(entry_.victim));
      case FaultForm::disk:
        return at_node(entry_.kind, disk_label(entry_.kind), server(entry_.victim));
      case FaultForm::transfer:
      case FaultForm::failover:
        return given_mastership();
      case FaultForm::random:
        break;
    }
    GC_CHECK(false);
  }

  static std::string disk_label(FaultKind kind) {
    return kind == FaultKind::disk_stall ? "disk-stall" : kind == FaultKind::disk_full ? "disk-full" : "disk-fail-sync";
  }

  NamedFault given_mastership() {
    Fault fault = blank(entry_.form == FaultForm::transfer ? FaultKind::transfer : FaultKind::failover);
    fault.home = region(entry_.victim);
    fault.successor = region(entry_.successor);
    if (errors_.empty() && fault.home == fault.successor) {
      fail(entry_.place.error("expected another region as the new master than the home itself"));
    }
    return {std::string(name_of(entry_.form)), entry_.victim + " -> " + entry_.successor, index_, {fault}};
  }

  /// The groups as given, with `rest` spelled out: the regions that no other group names, itself or by a node.
  std::vector<std::vector<std::string>> spelled_groups() {
    std::vector<std::vector<std::string>> out = entry_.groups;
    std::set<std::string> named;
    for (const auto& group : entry_.groups) {
      for (const std::string& name : group) named.insert(name.substr(name.find('@') + 1));
    }
    for (auto& group : out) {
      if (group != std::vector<std::string>{"rest"}) continue;
      group.clear();
      for (const std::string& region : directory_.regions()) {
        if (named.insert(region).second) group.push_back(region);
      }
      if (group.empty()) fail(entry_.place.error("expected regions that are left for rest, found none"));
    }
    return out;
  }

  NamedFault given_partition() {
    const auto names = spelled_groups();
    if (!errors_.empty()) return {};
    std::vector<std::vector<NodeId>> groups;
    std::set<NodeId> seen;
    for (const auto& group : names) {
      groups.push_back(members(group));
      for (const NodeId node : groups.back()) {
        if (seen.insert(node).second) continue;
        const NodeInfo* info = directory_.find(node);
        const std::string& region = directory_.regions().at(info->region.value);
        const bool by_region = std::find(group.begin(), group.end(), region) != group.end();
        fail(entry_.place.key_error("partition", "expected groups that do not overlap, found " +
                                                     (by_region ? region : info->name) + " in two of them"));
        return {};
      }
    }
    return partition(names, groups);
  }

  NamedFault given_link() {
    const auto names = spelled_groups();
    if (!errors_.empty()) return {};
    const auto from = members(names.at(0));
    const auto to = members(names.at(1));
    for (const NodeId node : from) {
      if (entry_.form != FaultForm::drop && std::find(to.begin(), to.end(), node) != to.end()) {
        fail(entry_.place.error("expected two ends that do not overlap, found " + directory_.find(node)->name +
                                " in both"));
        break;
      }
    }
    const FaultKind kind = entry_.form == FaultForm::cut    ? FaultKind::cut
                           : entry_.form == FaultForm::drop ? FaultKind::drop
                                                            : FaultKind::link;
    NamedFault out = on_link(kind, names, from, to);
    Fault& fault = out.parts.front();
    fault.classes = entry_.classes;
    fault.probability = entry_.probability;
    fault.extra = entry_.extra;
    fault.jitter = entry_.jitter;
    fault.rate = entry_.rate;
    std::vector<std::string> what;
    for (const auto& [name, bit] : message_classes()) {
      if ((entry_.classes & bit) != 0) what.push_back(name);
    }
    if (entry_.extra > Duration{0}) what.push_back("+" + yaml::format_duration(entry_.extra));
    if (entry_.jitter) what.push_back("jitter " + yaml::format_duration(*entry_.jitter));
    if (entry_.probability < 1) what.push_back("loss " + percent(entry_.probability));
    if (entry_.rate) what.push_back(yaml::format_bit_rate(*entry_.rate));
    if (!what.empty()) out.target += " (" + joined(what, ", ") + ")";
    return out;
  }

  /// The nemesis: one fault of those allowed, with a target, all from the seed.
  void draw(Duration at) {
    NamedFault fault = draw_one(entry_.draw[random_.below(entry_.draw.size())]);
    for (Fault& part : fault.parts) part.at = at;
    out_.push_back(std::move(fault));
  }

  NamedFault draw_one(FaultForm form) {
    const std::uint32_t regions = directory_.region_count();
    // With one region there is no link between regions to cut.
    if (form == FaultForm::partition && regions > 1) {
      std::vector<std::vector<std::string>> groups(2);
      const std::uint64_t first = random_.below(regions);  // these two are on different sides
      const std::uint64_t second = (first + 1 + random_.below(regions - 1)) % regions;
      for (std::uint32_t r = 0; r < regions; ++r) {
        const bool side = r == first ? false : r == second ? true : random_.chance(0.5);
        groups[side ? 1 : 0].push_back(directory_.regions()[r]);
      }
      return partition(groups, {members(groups[0]), members(groups[1])});
    }
    if (form == FaultForm::cut && regions > 1) {
      const std::uint64_t from = random_.below(regions);
      const std::uint64_t to = (from + 1 + random_.below(regions - 1)) % regions;
      const std::vector<std::vector<std::string>> ends{{directory_.regions()[from]}, {directory_.regions()[to]}};
      return on_link(FaultKind::cut, ends, members(ends[0]), members(ends[1]));
    }
    const auto all = servers();
    const NodeId node = server(all[random_.below(all.size())]);
    if (form == FaultForm::pause) return at_node(FaultKind::pause, "pause", node);
    if (form == FaultForm::disk) return at_node(FaultKind::disk_stall, "disk-stall", node);
    return at_node(FaultKind::crash, "crash", node);
  }

  const FaultEntry& entry_;
  const FaultScene& scene_;
  const Directory& directory_;
  std::size_t index_;
  NodeId trigger_;
  Random random_{entry_.seed.value_or(scene_.seed) + 1'000'003ULL * (scene_.repetition - 1), kNemesisStream + index_};
  std::vector<NamedFault> out_;
  std::vector<std::string> errors_;
};

}  // namespace

Result<std::vector<NamedFault>> resolve_faults(const std::vector<FaultEntry>& entries, const FaultScene& scene) {
  std::vector<NamedFault> out;
  std::vector<std::string> errors;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto faults = Resolver(entries[i], scene, i).resolve();
    if (!faults) {
      errors.push_back(faults.error().message);
      continue;
    }
    for (NamedFault& fault : *faults) out.push_back(std::move(fault));
    if (out.size() > kFaultsMax) {
      return entries[i].place.error("expected at most " + std::to_string(kFaultsMax) + " faults in all");
    }
  }
  if (!errors.empty()) return yaml::join_errors(errors);
  return out;
}

}  // namespace geocommit
