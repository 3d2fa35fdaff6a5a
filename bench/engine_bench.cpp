// The engine and its machines alone: no socket, no disk, no thread. What a commit costs in processor time.
#include <benchmark/benchmark.h>

#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "engine/engine.h"
#include "engine/lock_manager.h"

namespace {

using namespace geocommit;  // NOLINT: a benchmark

// Delivers at once, in order; forces complete at once. Virtual time moves by a microsecond a message.
class Switch {
 public:
  struct Port final : Environment {
    Port(Switch& owner, NodeId node) : net(owner), id(node) {}
    [[nodiscard]] Instant now() const override { return net.now; }
    std::size_t send(NodeId to, const PeerPayload& payload) override {
      net.queue.push_back({to, PeerMessage{id, Epoch{1}, engine->watermark(), payload}, 0});
      return 100;
    }
    void write(const DurableRecord&, WriteToken token) override {
      if (token != 0) {
        net.queue.push_back({id, {}, token});
      }
    }
    [[nodiscard]] std::size_t log_bytes_since_checkpoint() const override { return 0; }
    void write_checkpoint(Checkpoint) override {}
    [[nodiscard]] bool checkpoint_in_progress() const override { return false; }
    void set_timer(TimerToken, Instant) override {}
    void cancel_timer(TimerToken) override {}
    Switch& net;
    NodeId id;
    std::unique_ptr<NodeEngine> engine;
    Observer observer;
  };
  struct Event {
    NodeId to;
    PeerMessage message;
    WriteToken forced{};
  };

  Switch(const char* protocol, std::uint32_t regions) {
    std::vector<std::string> names(regions, "r");
    directory = Directory(names, 1, Placement::replicated, 100'000);
    for (const NodeInfo& info : directory.nodes()) {
      if (info.kind == NodeKind::client) {
        continue;
      }
      auto port = std::make_unique<Port>(*this, info.id);
      EngineOptions options;
      options.self = info.id;
      options.epoch = Epoch{1};
      options.protocol = find_protocol(protocol);
      options.directory = &directory;
      options.timeouts = {1s, 1s, 1s};
      options.lock_wait = 1s;
      options.requests_remembered = 10'000;
      port->engine = std::make_unique<NodeEngine>(options, *port, port->observer);
      ports.emplace(info.id, std::move(port));
    }
    for (auto& [id, port] : ports) {
      port->engine->start();
    }
    run();
  }

  void run() {
    while (!queue.empty()) {
      const Event event = std::move(queue.front());
      queue.pop_front();
      now += 1us;
      const auto port = ports.find(event.to);
      if (port == ports.end()) {
        ++replies;
      } else if (event.forced != 0) {
        port->second->engine->on_forced(event.forced);
      } else {
        port->second->engine->on_message(event.message);
        ++messages;
      }
    }
  }

  Directory directory;
  Instant now{};
  std::map<NodeId, std::unique_ptr<Port>> ports;
  std::deque<Event> queue;
  std::uint64_t replies{}, messages{};
};

void commit(benchmark::State& state, const char* protocol) {
  Switch net(protocol, static_cast<std::uint32_t>(state.range(0)));
  const NodeId client = net.directory.client(RegionId{0});
  const NodeId coordinator = net.directory.coordinator(RegionId{0});
  std::uint64_t sequence = 0;
  net.messages = 0;
  for (auto _ : state) {
    ++sequence;
    const Entity from{sequence * 7919 % 100'000};
    const Entity to{(sequence * 104'729 + 1) % 100'000};
    const std::int64_t amount = sequence % 2 == 0 ? 1 : -1;
    Request request{{client, sequence}, RegionId{0}, true, {{from, amount, false}, {to, -amount, false}}};
    net.queue.push_back(
        {coordinator, PeerMessage{client, Epoch{1}, {}, ClientRequest{std::move(request), Epoch{1}}}, 0});
    net.run();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(sequence));
  state.counters["messages/s"] = benchmark::Counter(static_cast<double>(net.messages), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(commit, two_phase, "2pc")->Arg(2)->Arg(3)->Arg(5);
BENCHMARK_CAPTURE(commit, three_phase, "3pc")->Arg(3);
BENCHMARK_CAPTURE(commit, home_region, "home-region")->Arg(3);

void locks(benchmark::State& state) {
  LockManager manager(LockingPolicy::wound_wait);
  std::uint64_t n = 0;
  for (auto _ : state) {
    ++n;
    LockManager::Effects effects;
    const TxnId txn{NodeId{1001}, Epoch{1}, n};
    const LockAnswer answer = manager.acquire(
        {n, txn}, {{Entity{n % 1000}, LockMode::exclusive}, {Entity{n % 997 + 1000}, LockMode::exclusive}}, Instant{},
        effects);
    benchmark::DoNotOptimize(answer);
    manager.release(txn, Instant{}, effects);
  }
}
BENCHMARK(locks);

}  // namespace
