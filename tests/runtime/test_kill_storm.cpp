// Recovery for real: every role of every protocol is killed again and again, by SIGKILL at random moments and at
// protocol points, also while it recovers, with and without the loss of what its log had not synced. At the end
// everything runs again, and then: no violation, no money lost, no lock held, nothing in doubt.
//
// GEOCOMMIT_KILLS (default 42) and GEOCOMMIT_SEED (default 1) say how many and which; scripts/kill-storm sets them.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <random>

#include "measure/log_facts.h"
#include "runtime/log/synced_mark.h"
#include "tests/runtime/processes.h"
#include "verdict/check.h"

namespace geocommit {
namespace {

using Dice = std::mt19937_64;
std::uint64_t below(Dice& dice, std::uint64_t bound) { return dice() % bound; }
bool chance(Dice& dice, std::uint64_t percent) { return below(dice, 100) < percent; }

constexpr std::size_t kInFlight = 6;         // per client
constexpr std::uint64_t kHotEntities = 200;  // few enough that locks of the dead are in the way, and not of everything
constexpr Duration kClientPatience = 700ms;  // then a client asks what became of it, and goes on to the next

/// One client a region, on one thread, always with some transfers under way.
class Load {
 public:
  Load(const NodeConfig& config, std::uint64_t seed) : dice_(seed) {
    for (std::uint32_t region = 0; region < config.regions.size(); ++region) {
      clients_.push_back(std::make_unique<ProcessClient>(config, RegionId{region}));
    }
  }
  bool connect() {
    bool all = true;
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      all = clients_[i]->connect(coordinator(i)) && all;
    }
    return all;
  }
  void start() {
    thread_ = std::thread{[this] { offer(); }};
  }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  ~Load() { stop(); }

  /// After stop(): what every client asked for and was told. Asks once more for what is not known.
  std::vector<ClientOutcome> outcomes() {
    std::vector<ClientOutcome> result;
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      ProcessClient& client = *clients_[i];
      const auto unknown = [&] {
        std::vector<RequestId> ids;
        for (const auto& [sequence, request] : client.asked) {
          if (!client.replies.contains(sequence)) {
            ids.push_back(request.id);
          }
        }
        return ids;
      };
      for (const RequestId& id : unknown()) {
        (void)client.transport->send(coordinator(i), OutcomeQuery{id, {}});
      }
      (void)client.run_until([&] { return unknown().empty(); }, 500ms);
      for (const auto& [sequence, request] : client.asked) {
        ClientOutcome& outcome = result.emplace_back();
        outcome.request = request.id;
        outcome.origin = request.origin;
        outcome.operations = request.operations;
        const auto reply = client.replies.find(sequence);
        if (reply != client.replies.end()) {
          outcome.txn = reply->second.txn;
          outcome.outcome = reply->second.outcome;
          outcome.reason = reply->second.reason;
        }
      }
    }
    return result;
  }

 private:
  struct Open {
    std::uint64_t sequence{};
    Instant since;
  };
  [[nodiscard]] NodeId coordinator(std::size_t i) const {
    return clients_[i]->directory.coordinator(RegionId{static_cast<std::uint32_t>(i)});
  }

  void offer() {
    std::vector<std::vector<Open>> open(clients_.size());
    std::vector<std::uint64_t> last(clients_.size());
    while (!stop_) {
      for (std::size_t i = 0; i < clients_.size(); ++i) {
        ProcessClient& client = *clients_[i];
        const Instant now = steady_now();
        std::erase_if(open[i], [&](const Open& one) {
          if (!client.replies.contains(one.sequence) && now - one.since > kClientPatience) {
            (void)client.transport->send(coordinator(i), OutcomeQuery{{client.self, one.sequence}, {}});
            return true;
          }
          return client.replies.contains(one.sequence);
        });
        while (open[i].size() < kInFlight) {
          const std::uint64_t hot = std::min(kHotEntities, client.directory.entity_count());
          const std::uint64_t from = below(dice_, hot);
          const std::uint64_t to = (from + 1 + below(dice_, hot - 1)) % hot;
          const auto amount = static_cast<std::int64_t>(1 + below(dice_, 20));
          const RequestId id{client.self, ++last[i]};
          client.ask(coordinator(i), {id,
                                      RegionId{static_cast<std::uint32_t>(i)},
                                      true,
                                      {{Entity{from}, -amount, false}, {Entity{to}, amount, false}}});
          open[i].push_back({id.sequence, now});
        }
        client.loop->run_once(1ms);
      }
    }
  }

  Dice dice_;
  std::vector<std::unique_ptr<ProcessClient>> clients_;
  std::atomic<bool> stop_{};
  std::thread thread_;
};

struct StormCase {
  const char* protocol;
  DurabilityKind durability;
  bool loses_unsynced;
};

struct Tally {
  std::uint64_t kills{}, at_point{}, recovering{}, lost_bytes{};
};

