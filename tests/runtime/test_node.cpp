// Whole nodes in one process: two agents, a coordinator, and a client made of a bare transport. Real sockets, real log.
#include <arpa/inet.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <thread>
#include <zmq.hpp>

#include "measure/names.h"
#include "protocols/registry.h"
#include "runtime/bind_policy.h"
#include "runtime/control.h"
#include "runtime/control_server.h"
#include "runtime/daemon.h"
#include "runtime/log/segmented_log.h"
#include "runtime/node_runtime.h"
#include "tests/runtime/ports.h"
#include "tests/runtime/temporary_directory.h"

namespace geocommit {
namespace {

struct Cluster {
  TemporaryDirectory folder;  // outlives what runs in it
  const std::filesystem::path& directory = folder.path;
  NodeConfig config;
  std::map<NodeId, std::thread> threads;
  std::map<NodeId, std::shared_ptr<Result<int>>> ends;
  ControlClient control;

  explicit Cluster(const std::string& protocol, DurabilityKind durability) {
    (void)spdlog::default_logger();  // made before there are threads, as in the programs
    config.run_id = "test-run";
    config.cell = "cell";
    config.protocol = protocol;
    config.regions = {"us"};
    config.sites_per_region = 2;
    config.placement = Placement::partitioned;
    config.keys_per_participant = 100;
    config.timeouts = {2s, 2s, 200ms};
    config.lock_wait = 1s;
    config.durability = {durability, 1ms};
    const Directory nodes = config.directory();
    for (const NodeInfo& node : nodes.nodes()) {
      config.addresses[node.id] = {"tcp://" + own_port(), "tcp://" + own_port(), own_port()};
    }
  }
  ~Cluster() {
    for (auto& [node, thread] : threads) {
      (void)control.command(ControlVerb::shutdown, {node}, 5s);
      thread.join();
    }
  }
  NodeConfig config_of(NodeId node) const {
    NodeConfig own = config;
    own.self = node;
    own.data_directory = directory / std::to_string(node.value);
    return own;
  }
  void start(NodeId node) {
    control.add(node, config.addresses.at(node).control);
    auto end = std::make_shared<Result<int>>(-1);
    ends[node] = end;
    threads[node] = std::thread{[end, own = config_of(node)] {
      const std::unique_ptr<EventLoop> loop = EventLoop::create().value();
      *end = serve_engine(*loop, own, false);
    }};
  }
  Result<void> stop(NodeId node) {
    Result<void> stopped = control.command(ControlVerb::shutdown, {node}, 10s).front();
    threads.at(node).join();
    threads.erase(node);
    return stopped;
  }
  bool wait_ready(const std::vector<NodeId>& nodes) {
    for (int tries = 0; tries < 600; ++tries) {
      bool ready = true;
      for (const Result<NodeStatus>& status : control.status(nodes, 1s)) {
        ready = ready && status && status.value().ready;
      }
      if (ready) {
        return true;
      }
      std::this_thread::sleep_for(20ms);
    }
    return false;
  }
};

/// A client: asks the coordinator, and collects the answers.
struct BareClient {
  std::unique_ptr<zmq::context_t> context = make_zmq_context();
  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  Directory directory;
  NodeId self, coordinator;
  std::unique_ptr<Transport> transport;
  std::map<std::uint64_t, ClientReply> replies;
  Epoch start;  ///< Of the coordinator.

