// Real daemons as the runner starts them, with a bare client: for tests that kill, stop and starve them.
#pragma once

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "os/unique_fd.h"
#include "protocols/registry.h"
#include "runtime/control.h"
#include "runtime/log/segmented_log.h"
#include "runtime/quiesce.h"
#include "runtime/transport.h"
#include "tests/runtime/ports.h"
#include "tests/runtime/temporary_directory.h"

namespace geocommit {

/// For a fact that comes as soon as the machine gets round to it. Only a failure takes so long.
constexpr Duration kPatience = 120s;

/// Agents and coordinators of one run, each a process.
struct Processes {
  TemporaryDirectory folder;  // outlives what runs in it
  const std::filesystem::path& directory = folder.path;
  NodeConfig config;
  std::map<NodeId, pid_t> pids;
  ControlClient control;

  Processes(const std::string& protocol, DurabilityKind durability, std::vector<std::string> regions,
            std::uint32_t sites, Placement placement) {
    config.run_id = "test-run";
    config.cell = protocol;
    config.protocol = protocol;
    config.regions = std::move(regions);
    config.sites_per_region = sites;
    config.placement = placement;
    config.keys_per_participant = 100;
    config.timeouts = {1500ms, 1500ms, 100ms};
    config.lock_wait = 1s;
    config.durability = {durability, 1ms};
    const Directory nodes = config.directory();
    for (const NodeInfo& node : nodes.nodes()) {
      config.addresses[node.id] = {"tcp://" + own_port(), "tcp://" + own_port(), ""};
      control.add(node.id, config.addresses[node.id].control);
    }
  }
  ~Processes() {
    for (const auto& [node, pid] : pids) {
      (void)::kill(pid, SIGKILL);
      (void)::waitpid(pid, nullptr, 0);
    }
  }
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  [[nodiscard]] std::filesystem::path data(NodeId node) const { return directory / std::to_string(node.value); }
  /// Agents and coordinators, ascending.
  [[nodiscard]] std::vector<NodeId> daemons() const {
    std::vector<NodeId> result;
    const Directory nodes = config.directory();
    for (const NodeInfo& node : nodes.nodes()) {
      if (node.kind != NodeKind::client) {
        result.push_back(node.id);
      }
    }
    return result;
  }
  void start(NodeId node, std::vector<FaultOrder> faults = {}) {
    NodeConfig own = config;
    own.self = node;
    own.data_directory = data(node);
    own.faults = std::move(faults);
    const Directory nodes = config.directory();
    const bool agent = nodes.find(node)->kind == NodeKind::agent;
    const std::string program = agent ? GEOCOMMIT_AGENT : GEOCOMMIT_COORDINATOR;
    const std::string file = data(node).string() + ".json", errors = data(node).string() + ".log";
    std::ofstream{file} << to_json(own);
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      (void)!::freopen(errors.c_str(), "a", stderr);
      ::execl(program.c_str(), program.c_str(), "--config", file.c_str(), nullptr);
      ::_exit(127);
    }
    pids[node] = pid;
  }
  void start_all() {
    for (const NodeId node : daemons()) {
      start(node);
    }
  }
  /// The status of waitpid() once it has ended; nullopt if it does not within `patience`.
  std::optional<int> wait_end(NodeId node, Duration patience = kPatience) {
    for (const Instant until = steady_now() + patience; steady_now() < until;) {
      int status = 0;
      if (::waitpid(pids.at(node), &status, WNOHANG) == pids.at(node)) {
        pids.erase(node);
        return status;
      }
      std::this_thread::sleep_for(2ms);
    }
    return std::nullopt;
  }
  void kill(NodeId node) {
    REQUIRE(::kill(pids.at(node), SIGKILL) == 0);
    REQUIRE(wait_end(node).has_value());
  }
  [[nodiscard]] std::string last_line(NodeId node) const {
    std::ifstream in{data(node).string() + ".log"};
    std::string last;
    for (std::string line; std::getline(in, line);) {
      last = line.empty() ? last : line;
    }
    return last;
  }
  /// Of a node that runs.
  [[nodiscard]] NodeStatus status(NodeId node) {
    Result<NodeStatus> status = std::move(control.status({node}, kPatience).front());
    INFO("node " << node.value << ": " << last_line(node));
    REQUIRE(status.ok());
    return std::move(status).value();
  }
  /// All of `nodes` answer, and `done` holds of what they say.
  template <class Done>
  bool wait_status(const std::vector<NodeId>& nodes, Done done, Duration patience = kPatience) {
    for (const Instant until = steady_now() + patience; steady_now() < until;) {
      std::vector<NodeStatus> all;
      for (Result<NodeStatus>& status : control.status(nodes, 1s)) {
        if (status) {
          all.push_back(std::move(status).value());
        }
      }
      if (all.size() == nodes.size() && done(all)) {
        return true;
      }
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }
  bool wait_ready(const std::vector<NodeId>& nodes) {
    return wait_status(nodes, [](const std::vector<NodeStatus>& all) {
      return std::all_of(all.begin(), all.end(), [](const NodeStatus& status) { return status.ready; });
    });
  }
  /// Nothing open, nothing in doubt, no lock held, anywhere, for good (engine/quiescence.h); then everybody's report of
  /// that state. Without value: not within `patience`, and why.
  Result<std::map<NodeId, NodeReport>> reports_at_rest(Duration patience = kPatience) {
    const Directory nodes = config.directory();
    Quiescence quiescence(nodes);
    const std::vector<NodeId> all = daemons();
    std::string why;
    for (const Instant until = steady_now() + patience; steady_now() < until; std::this_thread::sleep_for(5ms)) {
      look(quiescence, control, all, 2s);
      if (!quiescence.proven()) {
        why = quiescence.why_not();
        continue;
      }
      std::map<NodeId, NodeReport> reports;
      std::vector<Result<NodeReport>> answers = control.report(all, 10s);
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (answers[i] && quiescence.holds(all[i], answers[i].value().engine)) {
          reports.emplace(all[i], std::move(answers[i]).value());
        }
      }
      if (reports.size() == all.size()) {
        return reports;
      }
      why = "at rest, and then not, or not all gave their reports";
    }
    return Error{why};
  }
  bool wait_quiet() {
    const Result<std::map<NodeId, NodeReport>> reports = reports_at_rest();
    UNSCOPED_INFO((reports ? "" : reports.error().message));
    return reports.ok();
  }
  /// How many records of this name a node's machines have on disk.
  [[nodiscard]] std::uint64_t records(NodeId node, std::string_view name) const {
    std::uint64_t count = 0;
    const Result<LogHistory> read =
        read_log_history(data(node).string(), [&](std::uint64_t, const DurableRecord& record) {
          if (const auto* machine = std::get_if<MachineRecord>(&record)) {
            count += find_protocol(machine->protocol)->record_name(machine->record.kind) == name ? 1U : 0U;
          }
        });
    REQUIRE(read.ok());
    return count;
  }
};

