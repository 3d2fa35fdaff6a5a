// Every field of a plain struct, without naming one: a field that is added tomorrow is compared, and asked for in the
// samples, at once. For codecs: what is not encoded comes back as the default, and a sample that has the default shows
// nothing.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/peer_message.h"
#include "measure/metric_set.h"

namespace geocommit::fields {

struct Anything {
  template <class T>
  operator T() const;  // NOLINT: converts to whatever field it is given to
};
template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{((void)I, Anything{})...}; };
}
inline constexpr std::size_t kFieldsMax = 24;
template <class T, std::size_t N = kFieldsMax>
constexpr std::size_t count() {
  static_assert(!takes<T>(std::make_index_sequence<kFieldsMax + 1>{}), "more fields than of() knows");
  if constexpr (N == 0 || takes<T>(std::make_index_sequence<N>{})) {
    return N;
  } else {
    return count<T, N - 1>();
  }
}

template <class T>
auto of(const T& value) {
  constexpr std::size_t n = count<T>();
  static_assert(n > 0);
  if constexpr (n == 1) {
    const auto& [a1] = value;
    return std::tie(a1);
  } else if constexpr (n == 2) {
    const auto& [a1, a2] = value;
    return std::tie(a1, a2);
  } else if constexpr (n == 3) {
    const auto& [a1, a2, a3] = value;
    return std::tie(a1, a2, a3);
  } else if constexpr (n == 4) {
    const auto& [a1, a2, a3, a4] = value;
    return std::tie(a1, a2, a3, a4);
  } else if constexpr (n == 5) {
    const auto& [a1, a2, a3, a4, a5] = value;
    return std::tie(a1, a2, a3, a4, a5);
  } else if constexpr (n == 6) {
    const auto& [a1, a2, a3, a4, a5, a6] = value;
    return std::tie(a1, a2, a3, a4, a5, a6);
  } else if constexpr (n == 7) {
    const auto& [a1, a2, a3, a4, a5, a6, a7] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7);
  } else if constexpr (n == 8) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8);
  } else if constexpr (n == 9) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9);
  } else if constexpr (n == 10) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10);
  } else if constexpr (n == 11) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11);
  } else if constexpr (n == 12) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12);
  } else if constexpr (n == 13) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13);
  } else if constexpr (n == 14) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14);
  } else if constexpr (n == 15) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15);
  } else if constexpr (n == 16) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16);
  } else if constexpr (n == 17) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17);
  } else if constexpr (n == 18) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18);
  } else if constexpr (n == 19) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19);
  } else if constexpr (n == 20) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20);
  } else if constexpr (n == 21) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21] =
        value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21);
  } else if constexpr (n == 22) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22] =
        value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21,
                    a22);
  } else if constexpr (n == 23) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22,
                 a23] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22,
                    a23);
  } else if constexpr (n == 24) {
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22,
                 a23, a24] = value;
    return std::tie(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22,
                    a23, a24);
  }
}
/// Instant ShippedWrite::committed does not travel.
inline auto of(const ShippedWrite& value) {
  return std::tie(value.sequence, value.txn, value.operations, value.versions);
}
inline auto of(const MetricSet& value) { return std::tie(value.counters(), value.gauges(), value.histograms()); }
inline auto of(const Histogram& value) {
  return std::make_tuple(value.buckets(), value.min(), value.max(), value.sum_ns(), value.clamped());
}

template <class T>
inline constexpr bool kStruct =
    (std::is_class_v<T> && std::is_aggregate_v<T>) || std::is_same_v<T, MetricSet> || std::is_same_v<T, Histogram>;
template <class T>
inline constexpr bool kList = false;
template <class T>
inline constexpr bool kList<std::vector<T>> = true;
template <class K, class T>
inline constexpr bool kList<std::map<K, T>> = true;

// ---- equal, field by field ------------------------------------------------------------------------------------------

template <class T>
bool same(const T& one, const T& other);

template <class A, class B>
bool same(const std::pair<A, B>& one, const std::pair<A, B>& other) {
  return same(one.first, other.first) && same(one.second, other.second);
}
template <class T>
bool same(const std::optional<T>& one, const std::optional<T>& other) {
  return one.has_value() == other.has_value() && (!one || same(*one, *other));
}
template <class T>
bool same(const T& one, const T& other) {
  if constexpr (kList<T>) {
    auto at = other.begin();
    if (one.size() != other.size()) return false;
    for (const auto& element : one) {
      if (!same(element, *at++)) return false;
    }
    return true;
  } else if constexpr (kStruct<T>) {
    const auto mine = of(one), theirs = of(other);
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (same(std::get<I>(mine), std::get<I>(theirs)) && ...);
    }
    (std::make_index_sequence<std::tuple_size_v<decltype(mine)>>{});
  } else {
    return one == other;
  }
}

// ---- what a sample leaves unsaid ------------------------------------------------------------------------------------

using Gaps = std::set<std::string>;

template <class T>
Gaps gaps(const T& value, const std::string& path);
template <class A, class B>
Gaps gaps(const std::pair<A, B>& value, const std::string& path);
template <class T>
Gaps gaps(const std::optional<T>& value, const std::string& path);

/// What all of them leave unsaid.
template <class List>
Gaps common_gaps(const List& list, const std::string& path) {
  std::optional<Gaps> common;
  for (const auto& element : list) {
    Gaps own = gaps(element, path);
    if (common) std::erase_if(*common, [&](const std::string& gap) { return !own.contains(gap); });
    if (!common) common = std::move(own);
  }
  return common.value_or(Gaps{path + ": nothing in it"});
}
template <class A, class B>
Gaps gaps(const std::pair<A, B>& value, const std::string& path) {
  Gaps found = gaps(value.first, path + ".first");
  found.merge(gaps(value.second, path + ".second"));
  return found;
}
template <class T>
Gaps gaps(const std::optional<T>& value, const std::string& path) {
  return value ? gaps(*value, path) : Gaps{path + ": not set"};
}
/// Fields at their defaults, and pairs of one type that hold the same: the codec might take one for the other.
template <class T>
Gaps gaps(const T& value, const std::string& path) {
  if constexpr (kList<T>) {
    return common_gaps(value, path + "[]");
  } else if constexpr (kStruct<T>) {
    Gaps found;
    const auto all = of(value);
    const auto pair = [&]<class A, class B>(const A& one, const B& other, std::size_t i, std::size_t j) {
      if constexpr (std::is_same_v<A, B>) {
        if (i < j && same(one, other)) {
          found.insert(path + ": fields " + std::to_string(i + 1) + " and " + std::to_string(j + 1) + " hold the same");
        }
      }
    };
    const auto row = [&]<class A, std::size_t... J>(const A& one, std::size_t i, std::index_sequence<J...>) {
      found.merge(gaps(one, path + "." + std::to_string(i + 1)));
      (pair(one, std::get<J>(all), i, J), ...);
    };
    [&]<std::size_t... I>(std::index_sequence<I...> indices) { (row(std::get<I>(all), I, indices), ...); }
    (std::make_index_sequence<std::tuple_size_v<decltype(all)>>{});
    return found;
  } else {
    return value == T{} ? Gaps{path + ": at its default"} : Gaps{};
  }
}

inline std::string text(const Gaps& found) {
  std::string all;
  for (const std::string& gap : found) all += gap + "\n";
  return all;
}

}  // namespace geocommit::fields
