// The dotted keys of the experiment file.
#include "base/check.h"
#include "experiment/experiment.h"

namespace geocommit {
namespace {

void collect(const yaml::Node& node, const std::string& path, std::vector<std::string>& out) {
  for (const auto& [key, value] : node.entries()) {
    const std::string here = path.empty() ? key : path + "." + key;
    out.push_back(here);
    if (value.is_map()) collect(value, here, out);
  }
}

}  // namespace

std::vector<std::string> setting_keys() {
  // A file with every default filled in has them all, but for what excludes another or is a list.
  auto nothing = yaml::parse("{}", "defaults");
  GC_CHECK(nothing.ok());
  Experiment blank;
  blank.points.push_back({{}, {}, std::move(nothing).value()});
  blank.points.front().settings.workload.arrival = Arrival::poisson;
  const auto root = yaml::parse(to_yaml(blank, EmulationKind::automatic, {{}}), "defaults");
  GC_CHECK(root.ok());
  std::vector<std::string> keys{"faults", "scenarios", "thresholds", "workload.clients", "workload.origins"};
  collect(*root, "", keys);
  return keys;
}

std::string meant_setting(const std::string& key) {
  const std::vector<std::string> keys = setting_keys();
  const std::string last = key.substr(key.rfind('.') + 1);  // npos + 1 is 0
  for (const std::string& known : keys) {
    if (known != key && (known == last || known.ends_with("." + last))) return known;
  }
  return "";
}

}  // namespace geocommit