/// A client: asks a coordinator, and collects the answers.
struct ProcessClient {
  std::unique_ptr<zmq::context_t> context = make_zmq_context();
  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  Directory directory;
  NodeId self;
  std::unique_ptr<Transport> transport;
  std::map<std::uint64_t, ClientReply> replies;
  std::map<std::uint64_t, Request> asked;
  std::map<NodeId, Epoch> starts;  ///< Of whoever was heard: which start a request is for.

  explicit ProcessClient(const NodeConfig& config, RegionId region = RegionId{0})
      : directory(config.directory()), self(directory.client(region)) {
    TransportOptions options;
    options.self = self;
    options.epoch = Epoch{1};
    options.run_id = config.run_id;
    options.secret = config.secret;
    options.bind = config.addresses.at(self).data;
    for (const auto& [node, addresses] : config.addresses) {
      options.addresses[node] = addresses.data;
    }
    options.directory = &directory;
    transport = Transport::open(*context, *loop, options, [this](const PeerMessage& message) {
                  starts[message.from] = message.from_epoch;
                  if (const auto* reply = std::get_if<ClientReply>(&message.payload)) {
                    replies[reply->id.sequence] = *reply;
                  }
                }).value();
  }
  template <class Done>
  bool run_until(Done done, Duration patience = kPatience) {
    for (const Instant until = steady_now() + patience; steady_now() < until && !done();) {
      loop->run_once(2ms);
    }
    return done();
  }
  bool connect(NodeId coordinator) {
    return run_until([&] {
      (void)transport->send(coordinator, Hello{true});
      return transport->heard_from(coordinator);
    });
  }
  void ask(NodeId coordinator, const Request& request) {
    asked[request.id.sequence] = request;
    (void)transport->send(coordinator, ClientRequest{request, starts[coordinator]});
    transport->flush();
  }
};

}  // namespace geocommit
