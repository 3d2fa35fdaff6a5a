// What a seed draws.
#include <algorithm>
#include <string>
#include <utility>

#include "sim/fuzz.h"
#include "sim/streams.h"
#include "workload/random.h"

namespace geocommit::sim {
namespace {

class Draw {
 public:
  Draw(std::uint64_t seed, const Reduction& reduction)
      : reduction_(reduction),
        random_(seed, kFuzzStream),
        fault_random_(seed, kFaultStream),
        home_random_(seed, kHomeStream),
        lease_random_(seed, kLeaseStream) {
    case_.seed = seed;
  }

  FuzzCase draw() {
    WorldSpec& spec = case_.spec;
    spec.seed = case_.seed;
    spec.protocol =
        reduction_.protocol ? find_protocol(*reduction_.protocol) : &draw_protocol(case_.seed, all_protocols());
    spec.options = reduction_.options;
    (void)random_.next();  // Once the protocol; so that kept seeds stay what they were.
    draw_topology();
    draw_timing();
    draw_workload();
    draw_home_rules();
    draw_faults();
    if (random_.chance(0.3)) {
      spec.requests_remembered = 1 + random_.below(20);
    }
    if (random_.chance(0.2)) {
      spec.retained_max = 1 + random_.below(30);
    }
    if (random_.chance(0.15)) {
      spec.checkpoint_bytes = 1;  // After every step, whatever is open then.
    }
    spec.events_most = 6'000'000;
    return std::move(case_);
  }

 private:
  /// Uniform on a logarithmic scale: small and large values are equally likely.
  Duration between(Duration low, Duration high, Random& random) {
    const double ratio = portable_log(static_cast<double>(high.count()) / static_cast<double>(low.count()));
    return Duration{static_cast<std::int64_t>(static_cast<double>(low.count()) * portable_exp(ratio * random.unit()))};
  }
  Duration between(Duration low, Duration high) { return between(low, high, random_); }

  void draw_topology() {
    WorldSpec& spec = case_.spec;
    auto regions = static_cast<std::uint32_t>(1 + random_.below(5));
    const auto sites = static_cast<std::uint32_t>(random_.chance(0.3) ? 2 : 1);
    const Placement placement = random_.chance(0.5) ? Placement::replicated : Placement::partitioned;
    const std::uint64_t keys = 5 + random_.below(random_.chance(0.5) ? 8 : 100);
    regions = std::min(regions, reduction_.regions.value_or(regions));
    std::vector<std::string> names;
    for (std::uint32_t r = 0; r < regions; ++r) {
      names.push_back("r" + std::to_string(r));
    }
    spec.directory = Directory(names, sites, placement, keys);
    const Duration farthest = between(1ms, 100ms);
    const bool jitter = random_.chance(0.4);
    const bool loss = random_.chance(0.15);
    for (std::uint32_t a = 0; a < regions; ++a) {
      std::vector<LinkSpec> row;
      for (std::uint32_t b = 0; b < regions; ++b) {
        LinkSpec link;
        link.delay = a == b ? 250us : between(500us, std::max<Duration>(farthest, 501us));
        if (jitter) {
          link.jitter = Duration{static_cast<std::int64_t>(static_cast<double>(link.delay.count()) * random_.unit())};
          link.distribution = static_cast<JitterDistribution>(random_.below(4));
          unbounded_ = unbounded_ || link.distribution == JitterDistribution::pareto ||
                       link.distribution == JitterDistribution::paretonormal;
        }
        link.loss = loss ? 0.05 * random_.unit() : 0.0;
        latest_ = std::max(latest_, link.delay + 4 * link.jitter);
        row.push_back(link);
      }
      spec.links.push_back(std::move(row));
    }
    unbounded_ = unbounded_ || loss;
  }

  void draw_timing() {
    WorldSpec& spec = case_.spec;
    spec.force = random_.chance(0.2) ? Duration{0} : between(50us, 8ms);
    const Duration safe = 4 * 2 * latest_ + 20 * spec.force + 200ms;  // As `auto` (experiment/experiment.h).
    const bool hasty = random_.chance(0.25);
    const Duration base = hasty ? between(safe / 50, safe) : safe;
    spec.timeouts = {base, random_.chance(0.8) || !hasty ? base : between(base / 4, base * 4), base / 2};
    spec.lock_wait = random_.chance(0.7) ? base : between(1ms, 2 * base);
    spec.outcome_timeout = between(base, 8 * base);
    unbounded_ = unbounded_ || hasty;
    spec.locking = random_.chance(0.7) ? LockingPolicy::wound_wait : LockingPolicy::no_wait;
    spec.checkpoint_bytes = random_.chance(0.5) ? std::size_t{1} << (10 + random_.below(7)) : std::size_t{64} << 20U;
    spec.initial_balance = random_.chance(0.7) ? 1000 : static_cast<std::int64_t>(random_.below(30));
  }

