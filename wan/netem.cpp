// The netem backend: the kernel's qdisc on a full mesh of veth pairs. No process of ours is on a packet's way.
//
// A cut does two things: the qdisc first loses all that enters it (in one message, so a cut of many links takes effect
// at nearly one time), and is then swapped for a fresh one, so that what it held is gone, as a cut's packets in flight
// are. A cut that is healed sooner than a link's delay therefore still loses what was in flight when it began.
#include <algorithm>
#include <mutex>

#include "wan/echo.h"
#include "wan/netem_mesh.h"
#include "wan/netem_qdisc.h"
#include "wan/node_network.h"

namespace geocommit {
namespace {

constexpr std::uint64_t kEthernetHeader = 14;

/// What we know of one directed link's qdisc.
struct Qdisc {
  std::uint16_t handle = 1;      // 1 or 2: a swap takes the other
  std::uint64_t generation = 0;  // of the seed, so that a change does not replay the same losses
  bool up = true;                // as the kernel has it
  bool lossy = false;            // likewise
  std::uint64_t packets = 0;     // counters at the last look
  std::uint64_t bytes = 0;
  std::uint32_t drops = 0;
  std::uint32_t held = 0;
};

class NetemEmulation final : public Emulation {
 public:
  NetemEmulation(LinkTable table, const EmulationOptions& options)
      : table_(std::move(table)), options_(options), qdiscs_(table_.size() * table_.size()) {}
  ~NetemEmulation() override { NetemEmulation::close(); }

  [[nodiscard]] Result<void> start();

  [[nodiscard]] Backend backend() const override { return Backend::netem; }
  [[nodiscard]] std::string wan_address(std::string_view node) const override {
    return to_string(wan_ipv4(table_.index_of(node)));
  }
  [[nodiscard]] std::string management_address(std::string_view node) const override {
    return to_string(management_ipv4(table_.index_of(node)));
  }
  [[nodiscard]] std::string runner_address() const override { return to_string(kRunnerManagement); }
  [[nodiscard]] int namespace_fd(std::string_view node) const override {
    return network_.namespace_fd(table_.index_of(node));
  }
  [[nodiscard]] Result<void> change_link(std::string_view from, std::string_view to, const LinkChange& change) override;
  [[nodiscard]] Result<LinkSpec> link(std::string_view from_node, std::string_view to_node) const override {
    const std::lock_guard lock(mutex_);
    return table_.between(from_node, to_node);
  }
  [[nodiscard]] Result<void> heal_all() override;
  [[nodiscard]] Result<RouterStats> stats() override;
  [[nodiscard]] Result<void> reset_stats() override;
  [[nodiscard]] int failure_fd() const override { return -1; }  // no process that could end
  [[nodiscard]] Result<void> health() override { return {}; }
  [[nodiscard]] std::map<std::string, std::string> describe() const override;
  [[nodiscard]] std::vector<int> processes() const override { return {}; }
  void close() override;

 private:
  [[nodiscard]] Qdisc& qdisc(std::size_t from, std::size_t to) { return qdiscs_[from * table_.size() + to]; }
  [[nodiscard]] Result<void> start_node(std::size_t own);
  [[nodiscard]] Result<void> describe_tcp();
  [[nodiscard]] Result<void> apply(QdiscAction action, std::size_t from, std::size_t to);
  [[nodiscard]] Result<void> push(const LinkTable::Pairs& pairs);
  [[nodiscard]] Result<void> swap(std::size_t from, std::size_t to);
  [[nodiscard]] Result<void> tally(std::size_t from);
  [[nodiscard]] Result<void> tally_all();

