#include "report/findings_group.h"

#include <algorithm>
#include <cmath>

#include "os/console.h"

namespace geocommit {
namespace {

constexpr std::size_t kGroupsMax = 512;  // sentences on a sweep of thousands help nobody

/// Scenarios and topologies have names that speak for themselves; other keys are told with their values.
std::string point_words(const Json& sweep, bool scenarios) {
  std::string out;
  if (!sweep.is_object()) return out;
  for (const auto& [key, value] : sweep.items()) {
    if (key == "scenario" && !scenarios) continue;
    const std::string said = value.is_string() ? value.get<std::string>() : value.dump();
    out += (out.empty() ? "" : ", ") + (key == "scenario" || key == "topology" ? said : key + "=" + said);
  }
  return out;
}

std::vector<std::string> names_of(const std::string& list) {
  std::vector<std::string> out{""};
  for (const char c : list) {
    if (c == ',') {
      out.emplace_back();
    } else if (c != ' ') {
      out.back() += c;
    }
  }
  return out;
}

/// A partition by its target, "a | b,c". A name that is kept from some of the regions only is not cut off from the
/// world.
std::string partition_words(const std::string& target, std::size_t regions) {
  const std::size_t bar = target.find(" | ");
  if (bar == std::string::npos || target.find(" | ", bar + 3) != std::string::npos) return "the network was split";
  const auto one = names_of(target.substr(0, bar));
  const auto other = names_of(target.substr(bar + 3));
  const bool all = one.size() + other.size() >= regions;
  if (all && (one.size() == 1 || other.size() == 1)) return (one.size() == 1 ? one : other).front() + " was cut off";
  if (all) return listed(one.size() <= other.size() ? one : other) + " were cut off from the rest";
  return listed(one) + " and " + listed(other) + " were cut off from each other";
}

/// A fault by its kind and target (summary.json's `faults`) as a clause.
std::string clause(const std::string& kind, const std::string& target, std::size_t regions) {
  if (kind == "crash") return target + " was down";
  if (kind == "pause") return target + " stood still";
  if (kind == "disk-stall") return "the disk of " + target + " stood still";
  if (kind == "disk-full") return "the disk of " + target + " was full";
  if (kind.starts_with("disk")) return "the disk of " + target + " failed";
  if (kind == "clock") return "the wall clock of " + target + " was wrong";
  if (kind == "partition") return partition_words(target, regions);
  if (kind == "cut") return "packets were lost (" + target + ")";
  if (kind == "drop") return "messages were lost (" + target + ")";
  if (kind == "link") return "the link " + target + " was poor";
  const std::size_t arrow = target.find(" -> ");
  const bool order = arrow != std::string::npos && (kind == "transfer" || kind == "failover");
  if (!order) return kind + " " + target + " was in force";
  return "the home " + target.substr(0, arrow) +
         (kind == "transfer" ? " was handed over to " : " was failed over to ") + target.substr(arrow + 4);
}

}  // namespace

const Json* at(const Json& object, std::initializer_list<const char*> path) {
  const Json* now = &object;
  for (const char* key : path) {
    if (!now->is_object()) return nullptr;
    const auto found = now->find(key);
    if (found == now->end()) return nullptr;
    now = &*found;
  }
  return now;
}

std::optional<double> number(const Json& object, std::initializer_list<const char*> path) {
  const Json* found = at(object, path);
  return found != nullptr && found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
}

std::string text(const Json& object, std::initializer_list<const char*> path) {
  const Json* found = at(object, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

bool truth(const Json& object, std::initializer_list<const char*> path) {
  const Json* found = at(object, path);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

std::string span(double milliseconds) {
  return milliseconds >= 1000 ? figure(milliseconds / 1000) + " s" : figure(milliseconds) + " ms";
}

std::string counted(double count, const std::string& one, const std::string& many) {
  return std::to_string(std::llround(count)) + " " + (std::llround(count) == 1 ? one : many);
}

std::string listed(const std::vector<std::string>& items) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == items.size() ? " and " : ", ") + items[i];
  }
  return out;
}

double Group::sum(std::initializer_list<const char*> path) const {
  double out = 0;
  for (const Json* cell : cells) out += number(*cell, path).value_or(0);
  return out;
}

double Group::most(std::initializer_list<const char*> path) const {
  double out = 0;
  for (const Json* cell : cells) out = std::max(out, number(*cell, path).value_or(0));
  return out;
}

std::optional<double> Group::middle(std::initializer_list<const char*> path) const {
  std::vector<double> values;
  for (const Json* cell : cells) {
    if (const auto value = number(*cell, path)) values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  return values[(values.size() - 1) / 2];
}

double Group::blocked() const { return sum({"blocking_ms", "count"}) + sum({"blocking_ms", "censored"}); }

bool overloaded_of(const Group& group) {
  return std::any_of(group.cells.begin(), group.cells.end(), [](const Json* cell) {
    return truth(*cell, {"load", "overloaded"});
  });
}

bool Group::planned_faults() const {
  return std::any_of(cells.begin(), cells.end(), [](const Json* cell) {
    const Json* faults = at(*cell, {"faults"});
    return faults != nullptr && faults->is_array() && !faults->empty();
  });
}

std::vector<Group> groups_of(const Json& summary) {
  std::vector<Group> out;
  for (const CellGroup& one : group_cells(summary)) {
    if (out.size() == kGroupsMax) break;
    Group group;
    group.name = group.protocol = one.protocol;
    group.point = point_words(one.sweep, true);
    group.rest = point_words(one.sweep, false);
    group.scenario = text(one.sweep, {"scenario"});
    if (!group.point.empty()) group.name += " (" + group.point + ")";
    for (const std::size_t index : one.cells) group.cells.push_back(&summary["cells"][index]);
    out.push_back(std::move(group));
  }
  return out;
}

std::string troubles(const Group& group) {
  std::vector<std::string> words;
  for (const Json* cell : group.cells) {
    const Json* faults = at(*cell, {"faults"});
    const Json* regions = at(*cell, {"by_region"});
    if (faults == nullptr || !faults->is_array()) continue;
    for (const Json& fault : *faults) {
      if (number(fault, {"triggered"}) == 0.0) continue;
      const std::string what =
          clause(text(fault, {"kind"}), text(fault, {"target"}), regions != nullptr ? regions->size() : 0);
      if (std::find(words.begin(), words.end(), what) == words.end()) words.push_back(what);
    }
  }
  if (words.size() > 2) return std::to_string(words.size()) + " faults happened";
  return listed(words);
}

}  // namespace geocommit
