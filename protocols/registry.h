// The explicit table of protocols. YAML keys, metric labels, report headings and every test suite iterate it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "protocols/directory.h"
#include "protocols/fault_model.h"
#include "protocols/machine.h"
#include "protocols/transaction.h"

namespace geocommit {

/// What a node still knows of a transaction that has no machine on it (engine/memory.h).
struct Remembered {
  SiteState state{SiteState::unknown};  ///< committed, aborted, or unknown.
  bool voted_read_only{};
  bool below_watermark{};  ///< Its coordinator has finished with it: every participant that had to know, knows.
  bool same_epoch{};       ///< The message's to_epoch is this node's epoch (or it carries none).
  bool own_transaction{};  ///< Its coordinator is this node.
};

/// What to do with a message about a transaction that has no machine here.
enum class OrphanAction : std::uint8_t {
  ignore,
  reply,         ///< Send `reply` (from/to/txn filled by the engine when left empty).
  make_machine,  ///< Make a machine for the addressed role and step it with the message.
  /// Participant: it has overtaken PREPARE. Kept, within bounds, for the machine that PREPARE makes.
  keep_for_prepare,
};
struct OrphanRule {
  OrphanAction action{OrphanAction::ignore};
  Message reply;
  std::string_view note;  ///< "decision-for-unknown-transaction" and the like: an alarm that is counted. Empty: none.
};

enum class Guarantee : std::uint8_t { atomic, compensated };

/// The closed-form cost of one fault-free commit with n participants (its README, Cost), held by tests to what runs.
/// The coordinator is not counted in n.
struct CostRow {
  std::uint32_t messages{};
  std::uint32_t forced_writes{};
  std::uint32_t delays_to_decision{};
};

/// Where one transaction's sites are, as its closed form sees them.
struct Geometry {
  std::vector<Duration> round_trips;             ///< Between the coordinator and each participant; never empty.
  std::vector<std::vector<Duration>> between{};  ///< Round trips among the participants, by their places.
  Duration force{};                              ///< W: one forced write.
  bool read_at_one_site{};                       ///< It only reads, at one site, which may let go with its vote.
  ProtocolOptions options{};                     ///< Of the row.
};
/// A fault-free transaction without load: no queueing, no jitter, no processing time.
struct Timing {
  Duration commit_latency{};  ///< From the request's arrival at the coordinator to the decision.
  /// At every participant: from its locks until they are free, and from its YES to the decision. Nullopt: it holds
  /// none that outlast its vote.
  std::optional<Duration> lock_hold{}, in_doubt{};
};

/// Where a request is executed: the coordinator, the protocol among the sites, and each site's work.
struct Route {
  RegionId coordinator_region;
  std::uint8_t protocol{};      ///< wire_id of the (inner) commit protocol.
  std::vector<SiteWork> sites;  ///< Ascending by node id; never empty.
};

/// What a record says, whatever its protocol calls it.
enum class Meaning : std::uint8_t {
  none,       ///< Nothing to anybody but its machine.
  yes,        ///< A participant's promise to commit if told so.
  precommit,  ///< All have voted YES, and this site knows.
  outcome,    ///< LogRecord::outcome: which.
  end,        ///< Whoever had to know, knows.
};

/// A kind of message. On the wire: never renumber.
struct KindRow {
  std::uint8_t number{};
  std::string_view name;  ///< "PREPARE"
  MessageClass message_class{};
  /// What its sender must have on stable storage before it leaves; of a vote, before a YES; of an acknowledgement by a
  /// site that only read, nothing. none: nothing.
  Meaning after{Meaning::none};
  /// Of an acknowledgement (after: outcome): of which. Of an abort, a site with no record of a YES needs none.
  Outcome acknowledges{Outcome::commit};
};
/// A kind of record. In logs: never renumber.
struct RecordRow {
  std::uint8_t number{};
  std::string_view name;  ///< "prepared"
  Meaning meaning{};
};
struct TimerRow {
  std::uint8_t number{};
  std::string_view name;  ///< "vote"
};

/// A row with commit machines (2pc, 3pc), or a router over such a row (home-region).
struct Protocol {
  std::string_view name;    ///< YAML key, metric label: "2pc".
  std::string_view title;   ///< Report heading: "Two-phase commit, presumed abort".
  std::string_view source;  ///< Paper, venue, year, section.
  std::string_view folder;  ///< Under protocols/.
  std::uint8_t wire_id{};   ///< Stable for ever: it is in logs and on the wire. 0 is no protocol.
  Guarantee guarantee{Guarantee::atomic};
  FaultModel safe_under{FaultModel::crashes_and_partitions};  ///< Under what it never splits.
  CommitPoint commit_point{CommitPoint::forced};
  /// Of a transaction that its coordinator has nothing of: it forgets any other outcome only when that is durable with
  /// who voted YES (ADR 46). undecided: nothing.
  Outcome presumes{Outcome::abort};
  bool ships_to_replicas{};    ///< Replicated placement: writes go to the home only and are shipped outward in order.
  std::uint8_t routes_over{};  ///< A router: wire_id of the row whose machines commit its transactions. 0: its own do.
  OptionTable options{};       ///< What an experiment may set; of machines the row's own, not of what routes over it.
  Route (*route)(const Request& request, const Directory& directory){};  ///< Every row has one.