  mutable std::mutex mutex_;
  LinkTable table_;
  EmulationOptions options_;
  NodeNetwork network_;
  std::vector<Netlink> sockets_;  // one in each node's namespace; they keep it alive
  std::vector<Qdisc> qdiscs_;     // row = from
  JitterTables tables_;
  RouterStats totals_;  // all but in_flight
  std::map<std::string, std::string> tcp_;
};

Error no_such_jitter() { return Error{"netem cannot do a jitter above 2147 ms; use emulation: tun"}; }

Result<void> NetemEmulation::start() {
  const std::size_t nodes = table_.size();
  if (nodes > kMaxNetemNodes) {
    return Error{"netem makes a veth pair between each two nodes, at most " + std::to_string(kMaxNetemNodes) +
                 " nodes; use emulation: tun for " + std::to_string(nodes)};
  }
  for (std::size_t from = 0; from < nodes; ++from) {
    for (std::size_t to = 0; to < nodes; ++to) {
      if (table_.at(from, to).jitter > kNetemMaxJitter) return no_such_jitter();
    }
  }
  auto network = NodeNetwork::make(nodes, options_.tcp, [](std::size_t index) -> Result<void> {
    auto netlink = Netlink::open();
    if (!netlink) return netlink.error();
    return netlink->add_address("lo", wan_ipv4(index), 32);
  });
  if (!network) return network.error();
  network_ = std::move(network).value();
  if (auto done = make_mesh_devices(network_, nodes); !done) return done;
  for (std::size_t own = 0; own < nodes; ++own) {
    if (auto done = in_namespace(network_.namespace_fd(own), [&] { return start_node(own); }); !done) return done;
  }
  if (auto done = describe_tcp(); !done) return done;
  return reset_stats();
}

/// Finding out sends a SYN from the first node to the last: it is lost here, not in flight when the run begins.
Result<void> NetemEmulation::describe_tcp() {
  if (table_.size() == 1) {
    tcp_ = network_.describe_tcp();
    return {};
  }
  const std::size_t last = table_.size() - 1;
  const LinkSpec link = table_.at(0, last);
  LinkSpec down = link;
  down.up = false;
  table_.set(0, last, down);
  if (auto done = push({{0, last}}); !done) return done;
  tcp_ = network_.describe_tcp();
  table_.set(0, last, link);
  return push({{0, last}});
}

Result<void> NetemEmulation::start_node(std::size_t own) {
  auto netlink = Netlink::open();
  if (!netlink) return netlink.error();
  sockets_.push_back(std::move(netlink).value());
  for (std::size_t to = 0; to < table_.size(); ++to) {
    if (to == own) continue;
    if (auto done = apply(QdiscAction::add, own, to); !done) return done;
  }
  return make_mesh_routes(sockets_.back(), own, table_.size(), options_.tcp);
}

/// Brings the qdisc of a directed link to what the table says.
Result<void> NetemEmulation::apply(QdiscAction action, std::size_t from, std::size_t to) {
  Qdisc& state = qdisc(from, to);
  const LinkSpec& link = table_.at(from, to);
  const std::uint64_t seed = options_.seed * 0x9e3779b97f4a7c15ULL + (from << 40) + (to << 20) + state.generation++;
  auto message = netem_request(action, mesh_device_index(to), state.handle, link, seed, tables_);
  const std::string hint = action == QdiscAction::add ? "add netem (kernel module sch_netem) to" : "change netem of";
  const std::string step = hint + " the link from " + table_.nodes()[from].name + " to " + table_.nodes()[to].name;
  if (auto done = sockets_.at(from).send(message, step); !done) return done;
  state.up = link.up;
  state.lossy = link.loss > 0;
  return {};
}

/// Brings the qdiscs of these links to what the table says. What they dropped until now is counted first, since their
/// old state says why.
Result<void> NetemEmulation::push(const LinkTable::Pairs& pairs) {
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (i > 0 && pairs[i - 1].first == pairs[i].first) continue;
    if (auto done = tally(pairs[i].first); !done) return done;
  }
  LinkTable::Pairs newly_down;
  for (const auto& [from, to] : pairs) {
    if (qdisc(from, to).up && !table_.at(from, to).up) newly_down.emplace_back(from, to);
    if (auto done = apply(QdiscAction::change, from, to); !done) return done;
  }
  for (std::size_t i = 0; i < newly_down.size(); ++i) {
    const auto [from, to] = newly_down[i];
    if (i == 0 || newly_down[i - 1].first != from) {
      if (auto done = tally(from); !done) return done;
    }
    if (auto done = swap(from, to); !done) return done;
  }
  return {};
}

/// Loses what the link holds. Its counters were read just now: packets delivered since are counted as cut.
Result<void> NetemEmulation::swap(std::size_t from, std::size_t to) {
  Qdisc& state = qdisc(from, to);
  if (state.held == 0) return {};
  state.handle = state.handle == 1 ? 2 : 1;
  if (auto done = apply(QdiscAction::swap, from, to); !done) return done;
  totals_.cut += state.held;
  state.packets = state.bytes = 0;
  state.drops = state.held = 0;
  return {};
}

/// Adds what the qdiscs of a node counted since the last look to the totals.
Result<void> NetemEmulation::tally(std::size_t from) {
  const auto counters = read_netem_counters(sockets_.at(from));
  if (!counters) return counters.error();
  for (std::size_t to = 0; to < table_.size(); ++to) {
    if (to == from) continue;
    const auto found = counters->find(mesh_device_index(to));
    if (found == counters->end()) {
      return Error{"the netem qdisc of the link from " + table_.nodes()[from].name + " to " + table_.nodes()[to].name +
                   " is gone: something else removed it"};
    }
    const QdiscCounters& now = found->second;
    Qdisc& last = qdisc(from, to);
    const std::uint64_t packets = now.packets - last.packets;
    totals_.packets += packets;
    totals_.bytes += now.bytes - last.bytes - packets * kEthernetHeader;
    const std::uint32_t dropped = now.drops - last.drops;  // wraps as the kernel's does
    (!last.up ? totals_.cut : last.lossy ? totals_.lost : totals_.queue_full) += dropped;
    last.packets = now.packets;
    last.bytes = now.bytes;
    last.drops = now.drops;
    last.held = now.held;
  }
  return {};
}

Result<void> NetemEmulation::tally_all() {
  for (std::size_t from = 0; from < sockets_.size(); ++from) {
    if (auto done = tally(from); !done) return done;
  }
  return {};
}

Result<void> NetemEmulation::change_link(std::string_view from, std::string_view to, const LinkChange& change) {
  const std::lock_guard lock(mutex_);
  if (change.jitter && *change.jitter > kNetemMaxJitter) return no_such_jitter();
  const auto pairs = table_.change(from, to, change);
  return pairs ? push(*pairs) : pairs.error();
}

Result<void> NetemEmulation::heal_all() {
  const std::lock_guard lock(mutex_);
  return push(table_.heal_all());
}

Result<RouterStats> NetemEmulation::stats() {
  const std::lock_guard lock(mutex_);
  if (auto done = tally_all(); !done) return done.error();
  RouterStats out = totals_;
  for (const Qdisc& each : qdiscs_) out.in_flight += each.held;
  return out;
}

Result<void> NetemEmulation::reset_stats() {
  const std::lock_guard lock(mutex_);
  if (auto done = tally_all(); !done) return done;
  totals_ = RouterStats{};
  return {};
}

std::map<std::string, std::string> NetemEmulation::describe() const {
  auto out = tcp_;
  out["backend"] = "netem";
  out["kernel"] = kernel_release();
  out["lateness"] = "not measured: no router, the kernel forwards";
  out["initial_window"] = std::to_string(options_.tcp.initial_window);
  out["nodes"] = std::to_string(table_.size());
  out["veth_pairs"] = std::to_string(table_.size() * (table_.size() - 1) / 2);
  return out;
}

void NetemEmulation::close() {
  sockets_.clear();  // a socket keeps its namespace, and the devices in it, alive
  network_.close();
}

}  // namespace

