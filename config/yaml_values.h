// Readers of typed values for strict_yaml.h. Each call returns a callable `Result<T>(const Node&)` that says what it
// expected. Parsers of plain text are given too (parse_duration ...), for command-line options with the same syntax.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>

#include "base/time.h"
#include "config/strict_yaml.h"

namespace geocommit::yaml {

template <class T>
using Reader = std::function<Result<T>(const Node&)>;

/// Any scalar, not empty and at most `max_length` bytes.
[[nodiscard]] Reader<std::string> string(std::size_t max_length = 4096);
/// A name (base/identifier.h). Safe in paths.
[[nodiscard]] Reader<std::string> identifier();
/// The error of a key that is no name, where the keys of this map are names.
[[nodiscard]] std::optional<Error> wrong_key(const Node& map, const std::string& key);
/// `true` or `false`.
[[nodiscard]] Reader<bool> boolean();
/// A whole number in [min, max].
[[nodiscard]] Reader<std::int64_t> integer(std::int64_t min, std::int64_t max);
/// A finite number in [min, max].
[[nodiscard]] Reader<double> real(double min, double max);
/// `2%` or `0.02`, as a fraction in [0, 1].
[[nodiscard]] Reader<double> fraction();
/// `10s`, `5ms`, `100us`, `50ns`, `1m`, `1h`, decimals allowed; in [min, max]. The unit is required.
[[nodiscard]] Reader<Duration> duration(Duration min = Duration{0}, Duration max = std::chrono::hours(24 * 7));
/// `10mbit`, `1gbit`, `500kbit`, `9600bit`, in bits per second; `unlimited` is 0.
[[nodiscard]] Reader<std::uint64_t> bit_rate();
/// `50/s`, in events per second, in (0, max].
[[nodiscard]] Reader<double> per_second(double max = 1e9);

/// One of a list of names, with "did you mean".
template <class Enum>
[[nodiscard]] Reader<Enum> one_of(std::vector<std::pair<std::string, Enum>> names);

/// A list with each item read by `read`; between min and max items. Reports every wrong item.
template <class T>
[[nodiscard]] Reader<std::vector<T>> list_of(Reader<T> read, std::size_t min = 0, std::size_t max = 10000);

/// A map with free keys, in the order of the file.
template <class T>
[[nodiscard]] Reader<std::vector<std::pair<std::string, T>>> map_of(Reader<T> read, std::size_t max = 10000);

// Plain-text forms; nullopt when the text is not of that form.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
[[nodiscard]] std::optional<std::uint64_t> parse_bit_rate(std::string_view text);
[[nodiscard]] std::optional<double> parse_per_second(std::string_view text);
[[nodiscard]] std::optional<double> parse_fraction(std::string_view text);
[[nodiscard]] std::optional<double> parse_real(std::string_view text);
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);
/// The shortest exact form that parse_duration reads: `10s`, `1500us`.
[[nodiscard]] std::string format_duration(Duration duration);
/// The shortest decimal form of exactly that number, as people write it: `100000`, never `1e+05`. Finite.
[[nodiscard]] std::string format_real(double value);
/// `10mbit`, `unlimited` for 0.
[[nodiscard]] std::string format_bit_rate(std::uint64_t bits_per_second);

// ---- templates ----

/// The error of a name that is none of `names`.
[[nodiscard]] Error not_one_of(const Node& node, const std::vector<std::string>& names);

template <class Enum>
Reader<Enum> one_of(std::vector<std::pair<std::string, Enum>> names) {
  return [names = std::move(names)](const Node& node) -> Result<Enum> {
    std::vector<std::string> words;
    for (const auto& [word, value] : names) {
      if (node.is_scalar() && node.text() == word) return value;
      words.push_back(word);
    }
    return not_one_of(node, words);
  };
}

/// The error of a list or map with the wrong kind or size, or nullopt.
[[nodiscard]] std::optional<Error> wrong_size(const Node& node, Kind kind, std::size_t min, std::size_t max);

template <class T>
Reader<std::vector<T>> list_of(Reader<T> read, std::size_t min, std::size_t max) {
  return [read = std::move(read), min, max](const Node& node) -> Result<std::vector<T>> {
    if (auto error = wrong_size(node, Kind::list, min, max)) return *error;
    std::vector<T> out;
    std::vector<std::string> errors;
    for (const Node& item : node.items()) {
      if (auto value = read(item)) {
        out.push_back(std::move(value).value());
      } else {
        errors.push_back(value.error().message);
      }
    }
    if (!errors.empty()) return join_errors(errors);
    return out;
  };
}

template <class T>
Reader<std::vector<std::pair<std::string, T>>> map_of(Reader<T> read, std::size_t max) {
  return [read = std::move(read), max](const Node& node) -> Result<std::vector<std::pair<std::string, T>>> {
    if (auto error = wrong_size(node, Kind::map, 0, max)) return *error;
    std::vector<std::pair<std::string, T>> out;
    std::vector<std::string> errors;
    for (const auto& [key, item] : node.entries()) {
      if (auto value = read(item)) {
        out.emplace_back(key, std::move(value).value());
      } else {
        errors.push_back(value.error().message);
      }
    }
    if (!errors.empty()) return join_errors(errors);
    return out;
  };
}

}  // namespace geocommit::yaml