  // Rows with machines. Numbers are places: the first is 1.
  std::span<const Role> roles{};  ///< That it has machines for: make() is asked for no other.
  std::unique_ptr<CommitMachine> (*make)(Role, const TxnContext&){};
  OrphanRule (*orphan)(const Message& message, const Remembered& remembered){};
  CostRow (*commit_cost)(std::uint32_t participants){};
  Timing (*timing)(const Geometry& geometry){};  ///< The closed form (its README, Cost).
  std::span<const KindRow> kinds{};
  std::span<const RecordRow> records{};
  std::span<const TimerRow> timers{};
  std::span<const std::string_view> points{};  ///< Protocol points (Notes) that faults can hang on.

  [[nodiscard]] bool is_router() const { return routes_over != 0; }
  /// The row with the machines: itself, or what it routes over.
  [[nodiscard]] const Protocol& commits_as() const;
  [[nodiscard]] bool has_role(Role role) const;  ///< As the row that it commits as.
  // By number, of the row that it commits as; "?" and the like if there is no such number.
  [[nodiscard]] std::string_view kind_name(std::uint8_t kind) const;
  [[nodiscard]] MessageClass kind_class(std::uint8_t kind) const;
  [[nodiscard]] Meaning sent_after(std::uint8_t kind) const;       ///< KindRow::after
  [[nodiscard]] Outcome acknowledged_by(std::uint8_t kind) const;  ///< KindRow::acknowledges
  [[nodiscard]] std::string_view record_name(std::uint8_t kind) const;
  [[nodiscard]] Meaning record_meaning(std::uint8_t kind) const;
  [[nodiscard]] std::string_view record_name(Meaning meaning) const;  ///< The first that says so.
  [[nodiscard]] std::string_view timer_name(std::uint8_t timer) const;
};

/// All protocols, in the order of reports.
[[nodiscard]] std::span<const Protocol> all_protocols();
/// nullptr if there is none.
[[nodiscard]] const Protocol* find_protocol(std::string_view name);
[[nodiscard]] const Protocol* find_protocol(std::uint8_t wire_id);
[[nodiscard]] std::string_view name_of(Reason reason);
[[nodiscard]] std::string_view name_of(Outcome outcome);
[[nodiscard]] std::string_view name_of(Vote vote);
[[nodiscard]] std::string_view name_of(SiteState state);
[[nodiscard]] std::string_view name_of(MessageClass message_class);
[[nodiscard]] std::string_view name_of(Role role);
/// On which processes of a run the machines of a role are.
[[nodiscard]] NodeKind host_of(Role role);

/// Every copy of every entity written, one copy (the origin's) read; coordinator in the origin region. 2PC's and 3PC's.
[[nodiscard]] std::vector<SiteWork> place_everywhere(const Request& request, const Directory& directory);
/// Each entity at its home's site only. Home region's; and, in partitioned placement, the same as place_everywhere.
[[nodiscard]] std::vector<SiteWork> place_at_home(const Request& request, const Directory& directory);

}  // namespace geocommit
