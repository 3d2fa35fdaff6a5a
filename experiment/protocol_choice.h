// Which protocols an experiment runs, with which options, and what each is called in all that comes of it:
// `protocols: [2pc, {2pc: {read_only: false}}, 3pc]`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/strict_yaml.h"
#include "protocols/registry.h"

namespace geocommit {

struct ProtocolChoice {
  const Protocol* row{};
  ProtocolOptions options;
  /// Tells it apart in tables, metrics, summary.json and comparisons: the row's name and what is not as standard,
  /// "2pc read_only=false"; or as the file says. No two of an experiment are equal, in files' names neither.
  std::string label;
};

[[nodiscard]] yaml::Reader<std::vector<ProtocolChoice>> protocol_choices();
/// As the list has it: "2pc", "{2pc: {read_only: false}}".
[[nodiscard]] std::string to_yaml(const ProtocolChoice& choice);
/// A label as part of a file's name: "2pc-read_only-false".
[[nodiscard]] std::string file_part(std::string_view label);

}  // namespace geocommit
