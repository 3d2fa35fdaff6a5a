#include "protocols/registry.h"

#include <algorithm>
#include <array>

#include "protocols/home_region/home_region.h"
#include "protocols/three_phase_commit/three_phase_commit.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit {
namespace {

constexpr std::array<Protocol, 3> kProtocols{{
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
        .ships_to_replicas = false,
        .make = two_phase_commit::make,
        .kind_name = two_phase_commit::kind_name,
        .kind_class = two_phase_commit::kind_class,
        .record_name = two_phase_commit::record_name,
        .timer_name = two_phase_commit::timer_name,
        .orphan = two_phase_commit::orphan,
        .commit_cost = two_phase_commit::commit_cost,
        .points = two_phase_commit::kPoints,
        .route = two_phase_commit::route,
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
        .ships_to_replicas = false,
        .make = three_phase_commit::make,
        .kind_name = three_phase_commit::kind_name,
        .kind_class = three_phase_commit::kind_class,
        .record_name = three_phase_commit::record_name,
        .timer_name = three_phase_commit::timer_name,
        .orphan = three_phase_commit::orphan,
        .commit_cost = three_phase_commit::commit_cost,
        .points = three_phase_commit::kPoints,
        .route = three_phase_commit::route,
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
        .make = nullptr,
        // Its transactions run as 2PC and are on the wire as such; the names are there so that nobody meets a null.
        .kind_name = two_phase_commit::kind_name,
        .kind_class = two_phase_commit::kind_class,
        .record_name = two_phase_commit::record_name,
        .timer_name = two_phase_commit::timer_name,
        .orphan = two_phase_commit::orphan,
        .commit_cost = two_phase_commit::commit_cost,
        .points = two_phase_commit::kPoints,
        .route = home_region::route,
    },
}};

template <class Match>
const Protocol* find_if(Match match) {
  const auto* found = std::find_if(kProtocols.begin(), kProtocols.end(), match);
  return found == kProtocols.end() ? nullptr : found;
}

}  // namespace

std::span<const Protocol> all_protocols() { return kProtocols; }
const Protocol* find_protocol(std::string_view name) {
  return find_if([name](const Protocol& p) { return p.name == name; });
}
const Protocol* find_protocol(std::uint8_t wire_id) {
  return find_if([wire_id](const Protocol& p) { return p.wire_id == wire_id; });
}

}  // namespace geocommit