/// Kills and restarts until there were so many kills; then everything is up again.
class Storm {
 public:
  Storm(Processes& nodes, const StormCase& what, std::uint64_t seed) : nodes_(nodes), case_(what), dice_(seed) {
    const Protocol* protocol = &find_protocol(what.protocol)->commits_as();
    // The rows name the coordinator's points first; "prepare-received" is the participant's first.
    const auto middle = std::find(protocol->points.begin(), protocol->points.end(), "prepare-received");
    REQUIRE(middle != protocol->points.end());
    coordinators_.assign(protocol->points.begin(), middle);
    participants_.assign(middle, protocol->points.end());
  }

  Tally run(std::uint64_t kills) {
    const std::vector<NodeId> all = nodes_.daemons();
    while (tally_.kills < kills) {
      std::this_thread::sleep_for(std::chrono::milliseconds{20 + below(dice_, 200)});
      start_due(steady_now());
      const NodeId victim = all[below(dice_, all.size())];
      if (down_.size() < 2 && !down_.contains(victim)) {
        strike(victim);
      }
    }
    start_due(Instant::max());
    return tally_;
  }

 private:
  void strike(NodeId victim) {
    const Directory directory = nodes_.config.directory();
    const auto& points = directory.find(victim)->kind == NodeKind::coordinator ? coordinators_ : participants_;
    if (chance(dice_, 60)) {
      FaultOrder order;
      order.id = 1;
      order.kind = FaultKind::crash;
      order.on = points[below(dice_, points.size())];
      order.occurrence = static_cast<std::uint32_t>(1 + below(dice_, 2));
      if (nodes_.control.arm(victim, order, 1s) && nodes_.wait_end(victim, 500ms)) {
        ++tally_.at_point;
        return fallen(victim);
      }
    }
    nodes_.kill(victim);
    fallen(victim);
  }

  void fallen(NodeId victim) {
    ++tally_.kills;
    if (case_.loses_unsynced) {
      const Result<LostTail> lost =
          lose_unsynced(nodes_.data(victim), chance(dice_, 50) ? std::optional<std::uint64_t>{dice_()} : std::nullopt);
      INFO((lost ? "" : lost.error().message));
      REQUIRE(lost.ok());
      tally_.lost_bytes += lost.value().bytes;
    }
    down_[victim] = steady_now() + std::chrono::milliseconds{below(dice_, 600)};
  }

