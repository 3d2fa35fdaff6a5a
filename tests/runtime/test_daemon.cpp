// The agent's program as an operator or the runner meets it: deployed and configured over control, killed, flooded.
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>
#include <zmq.hpp>

#include "os/unique_fd.h"
#include "runtime/control.h"
#include "runtime/event_loop.h"
#include "runtime/log/segmented_log.h"
#include "tests/runtime/ports.h"
#include "tests/runtime/temporary_directory.h"

namespace geocommit {
namespace {

struct Daemon {
  TemporaryDirectory folder;  // outlives what runs in it
  const std::filesystem::path& directory = folder.path;
  std::string data = "tcp://" + own_port(), control_address = "tcp://" + own_port(), metrics = own_port();
  pid_t pid{-1};
  ControlClient control;
  const NodeId node{1};

  Daemon() { control.add(node, control_address); }
  ~Daemon() {
    if (pid > 0) {
      (void)::kill(pid, SIGKILL);
      (void)::waitpid(pid, nullptr, 0);
    }
  }
  /// As a deployed daemon wants it: in a folder that is closed to others.
  void command_privately() {
    control_address = "ipc://" + (directory / "control").string();
    control.remove(node);
    control.add(node, control_address);
  }
  void start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), GEOCOMMIT_AGENT);
    std::vector<char*> argv;
    for (std::string& argument : arguments) {
      argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    const std::string errors = (directory / "stderr").string();
    pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      (void)!::freopen(errors.c_str(), "w", stderr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
  }
  int wait() {
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string last_line() const {
    std::ifstream in{directory / "stderr"};
    std::string line, last;
    while (std::getline(in, line)) {
      last = line.empty() ? last : line;
    }
    return last;
  }
  NodeConfig config() const {
    NodeConfig result;
    result.run_id = "deployed-run";
    result.cell = "cell-1";
    result.self = node;
    result.protocol = "2pc";
    result.regions = {"us"};
    result.placement = Placement::partitioned;
    result.timeouts = {1s, 1s, 100ms};
    result.lock_wait = 1s;
    result.addresses[node] = {data, control_address, metrics};
    result.data_directory = directory / "agent";
    return result;
  }
  template <class Done>
  Result<NodeStatus> status_when(Done done) {
    for (int tries = 0; tries < 300; ++tries) {
      Result<NodeStatus> status = std::move(control.status({node}, 200ms).front());
      if (status && done(status.value())) {
        return status;
      }
      std::this_thread::sleep_for(10ms);
    }
    return Error{"never"};
  }
  long resident_kb() const {
    std::ifstream in{"/proc/" + std::to_string(pid) + "/status"};
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("VmRSS:")) {
        return std::stol(line.substr(6));
      }
    }
    return -1;
  }
};

