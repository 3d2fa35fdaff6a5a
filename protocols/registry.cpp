#include "protocols/registry.h"

#include <algorithm>
#include <array>

#include "protocols/easy_commit/easy_commit.h"
#include "protocols/home_region/home_region.h"
#include "protocols/paxos_commit/paxos_commit.h"
#include "protocols/three_phase_commit/three_phase_commit.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit {
namespace {

/// As each says of itself; a router says nothing of machines.
constexpr std::array<Protocol, 7> kRows{{
    {
        .name = "2pc",
        .title = "Two-phase commit, presumed abort",
        .source = "Mohan, Lindsay, Obermarck: Transaction Management in the R* Distributed Database Management System, "
                  "ACM TODS 11(4), 1986, section 3 (presumed abort); Bernstein, Hadzilacos, Goodman: Concurrency "
                  "Control and Recovery in Database Systems, 1987, section 7.4 (cooperative termination)",
        .folder = "two_phase_commit",
        .wire_id = two_phase_commit::kWireId,
        .guarantee = Guarantee::atomic,
        .safe_under = FaultModel::crashes_and_partitions,
        .commit_point = CommitPoint::forced,
        .ships_to_replicas = false,
        .options = two_phase_commit::kOptions,
        .route = route_everywhere<two_phase_commit::kWireId>,
        .roles = kTwoRoles,
        .make = two_phase_commit::make<two_phase_commit::kPresumedAbort>,
        .orphan = two_phase_commit::orphan<two_phase_commit::kPresumedAbort>,
        .commit_cost = two_phase_commit::commit_cost<two_phase_commit::kPresumedAbort>,
        .timing = two_phase_commit::timing<two_phase_commit::kPresumedAbort>,
        .kinds = two_phase_commit::kKindsOf<two_phase_commit::kPresumedAbort>,
        .records = two_phase_commit::kRecordsOf<two_phase_commit::kPresumedAbort>,
        .timers = two_phase_commit::kTimers,
        .points = two_phase_commit::kPoints,
    },
    {
        .name = "3pc",
        .title = "Three-phase commit, elected backup coordinator",
        .source = "Skeen: Nonblocking Commit Protocols, ACM SIGMOD, 1981, sections 4-6; Bernstein, Hadzilacos, "
                  "Goodman: Concurrency Control and Recovery in Database Systems, 1987, section 7.5",
        .folder = "three_phase_commit",
        .wire_id = three_phase_commit::kWireId,
        .guarantee = Guarantee::atomic,
        .safe_under = FaultModel::crashes,
        .commit_point = CommitPoint::forced,
        .ships_to_replicas = false,
        .route = route_everywhere<three_phase_commit::kWireId>,
        .roles = kTwoRoles,
        .make = three_phase_commit::make,
        .orphan = three_phase_commit::orphan,
        .commit_cost = three_phase_commit::commit_cost,
        .timing = three_phase_commit::timing,
        .kinds = three_phase_commit::kKinds,
        .records = three_phase_commit::kRecords,
        .timers = three_phase_commit::kTimers,
        .points = three_phase_commit::kPoints,
    },
    {
        .name = "home-region",
        .title = "Home-region routing over two-phase commit",
        .source = "Ren, Li, Abadi: SLOG: Serializable, Low-latency, Geo-replicated Transactions, PVLDB 12(11), 2019, "
                  "section 3 (home regions); Cooper et al.: PNUTS, PVLDB 1(2), 2008, section 2 (record mastership, "
                  "ordered asynchronous replication)",
        .folder = "home_region",
        .wire_id = 3,
        .guarantee = Guarantee::atomic,
        .safe_under = FaultModel::crashes_and_partitions,
        .ships_to_replicas = true,
        .routes_over = two_phase_commit::kWireId,
        .route = home_region::route,
    },
    {
        .name = "easy-commit",
        .title = "EasyCommit",
        .source = "Gupta, Sadoghi: EasyCommit: A Non-blocking Two-phase Commit Protocol, EDBT 2018, section 3",
        .folder = "easy_commit",
        .wire_id = easy_commit::kWireId,
        .guarantee = Guarantee::atomic,
        .safe_under = FaultModel::crashes_where_sent_arrives,
        .commit_point = CommitPoint::sent,
        .ships_to_replicas = false,
        .route = route_everywhere<easy_commit::kWireId>,
        .roles = kTwoRoles,
        .make = easy_commit::make,
        .orphan = easy_commit::orphan,
        .commit_cost = easy_commit::commit_cost,
        .timing = easy_commit::timing,
        .kinds = easy_commit::kKinds,
        .records = easy_commit::kRecords,
        .timers = easy_commit::kTimers,
        .points = easy_commit::kPoints,
    },
    {
        .name = "2pc-presumed-nothing",
        .title = "Two-phase commit, presumed nothing",
        .source = "Mohan, Lindsay, Obermarck: Transaction Management in the R* Distributed Database Management System, "
                  "ACM TODS 11(4), 1986, section 2 (the basic protocol); Bernstein, Hadzilacos, Goodman: Concurrency "
                  "Control and Recovery in Database Systems, 1987, section 7.4 (cooperative termination)",
        .folder = "two_phase_commit/presumed_nothing",
        .wire_id = 9,
        .guarantee = Guarantee::atomic,
        .safe_under = FaultModel::crashes_and_partitions,
        .commit_point = CommitPoint::forced,
        .presumes = two_phase_commit::kPresumedNothing.presumes,
        .ships_to_replicas = false,
        .options = two_phase_commit::kOptions,
        .route = route_everywhere<9>,
        .roles = kTwoRoles,
        .make = two_phase_commit::make<two_phase_commit::kPresumedNothing>,
        .orphan = two_phase_commit::orphan<two_phase_commit::kPresumedNothing>,
        .commit_cost = two_phase_commit::commit_cost<two_phase_commit::kPresumedNothing>,
        .timing = two_phase_commit::timing<two_phase_commit::kPresumedNothing>,
        .kinds = two_phase_commit::kKindsOf<two_phase_commit::kPresumedNothing>,
        .records = two_phase_commit::kRecordsOf<two_phase_commit::kPresumedNothing>,
        .timers = two_phase_commit::kTimers,
        .points = two_phase_commit::kPoints,
    },
    {
        .name = "2pc-presumed-commit",
        .title = "Two-phase commit, presumed commit",
        .source = "Mohan, Lindsay, Obermarck: Transaction Management in the R* Distributed Database Management System, "
                  "ACM TODS 11(4), 1986, section 3.2 (presumed commit); Bernstein, Hadzilacos, Goodman: Concurrency "
                  "Control and Recovery in Database Systems, 1987, section 7.4 (cooperative termination)",
        .folder = "two_phase_commit/presumed_commit",
        .wire_id = 10,
        .guarantee = Guarantee::atomic,
        .safe_under = FaultModel::crashes_and_partitions,
        .commit_point = CommitPoint::forced,
        .presumes = two_phase_commit::kPresumedCommit.presumes,
        .ships_to_replicas = false,
        .options = two_phase_commit::kOptions,
        .route = route_everywhere<10>,
        .roles = kTwoRoles,
        .make = two_phase_commit::make<two_phase_commit::kPresumedCommit>,
        .orphan = two_phase_commit::orphan<two_phase_commit::kPresumedCommit>,
        .commit_cost = two_phase_commit::commit_cost<two_phase_commit::kPresumedCommit>,
        .timing = two_phase_commit::timing<two_phase_commit::kPresumedCommit>,
        .kinds = two_phase_commit::kKindsOf<two_phase_commit::kPresumedCommit>,
        .records = two_phase_commit::kRecordsOf<two_phase_commit::kPresumedCommit>,
        .timers = two_phase_commit::kTimers,
        .points = two_phase_commit::kPoints,
    },
    {
        .name = "paxos-commit",
        .title = "Paxos Commit",
        .source = "Gray, Lamport: Consensus on Transaction Commit, ACM TODS 31(1), 2006, section 4",
        .folder = "paxos_commit",
        .wire_id = paxos_commit::kWireId,
        .guarantee = Guarantee::atomic,
        .safe_under = FaultModel::crashes_and_partitions,
        .commit_point = CommitPoint::accepted,
        .ships_to_replicas = false,
        .options = paxos_commit::kOptions,
        .route = route_everywhere<paxos_commit::kWireId>,
        .roles = kTwoRoles,
        .make = paxos_commit::make,
        .orphan = paxos_commit::orphan,
        .commit_cost = paxos_commit::commit_cost,
        .timing = paxos_commit::timing,
        .kinds = paxos_commit::kKinds,
        .records = paxos_commit::kRecords,
        .timers = paxos_commit::kTimers,
        .points = paxos_commit::kPoints,
    },
}};

/// A router has the machines of the row that it routes over, and all that is said of them.
template <std::size_t kCount>
constexpr std::array<Protocol, kCount> with_machines(std::array<Protocol, kCount> rows) {
  for (Protocol& row : rows) {
    const auto base = std::find_if(rows.begin(), rows.end(), [&row](const Protocol& one) {
      return row.routes_over != 0 && one.wire_id == row.routes_over && one.routes_over == 0;
    });
    if (base != rows.end()) {
      row.commit_point = base->commit_point;
      row.presumes = base->presumes;
      row.roles = base->roles;
      row.make = base->make;
      row.orphan = base->orphan;
      row.commit_cost = base->commit_cost;
      row.timing = base->timing;
      row.kinds = base->kinds;
      row.records = base->records;
      row.timers = base->timers;
      row.points = base->points;
    }
  }
  return rows;
}

constexpr auto kProtocols = with_machines(kRows);

constexpr bool lacks_nothing(const Protocol& row) {
  return row.wire_id != 0 && row.route != nullptr && !row.roles.empty() && row.make != nullptr &&
         row.orphan != nullptr && row.commit_cost != nullptr && row.timing != nullptr && !row.kinds.empty() &&
         !row.records.empty() && !row.timers.empty() && !row.points.empty();
}
#ifndef __SANITIZE_ADDRESS__  // GCC 12 takes no function's address for a constant beside -fsanitize=undefined.
static_assert(std::all_of(kProtocols.begin(), kProtocols.end(), lacks_nothing),
              "a row has machines of its own, or routes over a row that has");
#endif

template <class Match>
const Protocol* find_if(Match match) {
  const auto* found = std::find_if(kProtocols.begin(), kProtocols.end(), match);
  return found == kProtocols.end() ? nullptr : found;
}

/// Numbers are places; the first is 1.
template <class Row>
const Row* row_of(std::span<const Row> rows, std::uint8_t number) {
  return number == 0 || number > rows.size() ? nullptr : &rows[number - 1U];
}

template <class Row>
std::string_view name_in(std::span<const Row> rows, std::uint8_t number) {
  const Row* row = row_of(rows, number);
  return row == nullptr ? "?" : row->name;
}

}  // namespace

