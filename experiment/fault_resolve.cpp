// From names and schedules to plain faults at nodes and times.
#include <algorithm>
#include <set>

#include "experiment/fault_file.h"
#include "experiment/fault_maker.h"
#include "experiment/fault_names.h"
#include "workload/random.h"

namespace geocommit {
namespace {

constexpr std::size_t kFaultsMax = 10'000;
/// The stream of the nemesis: apart from those that draw load, loss and jitter.
constexpr std::uint64_t kNemesisStream = 0x6e656d65736973;

std::string percent(double fraction) {
  std::string out = std::to_string(fraction * 100);
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out + "%";
}

std::string disk_label(FaultKind kind) {
  return kind == FaultKind::disk_stall ? "disk-stall" : kind == FaultKind::disk_full ? "disk-full" : "disk-fail-sync";
}

/// Whose protocol point begins the entry's faults, if it says one.
NodeId trigger_named(const FaultEntry& entry, FaultNames& names) {
  if (entry.on.empty()) return {};
  const NodeId trigger = names.server(entry.node);
  names.check_point(entry.on);
  return trigger;
}

/// Draws faults from a seed.
class Nemesis {
 public:
  Nemesis(const FaultEntry& entry, const FaultScene& scene, std::size_t index, FaultNames& names,
          const FaultMaker& make)
      : entry_(entry),
        directory_(*scene.directory),
        names_(names),
        make_(make),
        random_(entry.seed.value_or(scene.seed) + 1'000'003ULL * (scene.repetition - 1), kNemesisStream + index) {}

  /// One fault of those allowed, with a target, all from the seed.
  NamedFault draw(Duration at) {
    NamedFault fault = draw_one(entry_.draw[random_.below(entry_.draw.size())]);
    for (Fault& part : fault.parts) part.at = at;
    return fault;
  }

 private:
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
      return make_.partition(groups, {names_.members(groups[0]), names_.members(groups[1])});
    }
    if (form == FaultForm::cut && regions > 1) {
      const std::uint64_t from = random_.below(regions);
      const std::uint64_t to = (from + 1 + random_.below(regions - 1)) % regions;
      const std::vector<std::vector<std::string>> ends{{directory_.regions()[from]}, {directory_.regions()[to]}};
      return make_.on_link(FaultKind::cut, ends, names_.members(ends[0]), names_.members(ends[1]));
    }
    const auto all = names_.servers();
    const NodeId node = names_.server(all[random_.below(all.size())]);
    if (form == FaultForm::pause) return make_.at_node(FaultKind::pause, "pause", node);
    if (form == FaultForm::disk) return make_.at_node(FaultKind::disk_stall, "disk-stall", node);
    return make_.at_node(FaultKind::crash, "crash", node);
  }

  const FaultEntry& entry_;
  const Directory& directory_;
  FaultNames& names_;
  const FaultMaker& make_;
  Random random_;
};

/// One entry in one cell.
class Resolver {
 public:
  Resolver(const FaultEntry& entry, const FaultScene& scene, std::size_t index)
      : entry_(entry),
        scene_(scene),
        directory_(*scene.directory),
        names_(entry.place, directory_),
        make_(entry, directory_, index, trigger_named(entry, names_)),
        nemesis_(entry, scene, index, names_, make_) {}

  Result<std::vector<NamedFault>> resolve() {
    if (entry_.form == FaultForm::random) {
      repeat([&](Duration at) { out_.push_back(nemesis_.draw(at)); });
    } else if (auto fault = given()) {
      repeat([&](Duration at) {
        NamedFault copy = *fault;
        for (Fault& part : copy.parts) (part.on.empty() ? part.at : part.since) = at;
        out_.push_back(std::move(copy));
      });
    }
    if (!names_.errors().empty()) return yaml::join_errors(names_.errors());
    return std::move(out_);
  }

 private:
  template <class Add>
  void repeat(Add add) {
    const Duration end = std::min(entry_.until.value_or(kForever), scene_.warmup + scene_.duration);
    if (!entry_.every) return add(entry_.at);
    for (Duration at = entry_.at; at < end; at += *entry_.every) {
      if (out_.size() >= kFaultsMax) {
        names_.fail(
            entry_.place.key_error("every", "expected at most " + std::to_string(kFaultsMax) + " faults in all"));
        return;
      }
      add(at);
    }
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
        return make_.at_node(FaultKind::crash, "crash", names_.server(entry_.victim));
      case FaultForm::pause:
        return make_.at_node(FaultKind::pause, "pause", names_.server(entry_.victim));
      case FaultForm::clock:
        return make_.at_node(FaultKind::clock_step, "clock", names_.server(entry_.victim));
      case FaultForm::disk:
        return make_.at_node(entry_.kind, disk_label(entry_.kind), names_.server(entry_.victim));
      case FaultForm::transfer:
      case FaultForm::failover:
        return given_mastership();
      case FaultForm::random:
        break;
    }
    GC_CHECK(false);
  }

  NamedFault given_mastership() {
    const RegionId home = names_.region(entry_.victim);
    const RegionId successor = names_.region(entry_.successor);
    if (names_.errors().empty() && home == successor) {
      names_.fail(entry_.place.error("expected another region as the new master than the home itself"));
    }
    const FaultKind kind = entry_.form == FaultForm::transfer ? FaultKind::transfer : FaultKind::failover;
    return make_.mastership(kind, home, successor);
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
      if (group.empty()) names_.fail(entry_.place.error("expected regions that are left for rest, found none"));
    }
    return out;
  }

  NamedFault given_partition() {
    const auto names = spelled_groups();
    if (!names_.errors().empty()) return {};
    std::vector<std::vector<NodeId>> groups;
    std::set<NodeId> seen;
    for (const auto& group : names) {
      groups.push_back(names_.members(group));
      for (const NodeId node : groups.back()) {
        if (seen.insert(node).second) continue;
        const NodeInfo* info = directory_.find(node);
        const std::string& region = directory_.regions().at(info->region.value);
        const bool by_region = std::find(group.begin(), group.end(), region) != group.end();
        names_.fail(entry_.place.key_error("partition", "expected groups that do not overlap, found " +
                                                            (by_region ? region : info->name) + " in two of them"));
        return {};
      }
    }
    return make_.partition(names, groups);
  }

  NamedFault given_link() {
    const auto names = spelled_groups();
    if (!names_.errors().empty()) return {};
    const auto from = names_.members(names.at(0));
    const auto to = names_.members(names.at(1));
    for (const NodeId node : from) {
      if (entry_.form != FaultForm::drop && std::find(to.begin(), to.end(), node) != to.end()) {
        names_.fail(entry_.place.error("expected two ends that do not overlap, found " + directory_.find(node)->name +
                                       " in both"));
        break;
      }
    }
    const FaultKind kind = entry_.form == FaultForm::cut    ? FaultKind::cut
                           : entry_.form == FaultForm::drop ? FaultKind::drop
                                                            : FaultKind::link;
    NamedFault out = make_.on_link(kind, names, from, to);
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

  const FaultEntry& entry_;
  const FaultScene& scene_;
  const Directory& directory_;
  FaultNames names_;
  FaultMaker make_;
  Nemesis nemesis_;
  std::vector<NamedFault> out_;
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
