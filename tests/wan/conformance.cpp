// wan-conformance --backend tun|netem [--only CASE] [--list]: what every WAN backend must do, on the real thing.
// Counts and order decide. Delays have a lower bound that holds always (a packet is never early by more than the
// calibration may take off) and an upper bound so generous that only a wrong delay passes it, not a busy machine.
// Exit status: 0 all passed, 1 a case failed, 77 this machine cannot do the backend.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <set>
#include <thread>
#include <tuple>

#include "tests/wan/conformance_harness.h"
#include "wan/echo.h"
#include "wan/namespaces.h"
#include "wan/run_state.h"

namespace geocommit::conformance {
namespace {

constexpr Duration kEarly = 250us;  // one way; twice the largest calibration, and clock reading
constexpr Duration kLate = 250ms;

const char* const kTopology =
    "name: conformance\n"
    "regions: {a: {}, b: {}, c: {}}\n"
    "defaults: {intra_region_rtt: 4ms}\n"
    "rtt: {a: {b: 60, c: 100}, b: {a: 20, c: 40}}\n";

Topology topology() {
  auto parsed = parse_topology(kTopology, "conformance");
  require(parsed ? Result<void>{} : parsed.error(), "topology");
  return *parsed;
}

std::unique_ptr<Emulation> up(Backend backend) {
  const std::vector<WanNode> nodes{{"a1", "a", ""}, {"a2", "a", ""}, {"b1", "b", ""}, {"c1", "c", ""}};
  auto emulation = bring_up(backend, topology(), nodes);
  require(emulation ? Result<void>{} : emulation.error(), "bring_up");
  return std::move(emulation).value();
}

void check_delays(const std::vector<Arrival>& arrivals, Duration wanted, const std::string& what) {
  check(!arrivals.empty(), what + ": nothing arrived");
  for (const auto& arrival : arrivals) {
    check(arrival.one_way() >= wanted - kEarly, what + ": early, " + text(arrival.one_way()));
  }
  const auto best = std::min_element(arrivals.begin(), arrivals.end(),
                                     [](const Arrival& a, const Arrival& b) { return a.one_way() < b.one_way(); });
  if (best != arrivals.end()) check(best->one_way() < wanted + kLate, what + ": late, " + text(best->one_way()));
}

void case_delay(Emulation& emulation) {
  const std::vector<std::tuple<std::string, std::string, Duration>> expected{
      {"a1", "b1", 30ms}, {"b1", "a1", 10ms}, {"a1", "a2", 2ms}, {"a2", "c1", 50ms}, {"c1", "b1", 20ms}};
  for (const auto& [from, to, delay] : expected) {
    Receiver receiver(emulation, to);
    send(emulation, from, receiver, {20, 1ms, 92});
    const auto arrivals = receiver.take(20, kQuiet);
    check(arrivals.size() == 20, "20 packets arrive from " + from + " to " + to);
    check_delays(arrivals, delay, from + " to " + to);
  }
}

void case_change_while_running(Emulation& emulation) {
  Receiver receiver(emulation, "b1");
  for (const Duration delay : {Duration{5ms}, Duration{80ms}, Duration{0}}) {
    require(emulation.set_link("a1", "b1", plain(delay)), "set_link");
    send(emulation, "a1", receiver, {10, 1ms, 92});
    const auto arrivals = receiver.take(10, kQuiet);
    check(arrivals.size() == 10, "10 packets arrive");
    check_delays(arrivals, delay, "changed to " + text(delay));
  }
  LinkChange slower;
  slower.delay = 70ms;
  require(emulation.change_link("a", "c", slower), "change by datacenter");
  for (const std::string from : {"a1", "a2"}) {
    const auto link = emulation.link(from, "c1");
    check(link && link->delay == 70ms, "a change by datacenter reaches " + from);
  }
  const auto back = emulation.link("c1", "a1");
  check(back && back->delay == 50ms, "and not the other direction");
  check(!emulation.change_link("a", "nowhere", slower).ok(), "an unknown name is refused");
}

void case_one_way_cut(Emulation& emulation) {
  require(emulation.set_link("a1", "b1", plain(200ms)), "set_link");
  require(emulation.set_link("b1", "a1", plain(5ms)), "set_link");
  require(emulation.reset_stats(), "reset_stats");
  Receiver at_b(emulation, "b1");
  Receiver at_a(emulation, "a1");
  Receiver at_a2(emulation, "a2");
  send(emulation, "a1", at_b, {20, Duration{0}, 92});
  require(emulation.cut("a1", "b1"), "cut");
  send(emulation, "a1", at_b, {20, 1ms, 92});
  send(emulation, "b1", at_a, {20, 1ms, 92});
  send(emulation, "a1", at_a2, {20, 1ms, 92});
  check(at_b.take(40, kQuiet).empty(), "a cut kills what is in flight and what is sent");
  check(at_a.take(20, kQuiet).size() == 20, "the other direction is open");
  check(at_a2.take(20, kQuiet).size() == 20, "other links are open");
  const auto stats = emulation.stats();
  // At least and a few more: the kernel may still send a packet of its own, such as the last words of an earlier
  // case's TCP connection. The other way round, 20 more would be counted.
  const auto about_40 = [](std::uint64_t count) { return count >= 40 && count < 50; };
  check(stats && about_40(stats->cut), "all 40 are counted as cut, found " + std::to_string(stats ? stats->cut : 0));
  check(stats && about_40(stats->packets), "and 40 as delivered, found " + std::to_string(stats ? stats->packets : 0));
  require(emulation.cut("a1", "b1"), "cut again");
  send(emulation, "a1", at_b, {20, Duration{0}, 92});
  require(emulation.heal("a1", "b1"), "heal");  // before those could have arrived
  check(at_b.take(20, kQuiet).empty(), "what leaves while the link is down is lost, also if it is up again at arrival");
  send(emulation, "a1", at_b, {20, 1ms, 92});
  const auto arrivals = at_b.take(20, kQuiet);
  check(arrivals.size() == 20, "after the heal all arrive");
  check_delays(arrivals, 200ms, "the delay is as before the cut");
}

/// A router that has not run for a while finds packets and the order to change their link at the same time.
void case_change_does_not_overtake(Emulation& emulation) {
  if (emulation.processes().empty()) return;  // the kernel does both at once
  const pid_t router = emulation.processes().front();
  Receiver at_b(emulation, "b1");
  require(emulation.cut("a1", "b1"), "cut");
  ::kill(router, SIGSTOP);
  send(emulation, "a1", at_b, {200, Duration{0}, 92});
  Result<void> healed;
  std::thread heal([&] { healed = emulation.heal("a1", "b1"); });
  ::usleep(100000);  // until the order is there; if it is not, the packets are read first, as they should be
  ::kill(router, SIGCONT);
  heal.join();
  require(healed, "heal");
  check(at_b.take(200, kQuiet).empty(), "a heal does not reach what has left before it");
}

void case_partition_and_heal(Emulation& emulation) {
  TcpPair tcp(emulation);
  tcp.write_bytes(1);
  check(tcp.byte_within(5s), "TCP before the partition");
  require(emulation.partition({"a"}, {"b", "c"}), "partition");
  tcp.write_bytes(1);
  check(answered(emulation, "a1", "b1", 3, 300ms) == 0, "a1 and b1 are apart");
  check(answered(emulation, "c1", "a2", 3, 300ms) == 0, "c1 and a2 are apart");
  check(answered(emulation, "b1", "c1", 3, 2s) == 3, "b1 and c1 are together");
  check(answered(emulation, "a1", "a2", 3, 2s) == 3, "a1 and a2 are together");
  check(answered(emulation, "a1", "b1", 3, 2s, true) == 3, "the management network is not impaired");
  check(!tcp.byte_within(1ms), "no TCP across the partition");
  require(emulation.heal_all(), "heal_all");
  check(answered(emulation, "a1", "b1", 3, 2s) == 3, "a1 and b1 are together again");
  check(answered(emulation, "c1", "a2", 3, 2s) == 3, "c1 and a2 are together again");
  check(tcp.byte_within(20s), "TCP delivers after the heal");
}

void case_child_enters_namespace(Emulation& emulation) {
  const int fd = emulation.namespace_fd("c1");
  sockaddr_in at{};
  at.sin_family = AF_INET;
  ::inet_pton(AF_INET, emulation.wan_address("c1").c_str(), &at.sin_addr);
  const auto binds = [&](bool enter) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (enter && Emulation::enter_namespace(fd) != 0) ::_exit(2);
      const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
      ::_exit(::bind(socket, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  check(binds(true) == 0, "a child inside binds the node's address");
  check(binds(false) == 1, "one outside does not");
}

void case_dead_or_stopped_router(Emulation& emulation) {
  if (emulation.processes().empty()) return;  // nothing that could die
  check(emulation.health().ok(), "healthy at first");
  const pid_t router = emulation.processes().front();
  ::kill(router, SIGSTOP);
  bool told = false;
  for (int i = 0; i < 100 && !told; ++i) {
    told = !emulation.health().ok();
    ::usleep(10000);
  }
  check(told, "a stopped router is told within a second");
  ::kill(router, SIGCONT);
  ::kill(router, SIGKILL);
  pollfd failure{emulation.failure_fd(), POLLIN, 0};
  check(::poll(&failure, 1, 1000) == 1, "failure_fd() tells a dead router within a second");
  const auto health = emulation.health();
  check(!health && health.error().message.find("signal 9") != std::string::npos, "health() says why");
  check(!emulation.heal_all().ok() || !emulation.cut("a1", "b1").ok(), "changes fail from then on");
}

std::set<std::string> devices() {
  std::set<std::string> names;
  struct if_nameindex* all = ::if_nameindex();
  for (const struct if_nameindex* entry = all; entry != nullptr && entry->if_index != 0; ++entry) {
    names.insert(entry->if_name);
  }
  ::if_freenameindex(all);
  return names;
}

void case_cleanup(Backend backend) {
  const auto before = devices();
  for (int round = 0; round < 3; ++round) {
    auto emulation = up(backend);
    const auto processes = emulation->processes();
    check(devices() != before, "an emulation shows in the hub");
    emulation->close();
    emulation->close();  // idempotent
    check(devices() == before, "no device is left in the hub after close()");
    for (const int pid : processes) check(!identify(pid).has_value(), "no process is left after close()");
  }
}

void case_many_nodes(Backend backend) {
  const std::size_t count = backend == Backend::tun ? 50 : 45;
  std::string yaml = "name: many\nregions: [";
  for (int i = 0; i < 15; ++i) yaml += (i > 0 ? ", r" : "r") + std::to_string(i);
  yaml += "]\nrtt:\n";
  for (int i = 0; i < 14; ++i) {
    yaml += "  r" + std::to_string(i) + ": {";
    for (int j = i + 1; j < 15; ++j)
      yaml += (j > i + 1 ? ", r" : "r") + std::to_string(j) + ": " + std::to_string(10 * j);
    yaml += "}\n";
  }
  const auto parsed = parse_topology(yaml, "many");
  require(parsed ? Result<void>{} : parsed.error(), "topology");
  std::vector<WanNode> nodes;
  for (std::size_t i = 0; i < count; ++i) nodes.push_back({"n" + std::to_string(i), "r" + std::to_string(i % 15), ""});
  timespec start{};
  timespec end{};
  ::clock_gettime(CLOCK_MONOTONIC, &start);
  auto emulation = bring_up(backend, *parsed, nodes);
  ::clock_gettime(CLOCK_MONOTONIC, &end);
  require(emulation ? Result<void>{} : emulation.error(), "bring_up");
  std::printf("    %zu nodes up in %.2f s\n", count,
              static_cast<double>(end.tv_sec - start.tv_sec) + static_cast<double>(end.tv_nsec - start.tv_nsec) / 1e9);
  check(answered(**emulation, "n0", nodes.back().name, 3, 2s) == 3, "the first reaches the last");
  check(answered(**emulation, "n7", "n3", 3, 2s) == 3, "n7 reaches n3");
}

/// A runner that is killed leaves nothing: no process, no device outside.
void case_sigkill(Backend backend) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return check(false, "pipe");
  const pid_t runner = ::fork();
  if (runner == 0) {
    require(enter_private_namespace(), "enter_private_namespace");
    const auto emulation = up(backend);
    const auto processes = emulation->processes();
    const int router = processes.empty() ? 0 : processes.front();
    if (::write(ends[1], &router, sizeof router) != sizeof router) ::_exit(1);
    ::kill(::getpid(), SIGKILL);
  }
  ::close(ends[1]);
  int router = -1;
  check(::read(ends[0], &router, sizeof router) == sizeof router, "the runner came up");
  ::close(ends[0]);
  ::waitpid(runner, nullptr, 0);
  bool gone = router <= 0 || !identify(router).has_value();
  for (int i = 0; i < 200 && !gone; ++i) {
    ::usleep(10000);
    gone = !identify(router).has_value();
  }
  check(gone, "the router dies with a killed runner");
}

struct Case {
  const char* name;
  std::function<void(Emulation&)> shared;  // in an emulation of four nodes, fresh for each case
  std::function<void(Backend)> alone;      // brings up its own
};

std::vector<Case> cases() {
  return {{"delay", case_delay, {}},
          {"change-while-running", case_change_while_running, {}},
          {"jitter-is-fifo", case_jitter_is_fifo, {}},
          {"loss", case_loss, {}},
          {"rate", case_rate, {}},
          {"limit", case_limit, {}},
          {"lowered-delay-is-fifo", case_lowered_delay_is_fifo, {}},
          {"segments", case_segments, {}},
          {"one-way-cut", case_one_way_cut, {}},
          {"change-does-not-overtake", case_change_does_not_overtake, {}},
          {"partition-and-heal", case_partition_and_heal, {}},
          {"child-enters-namespace", case_child_enters_namespace, {}},
          {"dead-or-stopped-router", case_dead_or_stopped_router, {}},
          {"cleanup", {}, case_cleanup},
          {"many-nodes", {}, case_many_nodes}};
}

/// Runs in a child, which moves into its own hub.
int run_cases(Backend backend, const std::string& only) {
  require(enter_private_namespace(), "enter_private_namespace");
  for (const auto& entry : cases()) {
    if (!only.empty() && only != entry.name) continue;
    const int before = failures();
    std::printf("  %s\n", entry.name);
    std::fflush(stdout);
    if (entry.shared) {
      const auto emulation = up(backend);
      entry.shared(*emulation);
    } else {
      entry.alone(backend);
    }
    if (failures() == before) std::printf("    ok\n");
    std::fflush(stdout);
  }
  return failures() == 0 ? 0 : 1;
}

int run(Backend backend, const std::string& only) {
  if (const auto possible = probe_backend(backend); !possible) {
    std::printf("skipped: %s is not possible here: %s\n", std::string(to_string(backend)).c_str(),
                possible.error().message.c_str());
    return 77;
  }
  const auto before = devices();
  std::printf("conformance of %s\n", std::string(to_string(backend)).c_str());
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    const int status = run_cases(backend, only);
    std::fflush(stdout);
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status)) check(false, "the suite was killed by signal " + std::to_string(WTERMSIG(status)));
  const bool passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (only.empty() || only == "sigkill") {
    std::printf("  sigkill\n");
    std::fflush(stdout);
    case_sigkill(backend);
  }
  check(devices() == before, "the namespace that it was started in has the devices that it had");
  std::printf(passed && failures() == 0 ? "passed\n" : "FAILED\n");
  return passed && failures() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace geocommit::conformance

int main(int argc, char** argv) {
  using namespace geocommit;
  CLI::App app{"What every WAN backend must do"};
  std::string backend = "tun";
  std::string only;
  bool list = false;
  app.add_option("--backend", backend)->check(CLI::IsMember({"tun", "netem"}));
  app.add_option("--only", only);
  app.add_flag("--list", list);
  CLI11_PARSE(app, argc, argv);
  if (list) {
    for (const auto& entry : conformance::cases()) std::printf("%s\n", entry.name);
    std::printf("sigkill\n");
    return 0;
  }
  return conformance::run(backend == "tun" ? Backend::tun : Backend::netem, only);
}