  void draw_workload() {
    WorkloadSpec& load = case_.spec.workload;
    load.participants = static_cast<std::uint32_t>(1 + random_.below(4));
    load.participants = std::min(load.participants, reduction_.participants.value_or(load.participants));
    const std::uint64_t arrival = random_.below(5);
    load.arrival = arrival < 3 ? Arrival::poisson : arrival == 3 ? Arrival::fixed : Arrival::closed;
    load.rate_per_s = 2.0 + 60.0 * random_.unit() * random_.unit();
    load.clients = static_cast<std::uint32_t>(1 + random_.below(6));
    load.keys = static_cast<KeyDistribution>(random_.below(3));
    load.local = random_.unit();
    load.reads = random_.chance(0.5) ? 0.0 : 0.5 * random_.unit();
    load.outstanding_max = random_.chance(0.9) ? 10'000 : static_cast<std::uint32_t>(1 + random_.below(10));
    case_.spec.duration = between(300ms, 4s);
    const std::uint32_t regions = case_.spec.directory.region_count();
    const bool few = random_.chance(0.4);
    for (std::uint32_t r = 0; r < regions; ++r) {
      if (!few || random_.chance(0.5)) {
        case_.spec.origins.push_back(RegionId{r});
      }
    }
    if (case_.spec.origins.empty()) {
      case_.spec.origins.push_back(RegionId{0});
    }
  }

  [[nodiscard]] bool keeps_homes() const {
    return case_.spec.protocol->ships_to_replicas && case_.spec.directory.placement() == Placement::replicated;
  }

  /// Home region: leases, always fenced (else a failover loses what it must not), and what a home out of reach means.
  void draw_home_rules() {
    WorldSpec& spec = case_.spec;
    if (!keeps_homes()) {
      return;
    }
    const Duration base = spec.timeouts.vote;
    if (home_random_.chance(0.6)) {
      spec.home.lease = between(base / 2, 6 * base, home_random_);
      if (lease_random_.chance(0.15)) {  // Shorter than round trips: a home that some sites cannot serve, or none.
        spec.home.lease = between(std::min<Duration>(10ms, spec.home.lease), spec.home.lease, lease_random_);
      }
    }
    spec.home.drain_limit = between(base / 2, 5s, home_random_);
    spec.unreachable_home = home_random_.chance(0.5) ? UnreachableHome::wait : UnreachableHome::fail;
    spec.unreachable_wait = between(base, 4 * base, home_random_);
  }

  /// Orders to move a home: a few, to any successor, also to itself, also while another order is being carried out.
  void draw_home_orders(FaultPlan& plan) {
    const std::uint32_t regions = case_.spec.directory.region_count();
    if (!keeps_homes() || regions < 2 || home_random_.chance(0.4)) {
      return;
    }
    const bool failovers = case_.spec.home.lease > Duration{0} && home_random_.chance(0.7);
    for (std::uint64_t left = 1 + home_random_.below(3); left > 0; --left) {
      Fault order;
      order.kind = failovers && home_random_.chance(0.6) ? FaultKind::failover : FaultKind::transfer;
      order.at = Duration{
          static_cast<std::int64_t>(home_random_.below(static_cast<std::uint64_t>(case_.spec.duration.count())))};
      order.home = RegionId{static_cast<std::uint32_t>(home_random_.below(regions))};
      order.successor = RegionId{static_cast<std::uint32_t>(home_random_.below(regions))};
      plan.push_back(order);
    }
  }

  void draw_faults() {
    std::vector<FaultKind> kinds;
    for (const FaultKind kind : {FaultKind::crash, FaultKind::pause, FaultKind::disk_stall, FaultKind::disk_fail_sync,
                                 FaultKind::disk_full, FaultKind::clock_step, FaultKind::cut, FaultKind::drop,
                                 FaultKind::duplicate, FaultKind::reorder, FaultKind::link}) {
      if (fault_random_.chance(kind == FaultKind::clock_step ? 0.1 : 0.35)) {
        kinds.push_back(kind);
      }
    }
    if (fault_random_.chance(0.3)) {  // 3PC must stand these.
      kinds = {FaultKind::crash};
      if (fault_random_.chance(0.5)) {
        kinds.insert(kinds.end(), {FaultKind::disk_fail_sync, FaultKind::disk_full});
      }
    }
    const std::size_t count = kinds.empty() ? 0 : fault_random_.below(10);
    FaultPlan plan;
    for (std::size_t i = 0; i < count; ++i) {
      plan.push_back(draw_fault(kinds[fault_random_.below(kinds.size())]));
    }
    draw_home_orders(plan);
    case_.faults_drawn = plan.size();
    const Duration load = case_.spec.duration;  // A reduced load keeps the times of its faults.
    case_.spec.duration = std::min(load, reduction_.duration.value_or(load));
    case_.timely = case_.synchronous = !unbounded_;
    for (std::size_t i = 0; i < plan.size(); ++i) {
      const bool chosen = !reduction_.faults || std::find(reduction_.faults->begin(), reduction_.faults->end(), i) !=
                                                    reduction_.faults->end();
      if (chosen) {
        case_.synchronous = case_.synchronous && !breaks_synchrony(plan[i]);
        case_.spec.faults.push_back(std::move(plan[i]));
      }
    }
  }

