#include "config/yaml_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/identifier.h"

namespace geocommit::yaml {
namespace {

template <class T>
std::optional<T> number(std::string_view text) {
  if (!text.empty() && text.front() == '+') return std::nullopt;
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Splits `12.5ms` into 12.5 and `ms`; nullopt unless it starts with a number that is not negative.
std::optional<std::pair<double, std::string_view>> number_and_unit(std::string_view text) {
  const auto end = std::find_if(text.begin(), text.end(), [](char c) { return (c < '0' || c > '9') && c != '.'; });
  const auto length = static_cast<std::size_t>(end - text.begin());
  const auto value = number<double>(text.substr(0, length));
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return std::pair{*value, text.substr(length)};
}

}  // namespace

std::string format_real(double value) {
  std::array<char, 400> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  return {buffer.data(), result.ptr};
}

std::optional<std::int64_t> parse_integer(std::string_view text) { return number<std::int64_t>(text); }

std::optional<double> parse_real(std::string_view text) {
  const auto value = number<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<Duration> parse_duration(std::string_view text) {
  const auto parts = number_and_unit(text);
  if (!parts) return std::nullopt;
  constexpr std::array<std::pair<std::string_view, double>, 6> kUnits{
      {{"ns", 1.0}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
  for (const auto& [unit, nanoseconds] : kUnits) {
    if (parts->second != unit) continue;
    const double total = parts->first * nanoseconds;
    if (total > 9e18) return std::nullopt;
    return Duration{static_cast<std::int64_t>(std::llround(total))};
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_bit_rate(std::string_view text) {
  if (text == "unlimited") return 0;
  const auto parts = number_and_unit(text);
  if (!parts) return std::nullopt;
  constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{
      {{"bit", 1.0}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}}};
  for (const auto& [unit, factor] : kUnits) {
    if (parts->second != unit) continue;
    const double total = parts->first * factor;
    if (total < 1 || total > 1e13) return std::nullopt;
    return static_cast<std::uint64_t>(std::llround(total));
  }
  return std::nullopt;
}

std::optional<double> parse_per_second(std::string_view text) {
  const auto parts = number_and_unit(text);
  if (!parts || parts->second != "/s") return std::nullopt;
  return parts->first;
}

std::optional<double> parse_fraction(std::string_view text) {
  if (!text.empty() && text.back() == '%') {
    const auto value = parse_real(text.substr(0, text.size() - 1));
    return value ? std::optional(*value / 100.0) : std::nullopt;
  }
  return parse_real(text);
}

std::string format_duration(Duration duration) {
  const std::int64_t ns = duration.count();
  constexpr std::array<std::pair<std::int64_t, const char*>, 3> kUnits{
      {{1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}}};
  for (const auto& [unit, name] : kUnits) {
    if (ns % unit == 0 && (ns != 0 || unit == 1'000'000)) return std::to_string(ns / unit) + name;
  }
  return std::to_string(ns) + "ns";
}

std::string format_bit_rate(std::uint64_t bits_per_second) {
  if (bits_per_second == 0) return "unlimited";
  constexpr std::array<std::pair<std::uint64_t, const char*>, 3> kUnits{
      {{1'000'000'000, "gbit"}, {1'000'000, "mbit"}, {1'000, "kbit"}}};
  for (const auto& [unit, name] : kUnits) {
    if (bits_per_second % unit == 0) return std::to_string(bits_per_second / unit) + name;
  }
  return std::to_string(bits_per_second) + "bit";
}

Reader<std::string> string(std::size_t max_length) {
  return [max_length](const Node& node) -> Result<std::string> {
    if (!node.is_scalar() || node.text().empty()) return node.error("expected text, found " + node.describe());
    if (node.text().size() > max_length) {
      return node.error("expected at most " + std::to_string(max_length) + " bytes of text");
    }
    return node.text();
  };
}

Reader<std::string> identifier() {
  return [](const Node& node) -> Result<std::string> {
    if (node.is_scalar() && is_identifier(node.text())) return node.text();
    return node.error("expected " + std::string(kIdentifierWords) + ", found " + node.describe());
  };
}

std::optional<Error> wrong_key(const Node& map, const std::string& key) {
  if (is_identifier(key)) return std::nullopt;
  return map.key_error(key, "expected " + std::string(kIdentifierWords) + ", found \"" + key + "\"");
}

Reader<bool> boolean() {
  return [](const Node& node) -> Result<bool> {
    if (node.is_scalar() && !node.quoted() && node.text() == "true") return true;
    if (node.is_scalar() && !node.quoted() && node.text() == "false") return false;
    return node.error("expected true or false, found " + node.describe());
  };
}

Reader<std::int64_t> integer(std::int64_t min, std::int64_t max) {
  return [min, max](const Node& node) -> Result<std::int64_t> {
    const auto value = node.is_scalar() && !node.quoted() ? parse_integer(node.text()) : std::nullopt;
    if (value && *value >= min && *value <= max) return *value;
    return node.error("expected a whole number from " + std::to_string(min) + " to " + std::to_string(max) +
                      ", found " + node.describe());
  };
}

Reader<double> real(double min, double max) {
  return [min, max](const Node& node) -> Result<double> {
    const auto value = node.is_scalar() && !node.quoted() ? parse_real(node.text()) : std::nullopt;
    if (value && *value >= min && *value <= max) return *value;
    return node.error("expected a number from " + format_real(min) + " to " + format_real(max) + ", found " +
                      node.describe());
  };
}

Reader<double> fraction() {
  return [](const Node& node) -> Result<double> {
    const auto value = node.is_scalar() && !node.quoted() ? parse_fraction(node.text()) : std::nullopt;
    if (value && *value >= 0.0 && *value <= 1.0) return *value;
    return node.error("expected a share such as 2% or 0.02, from 0 to 1, found " + node.describe());
  };
}

Reader<Duration> duration(Duration min, Duration max) {
  return [min, max](const Node& node) -> Result<Duration> {
    const auto value = node.is_scalar() ? parse_duration(node.text()) : std::nullopt;
    if (value && *value >= min && *value <= max) return *value;
    return node.error("expected a duration with its unit, such as 10s, 5ms or 100us, from " + format_duration(min) +
                      " to " + format_duration(max) + ", found " + node.describe());
  };
}

Reader<std::uint64_t> bit_rate() {
  return [](const Node& node) -> Result<std::uint64_t> {
    const auto value = node.is_scalar() ? parse_bit_rate(node.text()) : std::nullopt;
    if (value) return *value;
    return node.error("expected a bit rate such as 10mbit or 1gbit, or unlimited, found " + node.describe());
  };
}

Reader<double> per_second(double max) {
  return [max](const Node& node) -> Result<double> {
    const auto value = node.is_scalar() ? parse_per_second(node.text()) : std::nullopt;
    if (value && *value > 0 && *value <= max) return *value;
    return node.error("expected a rate such as 50/s, above 0 and at most " + format_real(max) + "/s, found " +
                      node.describe());
  };
}

Error not_one_of(const Node& node, const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : " | ") + name;
  return node.error("expected " + list + ", found " + node.describe() + did_you_mean(node.text(), names));
}

std::optional<Error> wrong_size(const Node& node, Kind kind, std::size_t min, std::size_t max) {
  const char* name = kind == Kind::list ? "list" : "map";
  if (node.kind() != kind) return node.error(std::string("expected a ") + name + ", found " + node.describe());
  const std::size_t size = kind == Kind::list ? node.items().size() : node.entries().size();
  if (size >= min && size <= max) return std::nullopt;
  return node.error(std::string("expected a ") + name + " of " + std::to_string(min) + " to " + std::to_string(max) +
                    " entries, found " + std::to_string(size));
}

}  // namespace geocommit::yaml
