#include "experiment/fault_names.h"

#include <algorithm>
#include <optional>
#include <set>

#include "protocols/registry.h"

namespace geocommit {
namespace {

/// The node of the file, at or below `at`, that holds `name`.
std::optional<yaml::Node> where(const yaml::Node& at, const std::string& name) {
  if (at.is_scalar()) return at.text() == name ? std::optional(at) : std::nullopt;
  for (const yaml::Node& item : at.items()) {
    if (auto found = where(item, name)) return found;
  }
  for (const auto& [key, value] : at.entries()) {
    if (auto found = where(value, name)) return found;
  }
  return std::nullopt;
}

}  // namespace

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

yaml::Node FaultNames::place_of(const std::string& name) const { return where(entry_, name).value_or(entry_); }

void FaultNames::unknown(const std::string& name, const std::string& expected, const std::vector<std::string>& known) {
  constexpr std::size_t kShown = 16;
  std::vector<std::string> shown(known.begin(),
                                 known.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, known.size())));
  if (known.size() > kShown) shown.push_back("and " + std::to_string(known.size() - kShown) + " more");
  fail(place_of(name).error("expected " + expected + " (" + joined(shown, ", ") + "), found \"" + name + "\"" +
                            yaml::did_you_mean(name, known)));
}

std::vector<std::string> FaultNames::servers() const {
  std::vector<std::string> out;
  for (const NodeInfo& node : directory_.nodes()) {
    if (node.kind != NodeKind::client) out.push_back(node.name);
  }
  return out;
}

NodeId FaultNames::server(const std::string& name) {
  std::vector<std::string> of_region;
  for (const NodeInfo& node : directory_.nodes()) {
    if (node.kind == NodeKind::client) continue;
    if (node.name == name) return node.id;
    if (directory_.regions().at(node.region.value) == name) of_region.push_back(node.name);
  }
  if (of_region.empty()) {
    unknown(name, "an agent or coordinator of this experiment", servers());
  } else {
    fail(place_of(name).error("expected one process of region " + name + ": " + joined(of_region, " or ")));
  }
  return {};
}

RegionId FaultNames::region(const std::string& name) {
  const auto& all = directory_.regions();
  const auto found = std::find(all.begin(), all.end(), name);
  if (found == all.end()) unknown(name, "a region of the topology", all);
  return RegionId{static_cast<std::uint32_t>(found - all.begin())};
}

std::vector<NodeId> FaultNames::members(const std::vector<std::string>& names) {
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

void FaultNames::check_point(const std::string& point) {
  std::set<std::string> known;
  for (const Protocol& protocol : all_protocols()) known.insert(protocol.points.begin(), protocol.points.end());
  if (known.count(point) == 0) {
    unknown(point, "a protocol point (./geocommit protocols 2pc lists them)", {known.begin(), known.end()});
  }
}

}  // namespace geocommit