  NodeId any_server() {
    const Directory& d = case_.spec.directory;
    const RegionId region{static_cast<std::uint32_t>(fault_random_.below(d.region_count()))};
    return fault_random_.chance(0.4)
               ? d.coordinator(region)
               : d.agent(region, static_cast<std::uint32_t>(fault_random_.below(d.sites_per_region())));
  }

  Fault draw_fault(FaultKind kind) {
    Fault fault;
    fault.kind = kind;
    fault.at = Duration{
        static_cast<std::int64_t>(fault_random_.below(static_cast<std::uint64_t>(case_.spec.duration.count())))};
    const Duration longest = 3 * case_.spec.timeouts.vote + 20ms;
    fault.length = fault_random_.chance(0.1) ? kForever : between(1ms, longest, fault_random_);
    fault.node = any_server();
    if (at_node(kind)) {
      fault.tail = static_cast<Tail>(fault_random_.below(3));
    } else {
      draw_ends(fault);
    }
    if (kind == FaultKind::drop || kind == FaultKind::duplicate || kind == FaultKind::reorder) {
      fault.probability = fault_random_.chance(0.3) ? 1.0 : fault_random_.unit();
    }
    if (kind == FaultKind::duplicate || kind == FaultKind::reorder || kind == FaultKind::link) {
      fault.extra = between(100us, longest, fault_random_);
    }
    if (kind == FaultKind::drop && fault_random_.chance(0.5)) {
      const std::uint64_t drawn = fault_random_.below(8);
      fault.classes = drawn < 7 ? 1U << drawn : kShipClass;
    }
    if (kind == FaultKind::link) {
      draw_link(fault);
    }
    const auto points = case_.spec.protocol->points;
    if (fault_random_.chance(0.4) && !points.empty()) {
      fault.on = std::string(points[fault_random_.below(points.size())]);
      fault.occurrence = static_cast<std::uint32_t>(fault_random_.chance(0.1) ? 0 : 1 + fault_random_.below(5));
      if (fault_random_.chance(0.3)) {
        fault.trigger = any_server();
      }
      if (fault_random_.chance(0.2)) {
        fault.since = fault.at;
      }
    }
    return fault;
  }

  [[nodiscard]] static bool at_node(FaultKind kind) {
    return kind == FaultKind::crash || kind == FaultKind::pause || kind == FaultKind::disk_stall ||
           kind == FaultKind::disk_fail_sync || kind == FaultKind::disk_full || kind == FaultKind::clock_step;
  }

  void draw_link(Fault& fault) {
    if (fault_random_.chance(0.3)) {
      fault.jitter =
          Duration{static_cast<std::int64_t>(static_cast<double>(fault.extra.count()) * fault_random_.unit())};
    }
    if (fault_random_.chance(0.3)) {
      fault.probability = 0.2 * fault_random_.unit();
    }
    if (fault_random_.chance(0.3)) {
      fault.rate = 50'000 + fault_random_.below(10'000'000);
    }
  }

  /// Nodes of the WAN in two groups: single links, halves, partial and one-way cuts.
  void draw_ends(Fault& fault) {
    const bool by_region = fault_random_.chance(0.5);
    const double share = fault_random_.chance(0.5) ? 0.5 : 0.2;
    std::vector<bool> regions(case_.spec.directory.region_count());
    for (std::size_t r = 0; r < regions.size(); ++r) {
      regions[r] = fault_random_.chance(share);
    }
    for (const NodeInfo& info : case_.spec.directory.nodes()) {
      const bool from = by_region ? regions[info.region.value] : fault_random_.chance(share);
      (from ? fault.from : fault.to).push_back(info.id);
    }
    fault.both_ways = fault_random_.chance(0.6);
  }

  const Reduction& reduction_;
  Random random_, fault_random_, home_random_, lease_random_;
  FuzzCase case_;
  Duration latest_{};
  bool unbounded_{};
};

}  // namespace

const Protocol& draw_protocol(std::uint64_t seed, std::span<const Protocol> rows) {
  const auto drawn = [&](const Protocol& row) { return Random(seed, kProtocolStream + row.wire_id).next(); };
  return *std::max_element(rows.begin(), rows.end(),
                           [&](const Protocol& a, const Protocol& b) { return drawn(a) < drawn(b); });
}

FuzzCase draw_case(std::uint64_t seed, const Reduction& reduction) { return Draw(seed, reduction).draw(); }

}  // namespace geocommit::sim
