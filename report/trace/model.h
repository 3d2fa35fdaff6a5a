// What the event logs of one cell say, put together: the nodes, the transactions, and which message arrived where.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocols/registry.h"
#include "report/trace/marks.h"
#include "runtime/events/files.h"

namespace geocommit::trace {

/// One event at one node, in words.
struct Step {
  std::size_t node{};  ///< Index into Cell::nodes.
  Event event;
};

/// A message that was sent. Times are of the machine-wide clock.
struct Flight {
  std::size_t from{}, to{};
  Event sent;
  std::optional<Event> received;  ///< None: lost, dropped, or its arrival is not in the log.
};

struct Timeline {
  TxnId txn;
  const Protocol* protocol{};  ///< May be null: written by a newer version.
  std::vector<Step> steps;     ///< In the order of time; messages are in flights alone.
  std::vector<Flight> flights;
  std::vector<Event> unexplained;  ///< Arrivals whose sending is in no log.
  std::vector<std::size_t> nodes;  ///< That took part: the coordinator first, the others by their ids.
  std::int64_t begin_ns{}, end_ns{};
  Outcome outcome{Outcome::undecided};  ///< As the logs say; see split.
  bool split{};                         ///< Both outcomes were decided.
  std::int64_t blocked_ns{};            ///< The longest at one participant that ended.
  bool still_blocked{};                 ///< In doubt with its decision timer fired, and no outcome in the log.
  /// From the coordinator's taking the request to its decision; none where one of the two is missing.
  std::optional<std::int64_t> latency_ns;
};

struct Node {
  std::string name;
  NodeId id;
  NodeEvents log;
};

struct Cell {
  std::string name;
  std::vector<Node> nodes;
  std::vector<FaultMark> marks;
  std::vector<std::string> warnings;
  std::set<TxnId> violating;  ///< As summary.json lists them.
};

/// The cells of a results folder that have event logs; `only`: this one.
[[nodiscard]] Result<std::vector<Cell>> load_cells(const std::filesystem::path& results, const std::string& only);
/// Every transaction that some node's log names, by id.
[[nodiscard]] std::vector<Timeline> timelines(const Cell& cell);

/// "1001.1.42"; nullopt if it is not of that form.
[[nodiscard]] std::optional<TxnId> parse_txn(const std::string& text);
/// "PREPARE", "prepared", "inquire", ...
[[nodiscard]] std::string kind_of(const Event& event);
/// A participant's YES is durable: from here on it is in doubt, until the outcome.
[[nodiscard]] bool begins_doubt(const Event& event);
/// What happened, in a few words: "forces prepared", "locks granted after waiting", "-> VOTE".
[[nodiscard]] std::string describe(const Cell& cell, const Step& step);

}  // namespace geocommit::trace
