// Homes that change their master in a world with cuts, crashes and planned transfers, judged by the verdict: what a
// fenced failover leaves behind is RPO and nothing else is lost; without fencing the verdict finds the two masters.
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>

#include "sim/world.h"
#include "tests/sim/three_regions.h"
#include "verdict/check.h"
#include "workload/random.h"

using namespace geocommit;
using namespace geocommit::sim;

namespace {

WorldSpec spec_of(std::uint64_t seed, bool fencing, double local, std::uint32_t sites = 1) {
  WorldSpec spec = three_regions("home-region", Directory({"a", "b", "c"}, sites, Placement::replicated, 200));
  spec.home = {.lease = 2s, .fencing = fencing};
  spec.unreachable_home = seed % 3 == 0 ? UnreachableHome::fail : UnreachableHome::wait;
  spec.unreachable_wait = 3s;
  spec.checkpoint_bytes = seed % 4 == 0 ? 4096 : std::size_t{64} << 20U;
  spec.workload.local = local;
  spec.duration = 12s;
  spec.outcome_timeout = 4s;
  spec.seed = seed;
  return spec;
}

/// Region `home` is cut off, and taken over by another while it is; sometimes one of its nodes crashes meanwhile.
void add_failover(WorldSpec& spec, Random& random, RegionId home, Duration at) {
  const RegionId successor{static_cast<std::uint32_t>((home.value + 1 + random.below(2)) % 3)};
  const Duration length = 1s + Duration{static_cast<std::int64_t>(random.below(5'000'000'000))};
  spec.faults.push_back(cut_off(spec.directory, {home}, at, length));
  spec.faults.push_back(order(FaultKind::failover, home, successor,
                              at + Duration{static_cast<std::int64_t>(random.below(1'000'000'000))}));
  if (random.below(2) == 0) {
    Fault crash;
    crash.kind = FaultKind::crash;
    crash.tail = random.below(2) == 0 ? Tail::lost : Tail::torn;
    crash.node = random.below(3) == 0 ? spec.directory.coordinator(home) : spec.directory.agent(home, 0);
    crash.at = at + Duration{static_cast<std::int64_t>(random.below(3'000'000'000))};
    crash.length = Duration{static_cast<std::int64_t>(random.below(4'000'000'000))};
    spec.faults.push_back(crash);
  }
}

/// Who votes YES while somebody else is master; what the nodes themselves report as lost.
struct Witness {
  const World* world{};
  const Directory* directory{};
  std::map<NodeId, NodeId> master;  // By home: who opened last.
  std::uint64_t votes_of_deposed{}, opened{}, transferred{}, lost{};

  struct At final : Observer {
    At(Witness& witness, NodeId node) : witness_(witness), node_(node) {}
    void voted(const TxnDescriptor& txn, Vote vote, Reason) override {
      for (const Operation& operation : txn.operations) {
        const NodeId home = witness_.directory->agent(witness_.directory->home_of(operation.entity),
                                                      witness_.directory->site_of(operation.entity));
        const auto master = witness_.master.find(home);
        const NodeId now = master == witness_.master.end() ? home : master->second;
        witness_.votes_of_deposed += vote == Vote::yes && now != node_ ? 1 : 0;
      }
    }
    void home_changed(const HomeEvent& event) override {
      if (event.kind == HomeEventKind::opened) {
        witness_.master[event.home] = node_;
        ++witness_.opened;
      }
      witness_.lost += event.kind == HomeEventKind::writes_lost ? event.writes : 0;
      witness_.transferred += event.kind == HomeEventKind::transferred ? 1 : 0;
    }

   private:
    Witness& witness_;
    NodeId node_;
  };
};

struct Ran {
  Witness witness;
  Verdict verdict;
};

Ran run(const WorldSpec& spec) {
  Ran ran;
  ran.witness.directory = &spec.directory;
  std::map<NodeId, std::unique_ptr<Witness::At>> observers;
  for (const NodeInfo& node : spec.directory.nodes()) {
    observers.emplace(node.id, std::make_unique<Witness::At>(ran.witness, node.id));
  }
  World world(spec, [&](NodeId node) { return observers.at(node).get(); });
  begin_load(world);
  ran.verdict = check(run_to_the_end(world));
  ran.witness.directory = nullptr;
  return ran;
}

std::string explain(const Verdict& verdict) {
  std::string text;
  for (const Violation& one : verdict.examples) {
    text += std::string(name_of(one.violation)) + ": " + one.what + "\n";
  }
  for (const std::string& reason : verdict.unknown_reasons) {
    text += "unknown: " + reason + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("home region: fenced failovers, returns and transfers: the verdict passes, what is lost is counted exactly") {
  std::uint64_t acknowledged = 0;
  std::uint64_t opened = 0;
  std::uint64_t transferred = 0;
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    WorldSpec spec = spec_of(seed, true, 1.0);  // One home each, one site: none can be torn.
    Random random(seed, 77);
    add_failover(spec, random, RegionId{0}, 2s);
    spec.faults.push_back(order(FaultKind::transfer, RegionId{1}, RegionId{2}, 4s));
    spec.faults.push_back(order(FaultKind::transfer, RegionId{0}, RegionId{0}, 10s));  // And back again.
    const Ran ran = run(spec);
    INFO("seed " << seed << "\n" << explain(ran.verdict));
    CHECK(ran.verdict.judgement == Judgement::pass);
    CHECK(ran.witness.votes_of_deposed == 0);
    CHECK(ran.verdict.rpo.torn == 0);
    CHECK(ran.witness.lost == ran.verdict.rpo.acknowledged + ran.verdict.rpo.unanswered);
    acknowledged += ran.verdict.rpo.acknowledged;
    opened += ran.witness.opened;
    transferred += ran.witness.transferred;
  }
  CHECK(acknowledged > 20);
  CHECK(opened > 48);
  CHECK(transferred > 24);
}

TEST_CASE("home region: transactions over several homes may be torn by a fenced failover, and are counted as torn") {
  std::uint64_t torn = 0;
  for (std::uint64_t seed = 101; seed <= 112; ++seed) {
    WorldSpec spec = spec_of(seed, true, 0.3, 1 + seed % 2);
    Random random(seed, 77);
    add_failover(spec, random, RegionId{static_cast<std::uint32_t>(seed % 3)}, 2s);
    add_failover(spec, random, RegionId{static_cast<std::uint32_t>((seed + 1) % 3)}, 7s);
    const Ran ran = run(spec);
    INFO("seed " << seed << "\n" << explain(ran.verdict));
    CHECK(ran.verdict.judgement == Judgement::pass);
    CHECK(ran.witness.votes_of_deposed == 0);
    torn += ran.verdict.rpo.torn;
  }
  CHECK(torn > 0);
}

TEST_CASE("home region: without fencing there are two masters, and the verdict finds what is lost by it") {
  std::uint64_t violations = 0;
  std::uint64_t deposed = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    WorldSpec spec = spec_of(seed, false, 1.0);
    Random random(seed, 77);
    add_failover(spec, random, RegionId{0}, 2s);
    const Ran ran = run(spec);
    violations += ran.verdict.count(ViolationClass::lost_acknowledged_write);
    deposed += ran.witness.votes_of_deposed;
    CHECK(ran.verdict.rpo.acknowledged == 0);
    CHECK_FALSE(ran.verdict.expected);
  }
  CHECK(violations > 0);
  CHECK(deposed > 0);
}
