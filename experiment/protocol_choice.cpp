#include "experiment/protocol_choice.h"

#include <algorithm>
#include <cctype>

namespace geocommit {
namespace {

using yaml::MapReader;
using yaml::Node;

constexpr const char* kLabel = "label";

std::vector<std::string> names_of_rows() {
  std::vector<std::string> names;
  for (const Protocol& protocol : all_protocols()) names.emplace_back(protocol.name);
  return names;
}

std::string default_label(const Protocol& row, const ProtocolOptions& options) {
  const std::string text = text_of(row.options, options);
  return std::string(row.name) + (text.empty() ? "" : " " + text);
}

Error no_such_option(const Protocol& row, const Node& map, const std::string& key) {
  std::vector<std::string> names;
  for (const OptionRow& option : row.options) names.emplace_back(option.name);
  return map.key_error(key,
                       "unknown option" + yaml::did_you_mean(key, names) + "; " + options_of(row.name, row.options));
}

/// A cell is called by its protocol, point and repetition: "2pc-p2-r1".
bool ends_like_a_cell(const std::string& label) {
  const std::size_t dash = label.rfind('-');
  return dash != std::string::npos && dash + 2 < label.size() && (label[dash + 1] == 'p' || label[dash + 1] == 'r') &&
         std::all_of(label.begin() + static_cast<std::ptrdiff_t>(dash) + 2, label.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

Result<std::string> read_label(const Node& node) {
  auto label = yaml::identifier()(node);
  if (!label) return label;
  if (find_protocol(*label) != nullptr) return node.error("expected a label that is no protocol's name");
  if (*label == "all") return node.error("expected another label: thresholds say all of every protocol");
  if (ends_like_a_cell(*label)) {
    return node.error("expected a label that does not end as the names of cells do (-p1, -r1)");
  }
  return label;
}

Result<ProtocolChoice> read_options_of(const Protocol& row, const Node& values) {
  ProtocolChoice out{&row, {}, {}};
  if (!values.is_map()) {
    return values.error("expected a map of options, found " + values.describe() + ": " +
                        options_of(row.name, row.options));
  }
  MapReader map(values);
  for (const OptionRow& option : row.options) {
    std::int32_t value = option.standard;
    map.optional(option.name, value, [&](const Node& node) -> Result<std::int32_t> {
      const auto read = node.is_scalar() && !node.quoted() ? parse_option(option, node.text()) : std::nullopt;
      if (!read) return node.error("expected " + allowed_of(option) + ", found " + node.describe());
      return *read;
    });
    out.options.set(option, value);
  }
  map.optional(kLabel, out.label, read_label);
  for (const auto& [key, value] : values.entries()) {
    if (key == kLabel || find_option(row.options, key) != nullptr) continue;
    (void)map.take(key);
    map.add(no_such_option(row, values, key));
  }
  if (auto done = map.finish(); !done) return done.error();
  if (out.label.empty()) out.label = default_label(row, out.options);
  return out;
}

Result<ProtocolChoice> read_choice(const Node& node) {
  const std::vector<std::string> names = names_of_rows();
  if (node.is_map()) {
    const auto entries = node.entries();
    if (entries.size() != 1) {
      return node.error("expected one protocol and its options, such as {PROTOCOL: {OPTION: VALUE}}");
    }
    const auto& [name, values] = entries.front();
    if (const Protocol* row = find_protocol(name)) return read_options_of(*row, values);
    return node.key_error(name, "there is no such protocol" + yaml::did_you_mean(name, names));
  }
  if (node.is_scalar()) {
    if (const Protocol* row = find_protocol(node.text())) return ProtocolChoice{row, {}, std::string(row->name)};
  }
  return yaml::not_one_of(node, names);
}

}  // namespace

yaml::Reader<std::vector<ProtocolChoice>> protocol_choices() {
  return [](const Node& node) -> Result<std::vector<ProtocolChoice>> {
    auto list = yaml::list_of<ProtocolChoice>(read_choice, 1, 32)(node);
    if (!list) return list;
    const auto items = node.items();
    for (std::size_t i = 0; i < list->size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const ProtocolChoice &one = (*list)[i], &other = (*list)[j];
        if (one.row == other.row && one.options == other.options) {
          return items[i].error(one.row->options.empty()
                                    ? "expected each protocol once, found it again"
                                    : "expected each protocol once, or with other options, found it again");
        }
        if (file_part(one.label) == file_part(other.label)) {
          return items[i].error("expected another label: there is a \"" + other.label + "\" already");
        }
      }
    }
    return list;
  };
}

std::string to_yaml(const ProtocolChoice& choice) {
  std::string values;
  const auto add = [&](std::string_view key, const std::string& value) {
    values += (values.empty() ? "" : ", ") + std::string(key) + ": " + value;
  };
  for (const OptionRow& option : choice.row->options) {
    const std::int32_t value = choice.options.value(option);
    if (value != option.standard) add(option.name, text_of(option, value));
  }
  if (choice.label != default_label(*choice.row, choice.options)) add(kLabel, choice.label);
  const std::string name(choice.row->name);
  return values.empty() ? name : "{" + name + ": {" + values + "}}";
}

std::string file_part(std::string_view label) {
  std::string out(label);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == ' ' || c == '='; }, '-');
  return out;
}

}  // namespace geocommit
