#include "experiment/schemas.h"

#include <nlohmann/json.hpp>

#include "experiment/fault_file.h"
#include "protocols/registry.h"
#include "report_assets.h"

namespace geocommit {
namespace {

using Json = nlohmann::ordered_json;

Json experiment_schema() {
  Json out = Json::parse(report_asset("schema_experiment"));
  Json protocols = Json::array();
  for (const Protocol& protocol : all_protocols()) protocols.push_back(std::string(protocol.name));
  Json classes = Json::array();
  for (const auto& [name, bit] : message_classes()) classes.push_back(name);
  out["definitions"]["protocol"]["enum"] = std::move(protocols);
  out["definitions"]["message_class"]["enum"] = std::move(classes);
  return out;
}

}  // namespace

Result<std::string> print_schema(const std::string& name) {
  if (name == "experiment") return experiment_schema().dump(1) + "\n";
  if (name == "topology") return Json::parse(report_asset("schema_topology")).dump(1) + "\n";
  return Error{"no schema \"" + name + "\"; there are: experiment, topology"};
}

Result<std::string> print_completion(const std::string& shell) {
  if (shell != "bash" && shell != "zsh") return Error{"no completion for \"" + shell + "\"; there are: bash, zsh"};
  std::string script(report_asset("completion_bash"));
  std::string names;
  for (const Protocol& protocol : all_protocols()) names += (names.empty() ? "" : " ") + std::string(protocol.name);
  constexpr std::string_view kPlace = "@PROTOCOLS@";
  if (const auto at = script.find(kPlace); at != std::string::npos) script.replace(at, kPlace.size(), names);
  return (shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "") + script;
}

std::vector<std::string> schema_fault_forms() {
  std::vector<std::string> out;
  const Json schema = experiment_schema();
  for (const Json& one : schema["definitions"]["fault"]["oneOf"]) out.push_back(one["required"][0].get<std::string>());
  return out;
}

}  // namespace geocommit