bool Protocol::has_role(Role role) const { return std::find(roles.begin(), roles.end(), role) != roles.end(); }

const Protocol& Protocol::commits_as() const { return is_router() ? *find_protocol(routes_over) : *this; }

std::string_view Protocol::kind_name(std::uint8_t kind) const { return name_in(kinds, kind); }

MessageClass Protocol::kind_class(std::uint8_t kind) const {
  const KindRow* row = row_of(kinds, kind);
  return row == nullptr ? MessageClass::inquiry : row->message_class;
}

Meaning Protocol::sent_after(std::uint8_t kind) const {
  const KindRow* row = row_of(kinds, kind);
  return row == nullptr ? Meaning::none : row->after;
}

Outcome Protocol::acknowledged_by(std::uint8_t kind) const {
  const KindRow* row = row_of(kinds, kind);
  return row == nullptr ? Outcome::commit : row->acknowledges;
}

std::string_view Protocol::record_name(std::uint8_t kind) const { return name_in(records, kind); }

Meaning Protocol::record_meaning(std::uint8_t kind) const {
  const RecordRow* row = row_of(records, kind);
  return row == nullptr ? Meaning::none : row->meaning;
}

std::string_view Protocol::record_name(Meaning meaning) const {
  const auto row =
      std::find_if(records.begin(), records.end(), [&](const RecordRow& r) { return r.meaning == meaning; });
  return row == records.end() || meaning == Meaning::none ? "?" : row->name;
}

std::string_view Protocol::timer_name(std::uint8_t timer) const { return name_in(timers, timer); }

std::span<const Protocol> all_protocols() { return kProtocols; }
const Protocol* find_protocol(std::string_view name) {
  return find_if([name](const Protocol& p) { return p.name == name; });
}
const Protocol* find_protocol(std::uint8_t wire_id) {
  return find_if([wire_id](const Protocol& p) { return p.wire_id == wire_id; });
}

}  // namespace geocommit
