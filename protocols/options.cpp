#include "protocols/options.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"

namespace geocommit {

const OptionRow* find_option(OptionTable table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const OptionRow& o) { return o.name == name; });
  return found == table.end() ? nullptr : &*found;
}

std::string text_of(const OptionRow& option, std::int32_t value) {
  switch (option.type) {
    case OptionType::boolean:
      return value != 0 ? "true" : "false";
    case OptionType::integer:
      return std::to_string(value);
  }
  GC_CHECK(false);
}

std::optional<std::int32_t> parse_option(const OptionRow& option, std::string_view text) {
  switch (option.type) {
    case OptionType::boolean:
      return text == "true" ? std::optional{1} : text == "false" ? std::optional{0} : std::nullopt;
    case OptionType::integer: {
      std::int32_t value = 0;
      const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
      const bool whole = read.ec == std::errc{} && read.ptr == text.data() + text.size();
      return whole && value >= option.least && value <= option.most ? std::optional{value} : std::nullopt;
    }
  }
  GC_CHECK(false);
}

std::string allowed_of(const OptionRow& option) {
  switch (option.type) {
    case OptionType::boolean:
      return "true | false";
    case OptionType::integer:
      return std::to_string(option.least) + " to " + std::to_string(option.most);
  }
  GC_CHECK(false);
}

std::string options_of(std::string_view protocol, OptionTable table) {
  std::string out;
  for (const OptionRow& option : table) {
    out += (out.empty() ? "" : ", ") + std::string(option.name) + " (" + allowed_of(option) + ")";
  }
  return std::string(protocol) + (out.empty() ? " has no options" : " has " + out);
}

Result<ProtocolOptions> read_options(std::string_view protocol, OptionTable table,
                                     const std::vector<std::string>& words) {
  ProtocolOptions out;
  std::vector<const OptionRow*> seen;
  for (const std::string& word : words) {
    const std::size_t equals = std::min(word.find('='), word.size());
    const OptionRow* option = find_option(table, word.substr(0, equals));
    if (option == nullptr) {
      return Error{"option " + word + ": there is none of that name: " + options_of(protocol, table)};
    }
    const auto value = parse_option(*option, equals < word.size() ? word.substr(equals + 1) : "");
    if (!value) {
      return Error{"option " + word + ": expected " + std::string(option->name) + "=" + allowed_of(*option)};
    }
    if (std::find(seen.begin(), seen.end(), option) != seen.end()) {
      return Error{"option " + word + ": it has been given already"};
    }
    seen.push_back(option);
    out.set(*option, *value);
  }
  return out;
}

std::string text_of(OptionTable table, const ProtocolOptions& options) {
  std::string out;
  for (const OptionRow& option : table) {
    if (const std::int32_t value = options.value(option); value != option.standard) {
      out += (out.empty() ? "" : " ") + std::string(option.name) + "=" + text_of(option, value);
    }
  }
  return out;
}

}  // namespace geocommit
