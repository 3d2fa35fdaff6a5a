#include "experiment/schemas.h"

#include <nlohmann/json.hpp>

#include "experiment/fault_file.h"
#include "protocols/registry.h"
#include "report_assets.h"

namespace geocommit {
namespace {

using Json = nlohmann::ordered_json;

Json schema_of(const OptionRow& option) {
  Json out = Json::object();
  switch (option.type) {
    case OptionType::boolean:
      out["type"] = "boolean";
      out["default"] = option.standard != 0;
      break;
    case OptionType::integer:
      out["type"] = "integer";
      out["minimum"] = option.least;
      out["maximum"] = option.most;
      out["default"] = option.standard;
      break;
  }
  out["description"] = std::string(option.help);
  return out;
}

/// A name; or a map of one, whose value is a map of that row's options.
Json protocol_choices_schema() {
  Json out = Json::array({Json{{"$ref", "#/definitions/protocol"}}});
  for (const Protocol& protocol : all_protocols()) {
    Json options = Json::object();
    for (const OptionRow& option : protocol.options) options[std::string(option.name)] = schema_of(option);
    options["label"] = {{"type", "string"}, {"description", "What it is called in tables, metrics and files"}};
    const Json of_row = {{"type", "object"}, {"additionalProperties", false}, {"properties", options}};
    out.push_back({{"type", "object"},
                   {"additionalProperties", false},
                   {"required", Json::array({std::string(protocol.name)})},
                   {"properties", {{std::string(protocol.name), of_row}}}});
  }
  return out;
}

Json experiment_schema() {
  Json out = Json::parse(report_asset("schema_experiment"));
  Json protocols = Json::array();
  for (const Protocol& protocol : all_protocols()) protocols.push_back(std::string(protocol.name));
  Json classes = Json::array();
  for (const auto& [name, bit] : message_classes()) classes.push_back(name);
  out["definitions"]["protocol"]["enum"] = std::move(protocols);
  out["definitions"]["protocol_choice"]["oneOf"] = protocol_choices_schema();
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