TEST_CASE("deployed: idle, configured, released, idle again; its files can be fetched, and nothing else") {
  Daemon daemon;
  daemon.command_privately();
  daemon.start({"--listen", daemon.data, "--control", daemon.control_address, "--metrics", daemon.metrics, "--data-dir",
                daemon.directory.string()});
  REQUIRE(daemon.status_when([](const NodeStatus& status) { return status.idle; }).ok());
  NodeConfig coordinator = daemon.config();
  coordinator.self = NodeId{1001};
  coordinator.addresses[NodeId{1001}] = coordinator.addresses[NodeId{1}];
  CHECK_FALSE(daemon.control.configure(daemon.node, coordinator, 5s).ok());  // an agent is no coordinator
  for (const auto& [run_id, cell, region] : {std::array{"../../run", "cell-1", "us"},
                                             std::array{"run", "cell/../1", "us"}, std::array{"run", "c", "us/.."}}) {
    NodeConfig wicked = daemon.config();  // names that must not become paths
    wicked.run_id = run_id;
    wicked.cell = cell;
    wicked.regions = {region};
    const auto refused = daemon.control.configure(daemon.node, wicked, 5s);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.find("a name of letters, digits") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(daemon.directory / "cells"));
  }
  for (int cell = 0; cell < 2; ++cell) {
    REQUIRE(daemon.control.configure(daemon.node, daemon.config(), 5s).ok());
    const auto serving = daemon.status_when([](const NodeStatus& status) { return !status.idle; });
    REQUIRE(serving.ok());
    CHECK(serving.value().run_id == "deployed-run");
    CHECK_FALSE(daemon.control.configure(daemon.node, daemon.config(), 5s).ok());  // not while it serves
    REQUIRE(daemon.control.command(ControlVerb::release, {daemon.node}, 5s).front().ok());
    REQUIRE(daemon.status_when([](const NodeStatus& status) { return status.idle; }).ok());
    const auto files = daemon.control.list_files(daemon.node, 5s);
    REQUIRE(files.ok());
    std::vector<std::string> segments;
    for (const ControlClient::RemoteFile& remote : files.value()) {
      if (remote.name.ends_with(".seg")) {
        segments.push_back(remote.name);
      }
    }
    REQUIRE(segments == std::vector<std::string>{"log-00000001.seg"});  // fresh state for each cell
    std::filesystem::create_directories(daemon.directory / "fetched");
    REQUIRE(daemon.control
                .fetch_file(daemon.node, segments[0], daemon.directory / "fetched" / "log-00000001.seg",
                            {5s, 1U << 30U, {}})
                .ok());
    std::uint64_t records = 0;
    REQUIRE(read_log_history((daemon.directory / "fetched").string(), [&](std::uint64_t, DurableRecord) {
              ++records;
            }).ok());
    CHECK(records == 1);
    CHECK_FALSE(
        daemon.control.fetch_file(daemon.node, "../../cell.json", daemon.directory / "no", {5s, 1U << 30U, {}}).ok());
  }
  REQUIRE(daemon.control.command(ControlVerb::shutdown, {daemon.node}, 5s).front().ok());
  CHECK(daemon.wait() == 0);
}

