// Cycles among transactions that depend on each other, and what Adya calls them (Adya, Liskov and O'Neil, Generalized
// Isolation Level Definitions, ICDE 2000, sections 4 and 5; G-single: Adya's thesis, 1999, section 4.2).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace geocommit::verdict {

enum class Anomaly : std::uint8_t {
  g0,        ///< Write cycle: writes of two transactions are interleaved.
  g1a,       ///< Aborted read: what a transaction read was never committed.
  g1b,       ///< Intermediate read: it read a value that its writer did not leave.
  g1c,       ///< Circular information flow: a cycle of writes and reads.
  g_single,  ///< One anti-dependency closes the cycle: half of another transaction is seen, or an update is lost.
  g2,        ///< Several do: write skew, and all else that no serial order explains.
};
[[nodiscard]] std::string_view name_of(Anomaly anomaly);  ///< "G-single"

enum class DependencyKind : std::uint8_t {
  ww,  ///< `to` wrote the version after `from`'s.
  wr,  ///< `to` read `from`'s version.
  rw,  ///< `to` wrote the version after the one that `from` read.
};
[[nodiscard]] std::string_view name_of(DependencyKind kind);  ///< "ww"

/// `from` comes before `to` in every serial order that explains what was read and written. Transactions by number.
struct Dependency {
  std::uint32_t from{}, to{};
  DependencyKind kind{};
  Entity entity;
  NodeId site;
  auto operator<=>(const Dependency&) const = default;
};

struct Cycle {
  Anomaly anomaly{};
  std::vector<Dependency>
      dependencies;            ///< Each begins where the one before ends; the last ends where the first begins.
  std::size_t transactions{};  ///< That depend on each other in circles, this cycle's among them.
};

/// One for each set of transactions that depend on each other in circles (a strongly connected component): of the
/// lowest anomaly in it, the shortest that a bounded search finds. Near-linear; deterministic.
[[nodiscard]] std::vector<Cycle> find_cycles(std::uint32_t transactions, std::vector<Dependency> dependencies);

}  // namespace geocommit::verdict