Result<std::unique_ptr<Emulation>> bring_up_netem(LinkTable table, const EmulationOptions& options) {
  auto emulation = std::make_unique<NetemEmulation>(std::move(table), options);
  if (auto done = emulation->start(); !done) return done.error();
  return std::unique_ptr<Emulation>(std::move(emulation));
}

Result<void> probe_netem() {
  constexpr Duration kDelay = 5ms;
  LinkSpec link;
  link.delay = kDelay;
  const std::vector<LinkSpec> row{link, link};
  const auto topology = Topology::make("probe", {}, {"a", "b"}, {{"a", "a"}, {"b", "b"}}, {row, row});
  if (!topology) return topology.error();
  auto table = LinkTable::make(*topology, {{"a", "a", ""}, {"b", "b", ""}});
  if (!table) return table.error();
  auto emulation = bring_up_netem(std::move(table).value(), {});
  if (!emulation) return emulation.error();
  auto echo = EchoServer::start((*emulation)->namespace_fd("b"), (*emulation)->wan_address("b"));
  if (!echo) return echo.error();
  PingPlan plan;
  plan.count = 3;
  const auto pings =
      ping((*emulation)->namespace_fd("a"), (*emulation)->wan_address("a"), (*echo)->address(), (*echo)->port(), plan);
  if (!pings) return pings.error();
  if (pings->round_trips.empty()) return Error{"this kernel takes a netem qdisc, but no packet crosses it"};
  const auto shortest = *std::min_element(pings->round_trips.begin(), pings->round_trips.end());
  if (shortest < 2 * kDelay - 200us) return Error{"this kernel takes a netem qdisc, but packets are not delayed by it"};
  return {};
}

}  // namespace geocommit