  void start_due(Instant now) {
    std::vector<NodeId> due;
    for (const auto& [node, at] : down_) {
      if (at <= now) {
        due.push_back(node);
      }
    }
    for (const NodeId node : due) {
      down_.erase(node);
      if (now == Instant::max()) {
        nodes_.start(node);
      } else if (chance(dice_, 20)) {  // before, in or just behind its recovery
        nodes_.start(node);
        std::this_thread::sleep_for(std::chrono::microseconds{below(dice_, 40'000)});
        ++tally_.recovering;
        nodes_.kill(node);
        fallen(node);
      } else if (chance(dice_, 30)) {  // at the very moment when it finds itself in doubt
        FaultOrder order;
        order.id = 2;
        order.kind = FaultKind::crash;
        order.on = "recovered-in-doubt";
        nodes_.start(node, {order});
        if (nodes_.wait_end(node, 250ms) || !takes_back(node, order.id)) {
          ++tally_.recovering;
          fallen(node);
        }
      } else {
        nodes_.start(node);
      }
    }
  }

  /// True once the node lives without that order; false: it has died of it, however late.
  bool takes_back(NodeId node, std::uint32_t order) {
    for (const Instant until = steady_now() + kPatience; steady_now() < until;) {
      if (nodes_.control.end_fault({node}, order, 1s).front().ok()) {
        return true;
      }
      if (nodes_.wait_end(node, 1ms)) {
        return false;
      }
    }
    FAIL("node " << node.value << " neither answers nor ends: " << nodes_.last_line(node));
    return false;
  }

  Processes& nodes_;
  StormCase case_;
  Dice dice_;
  std::vector<std::string> coordinators_, participants_;
  std::map<NodeId, Instant> down_;
  Tally tally_;
};

/// Reports of the state in which all is at rest, then the logs.
History gather(Processes& nodes, const Directory& directory, std::vector<ClientOutcome> outcomes,
               const std::map<NodeId, NodeReport>& reports) {
  History history;
  history.directory = &directory;
  history.protocol = nodes.config.protocol;
  history.initial_balance = nodes.config.initial_balance;
  history.drained = true;
  history.outcomes = std::move(outcomes);
  for (const NodeId node : nodes.daemons()) {
    const NodeReport& report = reports.at(node);
    NodeHistory& own = history.nodes[node];
    own.node = node;
    own.has_balances = !report.balances.empty();
    own.balances = report.balances;
    own.balances_start = report.engine.epoch;
  }
  for (const NodeId node : nodes.daemons()) {
    REQUIRE(nodes.control.command(ControlVerb::shutdown, {node}, kPatience).front().ok());
    const std::optional<int> end = nodes.wait_end(node);
    REQUIRE(end.has_value());
    CHECK((WIFEXITED(*end) && WEXITSTATUS(*end) == 0));
    const Result<LogHistory> read = read_log_history(
        nodes.data(node).string(),
        [&](std::uint64_t, const DurableRecord& record) { append_facts(record, history.nodes[node]); });
    INFO((read ? "" : read.error().message));
    REQUIRE(read.ok());
  }
  return history;
}

const char* name_of(DurabilityKind kind) {
  return kind == DurabilityKind::fsync ? "fsync" : kind == DurabilityKind::none ? "none" : "fixed";
}

void storm(const StormCase& what, std::uint64_t kills, std::uint64_t seed) {
  INFO(what.protocol << " " << name_of(what.durability) << " seed " << seed);
  Processes nodes(what.protocol, what.durability, {"us", "eu", "ap"}, 1, Placement::replicated);
  nodes.config.keys_per_participant = 200;
  // 3PC counts on its timeouts: a live node that is only slow must not pass for a dead one, on a busy machine either.
  const Duration timeout = nodes.config.protocol == "3pc" ? 2s : 1s;
  nodes.config.timeouts = {timeout, timeout, 100ms};
  nodes.config.lock_wait = 500ms;
  nodes.config.checkpoint_bytes = 64U << 10U;
  nodes.start_all();
  REQUIRE(nodes.wait_ready(nodes.daemons()));
  Load load(nodes.config, seed * 31 + 7);
  REQUIRE(load.connect());
  load.start();
  const Tally tally = Storm(nodes, what, seed).run(kills);
  std::this_thread::sleep_for(200ms);
  load.stop();
  const Instant begun = steady_now();
  const Result<std::map<NodeId, NodeReport>> reports = nodes.reports_at_rest();
  const Duration quiet_in = steady_now() - begun;
  INFO((reports ? "" : "not at rest: " + reports.error().message));
  for (const NodeId node : nodes.daemons()) {
    UNSCOPED_INFO((reports ? "" : "node " + std::to_string(node.value) + ": " + nodes.last_line(node)));
  }
  REQUIRE(reports.ok());
  const Directory directory = nodes.config.directory();
  const History history = gather(nodes, directory, load.outcomes(), reports.value());
  const Verdict verdict = check(history);
  std::printf("%-12s %-6s %-5s %6llu %9llu %11llu %10llu %10llu %8llu %8llu %11llu %11llu %9.1f\n", what.protocol,
              name_of(what.durability), what.loses_unsynced ? "lost" : "kept",
              static_cast<unsigned long long>(tally.kills), static_cast<unsigned long long>(tally.at_point),
              static_cast<unsigned long long>(tally.recovering), static_cast<unsigned long long>(tally.lost_bytes),
              static_cast<unsigned long long>(verdict.committed), static_cast<unsigned long long>(verdict.aborted),
              static_cast<unsigned long long>(verdict.unknown_to_client),
              static_cast<unsigned long long>(verdict.examples.size()),
              static_cast<unsigned long long>(verdict.unresolved), to_seconds(quiet_in));
  (void)std::fflush(stdout);
  for (const Violation& violation : verdict.examples) {
    UNSCOPED_INFO(name_of(violation.violation) << ": " << violation.what);
  }
  for (const std::string& reason : verdict.unknown_reasons) {
    UNSCOPED_INFO(reason);
  }
  CHECK(verdict.judgement == Judgement::pass);
  CHECK(verdict.unresolved == 0);
  CHECK(verdict.committed > 0);
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST_CASE(
    "killed again and again, everything comes back: no violation, no money lost, no lock held, nothing in doubt") {
  const std::uint64_t kills = from_environment("GEOCOMMIT_KILLS", 42);
  const std::uint64_t seed = from_environment("GEOCOMMIT_SEED", 1);
  std::vector<StormCase> cases{{"2pc", DurabilityKind::fsync, true},
                               {"3pc", DurabilityKind::fsync, false},
                               {"home-region", DurabilityKind::fixed, true}};
  if (kills >= 200) {
    cases.clear();
    for (const char* protocol : {"2pc", "3pc", "home-region"}) {
      cases.push_back({protocol, DurabilityKind::fsync, true});
      cases.push_back({protocol, DurabilityKind::fsync, false});
      cases.push_back({protocol, DurabilityKind::fixed, true});
    }
  }
  std::printf("%-12s %-6s %-5s %6s %9s %11s %10s %10s %8s %8s %11s %11s %9s\n", "protocol", "forces", "tail", "kills",
              "at_point", "recovering", "lost_bytes", "committed", "aborted", "unknown", "violations", "unresolved",
              "quiet_s");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    storm(cases[i], kills / cases.size() + (i < kills % cases.size() ? 1 : 0), seed + i);
  }
}

}  // namespace
}  // namespace geocommit
