// What an experiment may set of a protocol: its row says which options there are, a run says which values they have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace geocommit {

enum class OptionType : std::uint8_t { boolean, integer };

/// One option of a row. Numbers are places: the first is 1.
struct OptionRow {
  std::uint8_t number{};
  std::string_view name;  ///< YAML key: "read_only".
  OptionType type{OptionType::boolean};
  std::int32_t standard{};         ///< Where nobody says; of a boolean 1 is true.
  std::int32_t least{0}, most{1};  ///< Allowed.
  std::string_view help;           ///< One line.
};
using OptionTable = std::span<const OptionRow>;

inline constexpr std::size_t kOptionsMost = 4;  ///< Of one row.

/// The values of a row's options in one run. Without anything set: as standard.
class ProtocolOptions {
 public:
  [[nodiscard]] std::int32_t value(const OptionRow& option) const {
    return option.standard + beyond_[option.number - 1U];
  }
  /// Of a boolean.
  [[nodiscard]] bool on(const OptionRow& option) const { return value(option) != 0; }
  /// One that the row allows.
  void set(const OptionRow& option, std::int32_t value) { beyond_[option.number - 1U] = value - option.standard; }
  bool operator==(const ProtocolOptions&) const = default;

 private:
  std::array<std::int32_t, kOptionsMost> beyond_{};  // By place: less the standard value.
};

/// nullptr: there is none of that name.
[[nodiscard]] const OptionRow* find_option(OptionTable table, std::string_view name);
/// "false", "3"
[[nodiscard]] std::string text_of(const OptionRow& option, std::int32_t value);
/// Nullopt: no value of its type, or not allowed.
[[nodiscard]] std::optional<std::int32_t> parse_option(const OptionRow& option, std::string_view text);
/// What may be written: "true | false", "1 to 9".
[[nodiscard]] std::string allowed_of(const OptionRow& option);
/// From "read_only=false" and the like; each once.
[[nodiscard]] Result<ProtocolOptions> read_options(std::string_view protocol, OptionTable table,
                                                   const std::vector<std::string>& words);
/// "2pc has read_only (true | false)", "home-region has no options".
[[nodiscard]] std::string options_of(std::string_view protocol, OptionTable table);
/// Those that are not as standard: "read_only=false", several with a space between; empty: none.
[[nodiscard]] std::string text_of(OptionTable table, const ProtocolOptions& options);

}  // namespace geocommit