  explicit BareClient(const NodeConfig& config)
      : directory(config.directory()),
        self(directory.client(RegionId{0})),
        coordinator(directory.coordinator(RegionId{0})) {
    TransportOptions options;
    options.self = self;
    options.epoch = Epoch{1};
    options.run_id = config.run_id;
    options.bind = config.addresses.at(self).data;
    for (const auto& [node, addresses] : config.addresses) {
      options.addresses[node] = addresses.data;
    }
    options.directory = &directory;
    transport = Transport::open(*context, *loop, options, [this](const PeerMessage& message) {
                  start = message.from_epoch;
                  if (const auto* reply = std::get_if<ClientReply>(&message.payload)) {
                    replies[reply->id.sequence] = *reply;
                  }
                }).value();
  }
  template <class Done>
  bool run_until(Done done) {
    for (int step = 0; step < 20'000 && !done(); ++step) {
      loop->run_once(1ms);
    }
    return done();
  }
  /// Moves `amount` from entity 2n (site 0) to 2n+1 (site 1), n = sequence % 50.
  Request transfer(std::uint64_t sequence, std::int64_t amount) const {
    const std::uint64_t n = sequence % 50;
    return {{self, sequence}, RegionId{0}, true, {{Entity{2 * n}, -amount, false}, {Entity{2 * n + 1}, amount, false}}};
  }
  bool run(std::uint64_t first, std::uint64_t last, std::int64_t amount) {
    for (std::uint64_t n = first; n <= last; ++n) {
      (void)transport->send(coordinator, ClientRequest{transfer(n, amount), start});
    }
    return run_until([&] { return replies.size() >= last - first + 1; });
  }
  bool connect() {
    return run_until([&] {
      if (!transport->heard_from(coordinator)) {
        (void)transport->send(coordinator, OutcomeQuery{{self, 0}, {}});
        (void)transport->send(coordinator, Hello{true});
      }
      return transport->heard_from(coordinator);
    });
  }
};

std::string get(const std::string& address) {
  const UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in to = socket_address(address);
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  REQUIRE(::send(fd.get(), request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
  std::string page;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;) {
    page.append(buffer, static_cast<std::size_t>(got));
  }
  return page;
}

TEST_CASE("two agents and a coordinator commit transfers, report them, survive a restart, and leave their history") {
  for (const DurabilityKind durability : {DurabilityKind::fsync, DurabilityKind::none, DurabilityKind::fixed}) {
    Cluster cluster("2pc", durability);
    const std::vector<NodeId> daemons{NodeId{1}, NodeId{2}, NodeId{1001}};
    for (const NodeId node : daemons) {
      cluster.start(node);
    }
    REQUIRE(cluster.wait_ready(daemons));
    BareClient client(cluster.config);
    REQUIRE(client.connect());
    client.replies.clear();
    REQUIRE(client.run(1, 100, 5));
    std::uint64_t committed = 0;
    for (const auto& [sequence, reply] : client.replies) {
      committed += reply.outcome == Outcome::commit ? 1 : 0;
    }
    CHECK(committed >= 50);  // same-key pairs of the same burst may conflict; never all
    client.replies.clear();
    REQUIRE(client.run(101, 101, 1'000'000));  // overdraws
    CHECK(client.replies.at(101).outcome == Outcome::abort);
    CHECK(client.replies.at(101).reason == Reason::constraint);

    std::vector<Result<NodeReport>> reports;
    for (int tries = 0; tries < 500; ++tries) {  // until all is acknowledged and forgotten
      reports = cluster.control.report(daemons, 5s);
      bool open = false;
      for (const Result<NodeReport>& report : reports) {
        REQUIRE(report.ok());
        open = open || report.value().engine.open() > 0;
      }
      if (!open) {
        break;
      }
      std::this_thread::sleep_for(10ms);
    }
    const NodeReport& coordinator = reports[2].value();
    CHECK(coordinator.window.total(metric::kTransactions, {{metric::kOutcome, "commit"}}) == committed);
    CHECK(coordinator.window.merged(metric::kCommitLatency, {{metric::kOutcome, "commit"}}).count() == committed);
    CHECK(coordinator.live.total(metric::kTransactions, {{metric::kReason, "constraint"}}) == 1);
    // What 2PC costs by the book: 4 messages a participant and 2N+1 forced writes (N = 2).
    MetricSet all;
    for (const Result<NodeReport>& report : reports) {
      all.merge(report.value().window);
    }
    CHECK(all.total(metric::kCostMessages, {{metric::kOutcome, "commit"}}) == 8 * committed);
    CHECK(all.total(metric::kCostForced, {{metric::kOutcome, "commit"}}) == 5 * committed);
    CHECK(reports[0].value().engine.balance_total + reports[1].value().engine.balance_total == 200 * 1000);
    CHECK(reports[0].value().engine.balance_total == 100 * 1000 - static_cast<std::int64_t>(5 * committed));
    CHECK(reports[0].value().engine.locks_held == 0);

    const std::string page = get(cluster.config.addresses.at(NodeId{1001}).metrics);
    CHECK(page.find("geocommit_commit_latency_seconds_bucket") != std::string::npos);
    CHECK(page.find("geocommit_transport_dropped_total") != std::string::npos);
    CHECK(page.find("protocol=\"2pc\"") != std::string::npos);

    REQUIRE(cluster.stop(NodeId{1}).ok());
    CHECK(cluster.ends.at(NodeId{1})->value() == 0);
    cluster.start(NodeId{1});
    REQUIRE(cluster.wait_ready(daemons));
    const auto again = cluster.control.report({NodeId{1}}, 5s);
    REQUIRE(again.front().ok());
    CHECK(again.front().value().balances == reports[0].value().balances);
    client.replies.clear();
    REQUIRE(client.run(200, 210, 1));

    const auto files = cluster.control.list_files(NodeId{1}, 5s);
    REQUIRE(files.ok());
    const auto segment = std::find_if(files.value().begin(), files.value().end(),
                                      [](const auto& file) { return file.name == "log-00000001.seg"; });
    REQUIRE(segment != files.value().end());
    const auto fetched = cluster.directory / "fetched";
    REQUIRE(cluster.control.fetch_file(NodeId{1}, segment->name, fetched, {5s, 1U << 30U, {}}).ok());
    CHECK(std::filesystem::file_size(fetched) == segment->bytes);
    CHECK_FALSE(cluster.control.fetch_file(NodeId{1}, "../1001/checkpoint", fetched, {5s, 1U << 30U, {}}).ok());
    for (const NodeId node : daemons) {
      REQUIRE(cluster.stop(node).ok());
    }
    std::uint64_t epochs = 0;
    const auto history = read_log_history((cluster.directory / "1").string(), [&](std::uint64_t, DurableRecord record) {
      epochs += std::holds_alternative<EpochRecord>(record) ? 1 : 0;
    });
    REQUIRE(history.ok());
    CHECK(epochs == 2);
    CHECK_FALSE(history.value().torn_tail);
    CHECK(history.value().records > 2 * committed);
  }
}

TEST_CASE("a port that is taken ends the node with an error that names it") {
  Cluster cluster("2pc", DurabilityKind::none);
  for (const auto member : {&NodeAddresses::data, &NodeAddresses::control, &NodeAddresses::metrics}) {
    NodeConfig own = cluster.config_of(NodeId{1});
    const std::string address = own.addresses.at(NodeId{1}).*member;
    const UniqueFd taken{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in at = socket_address(address);
    REQUIRE(::bind(taken.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(taken.get(), 1) == 0);
    const std::unique_ptr<EventLoop> loop = EventLoop::create().value();
    const Result<int> end = serve_engine(*loop, own, false);
    REQUIRE_FALSE(end.ok());
    CHECK(end.error().message.find(address) != std::string::npos);
  }
}

TEST_CASE("sockets off loopback are refused without leave") {
  CHECK(is_loopback("tcp://127.0.0.2:7001"));
  CHECK(is_loopback("localhost:80"));
  CHECK_FALSE(is_loopback("tcp://0.0.0.0:7001"));
  CHECK_FALSE(is_loopback("tcp://*:7001"));
  CHECK_FALSE(is_loopback("10.1.0.1:7003"));
  CHECK_FALSE(is_loopback("tcp://127.evil.example:1"));
  CHECK(may_bind("tcp://10.1.0.1:7001", true).ok());
  CHECK(may_bind("tcp://10.1.0.1:7001", false).error().message.find("--insecure") != std::string::npos);
}

TEST_CASE("a node's configuration survives JSON, and mistakes are named") {
  Cluster cluster("3pc", DurabilityKind::fixed);
  NodeConfig config = cluster.config_of(NodeId{2});
  config.client.workload_json = "{\"kind\": \"transfer\"}";
  config.client.warmup = 2s;
  config.seed = UINT64_MAX;
  FaultOrder order;
  order.id = 3;
  order.kind = FaultKind::drop;
  order.on = "votes-collected";
  order.occurrence = 0;
  order.by_runner = true;
  order.length = 7s;
  order.to = {NodeId{1}, NodeId{1001}};
  order.probability = 0.25;
  order.classes = kShipClass | 3U;
  order.seed = UINT64_MAX;
  order.extra = -1h;
  order.listener = "ipc:///x";
  config.faults = {order, FaultOrder{}};
  config.faults[1].id = 4;
  const Result<NodeConfig> got = parse_node_config(to_json(config), "x");
  INFO((got ? "" : got.error().message));
  REQUIRE(got.ok());
  CHECK(to_json(got.value()) == to_json(config));
  CHECK(got.value().faults == config.faults);
  const auto problem = [&](const std::string& from, const std::string& to) {
    std::string text = to_json(config);
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    const Result<NodeConfig> result = parse_node_config(text, "file.json");
    REQUIRE_FALSE(result.ok());
    return result.error().message;
  };
  CHECK(problem("\"fixed\"", "\"quick\"").find("durability.kind") != std::string::npos);
  CHECK(problem("\"self\": 2", "\"self\": 77").find("self") != std::string::npos);
  CHECK(problem("\"self\"", "\"selfish\"").find("self") != std::string::npos);
  CHECK(problem("\"seed\": 18446744073709551615", "\"seed\": -1").find("seed") != std::string::npos);
  CHECK(problem("\"insecure\": false", "\"insecure\": 0").find("true or false") != std::string::npos);
  CHECK(problem("\"probability\": 0.25", "\"probability\": 2.5").find("faults[0].to") != std::string::npos);
  CHECK(problem("\"kind\": 7", "\"kind\": 99").find("faults[0].kind") != std::string::npos);
  CHECK(parse_node_config("{", "file.json").error().message == "file.json: is not JSON");
}

}  // namespace
}  // namespace geocommit
