#include "sim/fuzz.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sim/streams.h"
#include "workload/random.h"

namespace geocommit::sim {
namespace {

std::string milliseconds(Duration d) { return std::to_string(d.count() / 1'000'000) + "ms"; }

/// Alarms that correct nodes raise when the network duplicates, delays or loses; any other is a failure.
constexpr std::array<std::string_view, 1> kOrdinaryAlarms{"a PREPARE from the past, or without a descriptor"};

/// Two outcomes of one transaction have met.
constexpr std::array<std::string_view, 2> kSplitAlarms{"commit-for-aborted-transaction",
                                                       "abort-for-committed-transaction"};

/// Where sending makes a commit irrevocable, one that is late beyond the fault model may arrive when its sender has
/// died without a record of it, and everybody has aborted: no log has both, and the verdict has nothing to expect.
bool may_suspect_split(const Protocol& protocol, const CheckOptions& options) {
  return protocol.commit_point == CommitPoint::sent && !options.beyond_model.empty();
}

template <std::size_t N>
bool is_among(std::string_view what, const std::array<std::string_view, N>& texts) {
  return std::find(texts.begin(), texts.end(), what) != texts.end();
}

/// A read that commits leaves no record: a coordinator that has restarted since refuses it, should the client's
/// question have crossed the answer. The first answer counts, and nothing was written.
bool only_reads(const Client& client, RequestId request) {
  const auto told = std::find_if(client.outcomes().begin(), client.outcomes().end(),
                                 [&](const ClientOutcome& outcome) { return outcome.request == request; });
  return told != client.outcomes().end() &&
         std::all_of(told->operations.begin(), told->operations.end(), [](const Operation& op) { return op.read; });
}

/// All but aborts: who is at rest still refuses a PREPARE, or an inquiry, that was long under way, and may write so.
std::ptrdiff_t effects(const NodeHistory& node) {
  return std::count_if(node.facts.begin(), node.facts.end(),
                       [](const Fact& fact) { return fact.kind != FactKind::aborted; });
}

/// What is at rest stays so whatever the network does: for long enough that a change of masters which was begun would
/// be taken up by whoever still sees a majority.
void disturb(World& world) {
  if (world.spec().home.lease == Duration{}) {
    return;
  }
  Random random(world.spec().seed, kRestStream);
  std::vector<bool> one_side(world.spec().directory.nodes().size());
  std::generate(one_side.begin(), one_side.end(), [&] { return random.chance(0.3); });
  world.part(one_side, 8 * world.spec().home.lease);
}

}  // namespace

std::string describe(const FuzzCase& one) {
  const WorldSpec& s = one.spec;
  const WorkloadSpec& w = s.workload;
  const Directory& d = s.directory;
  std::string out = std::string(s.protocol->name) + ", " + std::to_string(d.region_count()) + " regions x " +
                    std::to_string(d.sites_per_region()) + " sites, " +
                    (d.placement() == Placement::replicated ? "replicated" : "partitioned") + ", " +
                    std::to_string(d.keys_per_participant()) + " keys, " +
                    (s.locking == LockingPolicy::wound_wait ? "wound-wait" : "no-wait") + "\n";
  out += "force " + std::to_string(s.force.count() / 1000) + "us, timeouts vote " + milliseconds(s.timeouts.vote) +
         " decision " + milliseconds(s.timeouts.decision) + " resend " + milliseconds(s.timeouts.resend) +
         " lock wait " + milliseconds(s.lock_wait) + ", checkpoint every " + std::to_string(s.checkpoint_bytes) +
         " bytes, " + std::to_string(s.requests_remembered) + " requests remembered, " +
         std::to_string(s.retained_max) + " writes retained" + (one.synchronous ? ", synchronous" : "") + "\n";
  out += (w.arrival == Arrival::closed ? "closed loop of " + std::to_string(w.clients)
                                       : std::to_string(static_cast<int>(w.rate_per_s)) + "/s") +
         " from " + std::to_string(s.origins.size()) + " origins for " + milliseconds(s.duration) + ", " +
         std::to_string(w.participants) + " participants, balance " + std::to_string(s.initial_balance) + "\n";
  if (s.protocol->ships_to_replicas && d.placement() == Placement::replicated) {
    out += "home lease " + (s.home.lease > Duration{0} ? milliseconds(s.home.lease) : "off") + ", drain limit " +
           milliseconds(s.home.drain_limit) + ", unreachable home: " +
           (s.unreachable_home == UnreachableHome::fail ? "fail" : "wait " + milliseconds(s.unreachable_wait)) + "\n";
  }
  for (std::size_t i = 0; i < s.faults.size(); ++i) {
    out += "  " + describe(s.faults[i], d) + "\n";
  }
  return out;
}

FuzzResult run_case(const FuzzCase& one) {
  FuzzResult result;
  const auto fail = [&](std::string why) { result.failures.push_back(std::move(why)); };
  World world(one.spec);
  if (!world.become_ready()) {
    fail("nodes did not come to know each other");
  }
  world.start_load();
  world.run_load();
  world.heal();
  const Timeouts& t = one.spec.timeouts;
  const Duration longest = std::max({t.vote, t.decision, t.resend, one.spec.lock_wait, one.spec.outcome_timeout});
  const bool drained = world.drain(world.under_way() + 200 * longest + 60s);
  if (world.exhausted()) {
    fail("a storm: " + std::to_string(world.events()) + " events");
  }
  if (!drained) {
    fail("not drained after healing: " + world.why_not_quiet());
  }
  // As in a real run: first everybody is asked for balances, then the logs are read, and time passes in between.
  const History asked = world.history(drained);
  if (drained) {
    world.run_for(std::max<Duration>(2 * longest, world.under_way()));
    disturb(world);
    world.run_for(2 * longest);
  }
  History history = world.history(drained);
  for (auto& [node, own] : history.nodes) {
    own.balances = asked.nodes.at(node).balances;
    if (drained && effects(own) != effects(asked.nodes.at(node))) {
      fail("at rest, and yet the log of " + one.spec.directory.find(node)->name + " went on");
    }
  }
  CheckOptions options;
  const FaultModel& claim = one.spec.protocol->safe_under;
  if (!one.timely && !claim.survives(Failure::partition)) {
    options.beyond_model.push_back({Duration{0}, std::nullopt});
  }
  for (const FaultSpan& span : world.fault_spans()) {
    if (!survives(claim, one.spec.faults[span.fault], Failure::crash)) {
      options.beyond_model.push_back({span.began, span.felt});
    }
  }
  result.verdict = check(history, options);
  result.split_expected = result.verdict.judgement == Judgement::violation && result.verdict.expected;
  switch (result.verdict.judgement) {
    case Judgement::pass:
      break;
    case Judgement::violation:
      for (std::size_t i = 0; i < kViolationClasses && !result.verdict.expected; ++i) {
        if (result.verdict.counts[i] > 0) {
          fail(std::string(name_of(static_cast<ViolationClass>(i))) + ": " + std::to_string(result.verdict.counts[i]));
        }
      }
      for (const Violation& violation : result.verdict.examples) {
        if (!result.verdict.expected && result.failures.size() < 12) {
          fail("  " + to_text(violation.txn) + " " + violation.what);
        }
      }
      break;
    case Judgement::unknown:
      for (const std::string& reason : result.verdict.unknown_reasons) {
        if (reason != "there is no transaction to judge" && drained) {
          fail("unknown: " + reason);
        }
      }
      break;
  }
  for (const auto& [region, client] : world.clients()) {
    for (const RequestId request : client.contradicted()) {
      if (!result.split_expected && !only_reads(client, request)) {
        fail("a client was told both outcomes of its request " + std::to_string(request.sequence));
      }
    }
  }
  for (const auto& [what, count] : world.alarms()) {
    const bool ordinary = what.find("(home_retained_max)") != std::string::npos || is_among(what, kOrdinaryAlarms) ||
                          (is_among(what, kSplitAlarms) && may_suspect_split(*one.spec.protocol, options));
    if (!ordinary && !result.split_expected) {
      fail("alarm: " + what + " x " + std::to_string(count));
    }
  }
  result.events = world.events();
  result.committed = result.verdict.committed;
  result.aborted = result.verdict.aborted;
  result.trace_hash = world.trace_hash();
  result.virtual_time = world.now().time_since_epoch();
  return result;
}

Reduction shrink(std::uint64_t seed, Reduction from, const std::function<bool(const FuzzCase&)>& fails,
                 std::size_t runs_most) {
  std::size_t runs = 0;
  const auto still = [&](const Reduction& candidate) {
    return runs++ < runs_most && fails(draw_case(seed, candidate));
  };
  const FuzzCase whole = draw_case(seed, from);
  if (!from.faults) {
    from.faults.emplace();
    for (std::size_t i = 0; i < whole.faults_drawn; ++i) {
      from.faults->push_back(i);
    }
  }
  for (bool smaller = true; smaller && runs < runs_most;) {
    smaller = false;
    for (std::size_t i = 0; i < from.faults->size();) {
      Reduction candidate = from;
      candidate.faults->erase(candidate.faults->begin() + static_cast<std::ptrdiff_t>(i));
      if (still(candidate)) {
        from = std::move(candidate);
        smaller = true;
      } else {
        ++i;
      }
    }
    const FuzzCase now = draw_case(seed, from);
    for (const double share : {0.5, 0.8, 0.95}) {
      Reduction candidate = from;
      candidate.duration = Duration{static_cast<std::int64_t>(static_cast<double>(now.spec.duration.count()) * share) /
                                    1'000'000 * 1'000'000};
      if (*candidate.duration > Duration{0} && still(candidate)) {
        from = std::move(candidate);
        smaller = true;
        break;
      }
    }
    Reduction candidate = from;
    candidate.participants = now.spec.workload.participants - 1;
    if (*candidate.participants > 0 && still(candidate)) {
      from = std::move(candidate);
      smaller = true;
    }
    candidate = from;
    candidate.regions = now.spec.directory.region_count() - 1;
    if (*candidate.regions > 0 && still(candidate)) {
      from = std::move(candidate);
      smaller = true;
    }
  }
  return from;
}

std::string replay_arguments(std::uint64_t seed, const Reduction& reduction) {
  const Protocol& row = *draw_case(seed, reduction).spec.protocol;
  std::string out = "fuzz --seeds " + std::to_string(seed) + " --protocol " + std::string(row.name);
  if (const std::string options = text_of(row.options, reduction.options); !options.empty()) {
    out += " --option " + options;
  }
  if (reduction.regions) {
    out += " --regions " + std::to_string(*reduction.regions);
  }
  if (reduction.participants) {
    out += " --participants " + std::to_string(*reduction.participants);
  }
  if (reduction.duration) {
    out += " --duration " + milliseconds(*reduction.duration);
  }
  if (reduction.faults) {
    std::string list;
    for (const std::size_t i : *reduction.faults) {
      list += (list.empty() ? "" : ",") + std::to_string(i);
    }
    out += " --faults " + (list.empty() ? "none" : list);
  }
  return out;
}

}  // namespace geocommit::sim