TEST_CASE(
    "killed and started again it counts its starts; a taken port and a bad file end it with status 1 and a reason") {
  Daemon daemon;
  const auto file = daemon.directory / "config.json";
  std::ofstream{file} << to_json(daemon.config());
  for (int life = 0; life < 3; ++life) {
    daemon.start({"--config", file.string()});
    REQUIRE(daemon.status_when([](const NodeStatus&) { return true; }).ok());
    if (life < 2) {
      REQUIRE(::kill(daemon.pid, SIGKILL) == 0);
      CHECK(daemon.wait() == 128 + SIGKILL);
    } else {
      REQUIRE(::kill(daemon.pid, SIGTERM) == 0);
      CHECK(daemon.wait() == 0);
    }
  }
  std::uint32_t epoch = 0;
  REQUIRE(read_log_history((daemon.directory / "agent").string(), [&](std::uint64_t, DurableRecord record) {
            epoch = std::get<EpochRecord>(record).epoch.value;
          }).ok());
  CHECK(epoch == 3);

  const UniqueFd taken{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in at = socket_address(daemon.data);
  const int yes = 1;
  REQUIRE(::setsockopt(taken.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
  REQUIRE(::bind(taken.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  REQUIRE(::listen(taken.get(), 1) == 0);
  daemon.start({"--config", file.string()});
  CHECK(daemon.wait() == 1);
  CHECK(daemon.last_line().find(daemon.data) != std::string::npos);

  std::ofstream{file} << "{}";
  daemon.start({"--config", file.string()});
  CHECK(daemon.wait() == 1);
  CHECK(daemon.last_line().find("run_id") != std::string::npos);

  daemon.start({"--listen", "tcp://0.0.0.0:1", "--control", daemon.control_address, "--data-dir", "/tmp"});
  CHECK(daemon.wait() == 1);
  CHECK(daemon.last_line().find("refusing to listen on tcp://0.0.0.0:1") != std::string::npos);
  daemon.start({"--listen", daemon.data, "--control", daemon.control_address, "--data-dir", "/tmp"});
  CHECK(daemon.wait() == 1);
  CHECK(daemon.last_line().find("refusing to be commanded on tcp://127.") != std::string::npos);
  daemon.start({"--nonsense"});
  CHECK(daemon.wait() == 1);
}

TEST_CASE("garbage on every port: memory bounded, and it goes on serving") {
  Daemon daemon;
  const auto file = daemon.directory / "config.json";
  std::ofstream{file} << to_json(daemon.config());
  daemon.start({"--config", file.string()});
  REQUIRE(daemon.status_when([](const NodeStatus&) { return true; }).ok());
  std::mt19937 random{3};
  std::vector<UniqueFd> open;
  for (const std::string& address : {daemon.data, daemon.control_address, daemon.metrics}) {
    for (int i = 0; i < 20; ++i) {
      UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
      sockaddr_in to = socket_address(address);
      REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
      std::string bytes(1 + random() % 20'000, '\0');
      for (char& c : bytes) {
        c = static_cast<char>(random());
      }
      (void)!::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      open.push_back(std::move(fd));  // never closed: half a handshake
    }
  }
  zmq::context_t context{1};
  for (const std::string& address : {daemon.data, daemon.control_address}) {
    zmq::socket_t stranger{context, zmq::socket_type::dealer};
    stranger.set(zmq::sockopt::linger, 1'000);
    stranger.connect(address);
    for (int i = 0; i < 40; ++i) {
      std::string bomb;  // 1 MiB of empty submessages
      for (int k = 0; k < (1 << 19); ++k) {
        bomb += std::string{"\x3a\0", 2};
      }
      stranger.send(zmq::buffer(bomb), zmq::send_flags::none);
    }
    std::string huge(64U << 20U, 'x');
    stranger.send(zmq::buffer(huge), zmq::send_flags::none);
  }
  REQUIRE(daemon.status_when([](const NodeStatus&) { return true; }).ok());
  CHECK(daemon.resident_kb() > 0);
  CHECK(daemon.resident_kb() < 400'000);
  REQUIRE(daemon.control.command(ControlVerb::shutdown, {daemon.node}, 5s).front().ok());
  CHECK(daemon.wait() == 0);
}

TEST_CASE("two daemons never share a data directory, and who has it is named") {
  Daemon daemon;
  daemon.command_privately();
  daemon.start({"--listen", daemon.data, "--control", daemon.control_address, "--data-dir", daemon.directory.string()});
  REQUIRE(daemon.status_when([](const NodeStatus& status) { return status.idle; }).ok());
  for (const bool configured : {false, true}) {
    if (configured) {  // it has started itself anew, and never let go
      REQUIRE(daemon.control.configure(daemon.node, daemon.config(), 5s).ok());
      REQUIRE(daemon.status_when([](const NodeStatus& status) { return !status.idle; }).ok());
    }
    Daemon second;
    second.command_privately();
    second.start(
        {"--listen", second.data, "--control", second.control_address, "--data-dir", daemon.directory.string()});
    CHECK(second.wait() == 1);
    INFO(second.last_line());
    CHECK(second.last_line().find("process " + std::to_string(daemon.pid) + ", which is running") != std::string::npos);
  }
  Daemon by_file;
  NodeConfig config = by_file.config();
  config.data_directory = daemon.directory;
  std::ofstream{by_file.directory / "config.json"} << to_json(config);
  by_file.start({"--config", (by_file.directory / "config.json").string()});
  CHECK(by_file.wait() == 1);
  CHECK(by_file.last_line().find("two daemons cannot share one") != std::string::npos);
  REQUIRE(::kill(daemon.pid, SIGKILL) == 0);  // the kernel gives it back
  CHECK(daemon.wait() == 128 + SIGKILL);
  by_file.start({"--config", (by_file.directory / "config.json").string()});
  CHECK(by_file.status_when([](const NodeStatus&) { return true; }).ok());
}

TEST_CASE("a daemon takes no folder in which it would remove what others have put there") {
  Daemon daemon;
  daemon.command_privately();
  const std::filesystem::path home = daemon.directory / "home";
  std::filesystem::create_directories(home / "cells");
  std::ofstream{home / "cells" / "biology"} << "years of work\n";
  const auto start = [&] {
    daemon.start({"--listen", daemon.data, "--control", daemon.control_address, "--data-dir", home.string()});
  };
  start();
  CHECK(daemon.wait() == 1);
  CHECK(daemon.last_line().find("choose another --data-dir") != std::string::npos);
  CHECK(std::filesystem::exists(home / "cells" / "biology"));
  CHECK_FALSE(std::filesystem::exists(home / "daemon.lock"));
  std::filesystem::remove_all(home / "cells");
  start();
  REQUIRE(daemon.status_when([](const NodeStatus& status) { return status.idle; }).ok());
  struct stat lock {};
  REQUIRE(::stat((home / "daemon.lock").c_str(), &lock) == 0);
  CHECK((lock.st_mode & 077) == 0);  // whoever can open it can hold it
}

TEST_CASE("a daemon whose runner has gone frees itself, also out of the longest pause that it takes") {
  for (const bool pausing : {false, true}) {
    Daemon daemon;
    daemon.command_privately();
    daemon.start(
        {"--listen", daemon.data, "--control", daemon.control_address, "--data-dir", daemon.directory.string()});
    REQUIRE(daemon.status_when([](const NodeStatus& status) { return status.idle; }).ok());
    NodeConfig config = daemon.config();
    config.lease = 3s;
    REQUIRE(daemon.control.configure(daemon.node, config, 5s).ok());
    REQUIRE(daemon.status_when([](const NodeStatus& status) { return !status.idle; }).ok());
    // While it is renewed it stays, however long that is; a stranger renews nothing.
    for (int i = 0; i < 50; ++i) {
      REQUIRE(daemon.control.renew({daemon.node}, config.run_id, 5s).front().ok());
      std::this_thread::sleep_for(100ms);
    }
    const auto status = std::move(daemon.control.status({daemon.node}, 5s).front());
    REQUIRE(status.ok());
    CHECK_FALSE(status.value().idle);
    CHECK_FALSE(daemon.control.renew({daemon.node}, "another-run", 5s).front().ok());
    if (pausing) {
      FaultOrder pause;
      pause.id = 1;
      pause.kind = FaultKind::pause;
      for (const Duration length : {kForever, config.lease + 1ns}) {
        pause.length = length;
        const Result<void> refused = daemon.control.arm(daemon.node, pause, 60s);
        REQUIRE_FALSE(refused.ok());
        CHECK(refused.error().message.find("3000 ms, which is its lease") != std::string::npos);
        CHECK(refused.error().message.find("a longer lease") != std::string::npos);
      }
      pause.length = config.lease;
      (void)daemon.control.arm(daemon.node, pause, 100ms);  // it answers when it is awake again
    }
    bool idle = false;
    for (const Instant until = steady_now() + 60s; !idle && steady_now() < until;) {
      const auto now = std::move(daemon.control.status({daemon.node}, 1s).front());
      idle = now && now.value().idle;
      std::this_thread::sleep_for(20ms);
    }
    CHECK(idle);
    REQUIRE(daemon.control.configure(daemon.node, daemon.config(), 5s).ok());  // for the next runner
  }
}

// pitfall 24. The logger stamps its lines with the time of day, and a fault steps it; nothing else may know it.
TEST_CASE("no wall clock in runtime/") {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(GEOCOMMIT_RUNTIME_SOURCES)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".cpp" && extension != ".h") {
      continue;
    }
    ++files;
    if (entry.path().filename() == "wall_clock.cpp" || entry.path().filename() == "stepped_clock.cpp") {
      continue;
    }
    std::ifstream in{entry.path()};
    std::stringstream text;
    text << in.rdbuf();
    for (const char* word : {"system_clock", "CLOCK_REALTIME", "gettimeofday", "std::time(", "::time(", "utc_clock"}) {
      INFO(entry.path());
      INFO(word);
      CHECK(text.str().find(word) == std::string::npos);
    }
  }
  CHECK(files > 20);
}

}  // namespace
}  // namespace geocommit
