// The explorer: every order of deliveries, forces, timers and faults of one transaction, within bounds, over the very
// NodeEngine that the agents run. docs/adr/0010-explorer.md argues what is searched, what is left out, and why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/record.h"
#include "protocols/registry.h"

namespace geocommit::explore {

/// What a planted mutant of the engine does to a node's input. Tests only; a pure function of its arguments.
struct NodeFilter {
  /// Before a message is taken. False: it is swallowed.
  bool (*deliver)(NodeId self, Epoch epoch, PeerMessage& message){};
  /// Before the log is given back to a node that restarts.
  void (*recover)(std::vector<DurableRecord>& records){};
  /// What a node says of itself.
  void (*status)(EngineStatus& status){};
};

/// How much may go wrong, each counted over the whole run.
struct Bounds {
  static constexpr std::uint32_t kEveryRestart = 3;
  std::uint32_t crashes{}, partitions{}, duplicates{}, drops{}, denials{}, wounds{};
  /// Nodes whose messages, both ways, may outlast every timeout: what they and the others wait for from each other may
  /// be given up too early. Why the unit is a node: docs/adr/0011-early-timers.md.
  std::uint32_t early_timers{};
  std::uint32_t early_firings{};  ///< Single firings of one timer too early, with everything else on time.
  /// How many of the dead may come back while the search is on; all do when a state is repaired and judged.
  std::uint32_t restarts{kEveryRestart};
};

struct Limits {
  std::uint32_t depth{std::numeric_limits<std::uint32_t>::max()};
  std::uint64_t states{std::numeric_limits<std::uint32_t>::max() - 1};
  double seconds{0};                         ///< 0: no limit.
  std::size_t bytes{std::size_t{2} << 30U};  ///< Of the visited set.
  std::size_t threads{1};                    ///< The findings do not depend on it.
  /// Of a node's messages in flight at its crash or restart: every subset of so many is lost; what is beyond arrives.
  std::uint32_t losses{10};
};

struct Options {
  const Protocol* protocol{};  ///< A row with machines; may be a mutant's.
  ProtocolOptions protocol_options{};
  std::uint32_t participants{3};  ///< 1 to 6.
  std::uint32_t read_only{};      ///< So many of them, the last ones, only read.
  bool lost_tail{};               ///< A crash may lose any suffix of the unsynced log.
  /// What a process had sent when it crashed arrives; else any subset of it is lost. Nullopt: as the row claims to
  /// stand.
  std::optional<bool> sent_arrives;
  Bounds bounds;
  Limits limits;
  /// Participants that do the same work count as interchangeable. If the machines turn out not to treat them so (3PC:
  /// the lowest id leads), explore() says so in the report and searches again without.
  bool symmetry{true};
  bool reduce{true};           ///< Partial-order reduction.
  bool leave_out_inert{true};  ///< Messages that do nothing, wherever their receiver is, are not kept in flight.
  std::size_t show{1};         ///< Violations to show (each kind once).
  NodeFilter filter;
};

/// `losses`: everything was searched, but for some of the subsets of messages that a crash may lose (Limits::losses).
enum class Ending : std::uint8_t { exhausted, violation, depth, states, seconds, bytes, losses };
[[nodiscard]] std::string_view name_of(Ending ending);

/// One violation of each kind that was found, or one example of a blocking state.
struct Finding {
  std::string what;                ///< Which check.
  std::vector<std::string> steps;  ///< Labels of the actions; replay() takes them.
  std::string diagram;             ///< The same as a space-time diagram.
};

struct Report {
  Ending ending{Ending::exhausted};
  std::uint64_t states{}, transitions{}, reduced{};  ///< reduced: states of which one node's actions were enough.
  std::uint32_t depth{};                             ///< Steps from the first state to the last one met.
  std::uint32_t complete{};                          ///< All that can happen in so many steps was searched.
  std::uint64_t expanded{};                          ///< States of which all successors were searched.
  bool commits{}, aborts{};                          ///< Was there a run that commits, one that aborts?
  bool symmetric{};                                  ///< Interchangeable participants were counted once.
  std::uint64_t settled{};                           ///< States from which heal-and-drain was run.
  std::uint64_t blocking{};  ///< Resting states in which a live site is in doubt and cannot find out.
  std::uint64_t node_states{}, node_steps{}, messages{};  ///< Distinct ones of the engines.
  std::size_t bytes{};                                    ///< Of the visited set and its tables.
  std::vector<Finding> violations;                        ///< In the order found: shortest first.
  std::vector<Finding> blocked;                           ///< The first; and the first with coordinator and site dead.
};

struct Progress {
  std::uint64_t states{}, expanded{};  ///< Met; and those of which all that can happen next is known.
  std::uint32_t depth{};
  std::size_t bytes{};
};
/// Asked every thousand states or so: give up (Ending::seconds)?
using Stop = std::function<bool(const Progress&)>;

/// Thrown through an engine by a check that its own GC_CHECKs would turn into an abort; caught where the step is made.
struct Violated {
  std::string what;
};

/// What was sent arrives: as asked for, or as far as the row's claim goes.
[[nodiscard]] bool sent_arrives(std::optional<bool> asked, const Protocol& protocol);
/// Why the searches cannot drive this row's machines, for people; empty: they can.
[[nodiscard]] std::string not_driven(const Protocol& protocol);
/// What the bounds allow that the row does not claim to survive, for people; empty: nothing.
[[nodiscard]] std::string beyond_claim(const Options& options);

/// The search. `stop` may be empty.
[[nodiscard]] Report explore(const Options& options, const Stop& stop = {});

/// Runs labelled steps; the transcript has each step and what it did, the violation last if one is met.
struct Replayed {
  bool understood{};      ///< False: a step is not possible; the transcript says which.
  std::string violation;  ///< Empty: none.
  std::string transcript, diagram;
};
[[nodiscard]] Replayed replay(const Options& options, const std::vector<std::string>& steps);

/// A found trace as a file that replays: the bounds, the steps, and what must come out.
[[nodiscard]] std::string golden_trace(const Options& options, const Finding& finding);
/// Runs such a file again; `text` is what it should be now. error: it could not be understood.
struct GoldenResult {
  std::string error, text, violation, diagram;
};
[[nodiscard]] GoldenResult run_golden_trace(const std::string& file);

/// What run_explore needs of the world around it.
struct Host {
  std::ostream& out;
  std::function<double()> seconds;          ///< Steady.
  std::function<std::size_t()> peak_bytes;  ///< Of the process; may be empty.
  /// Where to keep a found trace; empty: nowhere. Returns how a user replays it.
  std::function<std::string(const std::string& name, const std::string& text)> save;
};

/// What the commands print alike.
struct SearchLine {
  Ending ending{};
  std::uint64_t states{}, transitions{}, expanded{};
  std::uint32_t depth{}, complete{};
  std::size_t bytes{};
  std::size_t losses_most{};  ///< Of a node's messages in flight at a crash: of so many, every subset was lost.
};
void print_search_line(const SearchLine& line, double took, const Host& host);
/// A line every two seconds; `last`: when the last one was.
void print_progress(const Progress& progress, double begin, double& last, const Host& host);

inline constexpr int kClean = 0, kRefused = 1, kViolation = 2, kNotExhausted = 3;
/// The last line of a search that found no violation, and its exit status; `clean`: the line of one that was exhausted.
[[nodiscard]] int conclude(Ending ending, std::string_view clean, const Host& host);

/// Explores and prints. kViolation wins over kNotExhausted.
[[nodiscard]] int run_explore(const Options& options, const Host& host);

}  // namespace geocommit::explore
