// Strangers at a node's data socket: without the run's secret nothing gets through, a message without end does not fill
// its memory, and connections do not use up its descriptors.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <string_view>
#include <utility>

#include "runtime/bind_policy.h"
#include "runtime/door.h"
#include "tests/runtime/processes.h"

namespace geocommit {
namespace {

const NodeId kAgent{1}, kCoordinator{1001};

struct Cell {
  Processes nodes;
  ProcessClient client;
  std::uint64_t asked{};

  explicit Cell(const std::string& secret)
      : nodes("2pc", DurabilityKind::none, {"us"}, 2, Placement::partitioned), client(with(secret)) {
    nodes.start_all();
    REQUIRE(nodes.wait_ready(nodes.daemons()));
    REQUIRE(client.connect(kCoordinator));
  }
  NodeConfig& with(const std::string& secret) {
    nodes.config.secret = secret;
    return nodes.config;
  }
  bool transfer(ProcessClient& who) {
    const std::uint64_t n = ++asked;
    who.ask(kCoordinator,
            {{who.self, n}, RegionId{0}, true, {{Entity{2 * n}, -5, false}, {Entity{2 * n + 1}, 5, false}}});
    return who.run_until([&] { return who.replies.contains(n); }, 60s) && who.replies.at(n).outcome == Outcome::commit;
  }
  bool logged(NodeId node, const std::string& words) {
    for (const Instant until = steady_now() + 60s; steady_now() < until;) {
      std::ifstream in{nodes.data(node).string() + ".log"};
      for (std::string line; std::getline(in, line);) {
        if (line.find(words) != std::string::npos) {
          return true;
        }
      }
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  std::uint64_t memory_kib(NodeId node) {
    std::ifstream in{"/proc/" + std::to_string(nodes.pids.at(node)) + "/status"};
    for (std::string word; in >> word;) {
      if (word == "VmRSS:") {
        std::uint64_t kib = 0;
        in >> kib;
        return kib;
      }
    }
    return 0;
  }
};

/// Of "tcp://127.x.y.z:PORT".
sockaddr_in address_of(const std::string& address) {
  const std::size_t host = std::string("tcp://").size(), colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  REQUIRE(::inet_pton(AF_INET, address.substr(host, colon - host).c_str(), &to.sin_addr) == 1);
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  return to;
}

/// Parts of one message that never ends, in ZMTP 3.0 (RFC 23) as ZeroMQ's own sockets would not send it: they wait for
/// the end. How many megabytes were taken.
int send_endless(const std::string& address, int parts) {
  const UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const sockaddr_in to = address_of(address);
  const timeval patience{60, 0};
  REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
  REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  const auto put = [&](std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  };
  std::string greeting("\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL", 16);
  greeting.resize(64, '\0');
  const std::string ready("\4\x1c\5READY\x0bSocket-Type\0\0\0\6DEALER", 30);
  std::string part("\3\0\0\0\0\0\x10\0\0", 9);  // long, more follows, 1 MiB
  part.append(1U << 20U, 'x');
  int taken = 0;
  for (bool up = put(greeting) && put(ready); up && taken < parts; taken += up ? 1 : 0) {
    up = put(part);
  }
  return taken;
}

/// A peer that shows this secret.
struct Knocking {
  std::unique_ptr<zmq::context_t> context = make_zmq_context();
  zmq::socket_t socket{*context, zmq::socket_type::dealer};
  Knocking(const std::string& to, const std::string& secret) {
    socket.set(zmq::sockopt::linger, 0);
    Door::show(socket, secret);
    socket.connect(to);
  }
};
constexpr int kParts = 100;
constexpr std::uint64_t kMuchKib = 80U << 10U;

TEST_CASE("without a secret a message without end fills a node's memory: the attack is one") {
  Cell cell("");
  const std::uint64_t before = cell.memory_kib(kAgent);
  std::atomic<std::uint64_t> most{before};
  std::jthread watch{[&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      most = std::max<std::uint64_t>(most, cell.memory_kib(kAgent));
      std::this_thread::sleep_for(1ms);
    }
  }};
  CHECK(send_endless(cell.nodes.config.addresses.at(kAgent).data, kParts) == kParts);
  watch.request_stop();
  watch.join();
  CHECK(most >= before + kMuchKib);
}

TEST_CASE("who does not show the run's secret gets no further than the handshake") {
  Cell cell("0123456789abcdef");
  REQUIRE(cell.transfer(cell.client));
  const std::uint64_t before = cell.memory_kib(kAgent);
  const std::string address = cell.nodes.config.addresses.at(kAgent).data;
  CHECK(send_endless(address, kParts) < kParts);
  const Knocking wrong(address, "0123456789abcdeX"), part(address, "0123"), more(address, "0123456789abcdef0");
  CHECK(cell.logged(kAgent, "door: somebody who is not of this run was refused"));
  CHECK(cell.memory_kib(kAgent) < before + kMuchKib / 2);

  // A client of the run but for its secret: it never hears a word.
  NodeConfig other = cell.nodes.config;
  other.secret = "fedcba9876543210";
  other.addresses[cell.client.directory.client(RegionId{0})].data = "tcp://" + own_port();
  ProcessClient stranger(other);
  CHECK_FALSE(stranger.run_until(
      [&] {
        (void)stranger.transport->send(kCoordinator, Hello{true});
        return stranger.transport->heard_from(kCoordinator);
      },
      500ms));
  CHECK(cell.logged(kCoordinator, "door: somebody"));
  CHECK(cell.transfer(cell.client));
}

/// Connections that say nothing.
struct Silent {
  std::vector<UniqueFd> fds;
  void connect(const std::string& address, int many) {
    const sockaddr_in to = address_of(address);
    for (int i = 0; i < many; ++i) {
      UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
      if (fd.valid()) {
        (void)!::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
        fds.push_back(std::move(fd));
      }
    }
  }
};

TEST_CASE(
    "connections do not use up a node's descriptors: the door shuts, who is inside is served, and it opens again") {
  Cell cell("0123456789abcdef");
  REQUIRE(cell.transfer(cell.client));
  const rlimit few{128, 128};
  REQUIRE(::prlimit(cell.nodes.pids.at(kCoordinator), RLIMIT_NOFILE, &few, nullptr) == 0);
  const std::string address = cell.nodes.config.addresses.at(kCoordinator).data;
  Silent silent;
  silent.connect(address, 300);
  CHECK(cell.logged(kCoordinator, "no new connections for now"));
  CHECK(cell.transfer(cell.client));
  silent.connect(address, 300);
  CHECK(cell.transfer(cell.client));
  silent.fds.clear();
  CHECK(cell.logged(kCoordinator, "door: open again"));
  CHECK(cell.transfer(cell.client));
}

/// A process that makes connections and says nothing. In a test with threads: system calls only.
struct Crowd {
  pid_t pid;
  Crowd(const std::string& address, int many) : pid(connect(address_of(address), many)) {}
  ~Crowd() {
    (void)::kill(pid, SIGKILL);
    (void)::waitpid(pid, nullptr, 0);
  }
  static pid_t connect(const sockaddr_in& to, int many) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child != 0) {
      return child;
    }
    rlimit limit{};
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < many; ++i) {
      (void)!::connect(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), reinterpret_cast<const sockaddr*>(&to),
                       sizeof to);
    }
    while (true) {
      (void)::pause();
    }
  }
};

struct FewDescriptors {
  rlimit before{};
  FewDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit few{128, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  ~FewDescriptors() { (void)::setrlimit(RLIMIT_NOFILE, &before); }
};

void wait_for(const std::function<bool()>& fact) {
  for (const Instant until = steady_now() + kPatience; !fact() && steady_now() < until;) {
    std::this_thread::sleep_for(1ms);
  }
}

/// Processor time of all threads but this one.
Duration work_of_others() {
  const auto read = [](clockid_t clock) {
    timespec at{};
    REQUIRE(::clock_gettime(clock, &at) == 0);
    return std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec};
  };
  return read(CLOCK_PROCESS_CPUTIME_ID) - read(CLOCK_THREAD_CPUTIME_ID);
}

// A handshake may last for ever here, so who stands before the door stays there until somebody sends him away.
TEST_CASE("a flood that has taken every descriptor before the node could look: accept() is not tried for ever") {
  auto loop = EventLoop::create();
  REQUIRE(loop.ok());
  const auto context = make_zmq_context();
  zmq::socket_t router{*context, zmq::socket_type::router};
  router.set(zmq::sockopt::handshake_ivl, 0);
  const std::string address = "tcp://" + own_port();
  auto door = Door::open(*context, *loop.value(), router, address, "");
  REQUIRE(door.ok());
  const FewDescriptors few;
  const auto run_until = [&](const auto& done) {
    for (const Instant until = steady_now() + kPatience; steady_now() < until;) {
      loop.value()->run_once(5ms);
      if (done()) {
        return true;
      }
    }
    return false;
  };
  {
    const Crowd crowd(address, 300);
    wait_for([] { return !UniqueFd{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)}.valid(); });
    // Now the only work of ZeroMQ's threads is to try accept() again and again.
    wait_for([before = work_of_others()] { return work_of_others() > before + 50ms; });
    REQUIRE(run_until([&] { return door.value()->failed_accepts() > 0; }));
    std::uint64_t failed = 0;
    Instant since{};
    CHECK(run_until([&] {
      if (std::exchange(failed, door.value()->failed_accepts()) != door.value()->failed_accepts()) {
        since = steady_now();
      }
      return steady_now() >= since + 1s;
    }));
  }
  CHECK(run_until([] {
    const UniqueFd lowest{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)};
    return lowest.valid() && lowest.get() < 60;
  }));
  Knocking welcome(address, "");
  CHECK(run_until([&] {
    door.value()->watch();
    zmq::message_t part;
    (void)welcome.socket.send(zmq::message_t{1}, zmq::send_flags::dontwait);
    return router.recv(part, zmq::recv_flags::dontwait).has_value();
  }));
}

TEST_CASE("a daemon is commanded only where no other user of the machine can") {
  const auto refusal = [](const std::string& address, bool insecure = false) {
    const Result<void> allowed = may_be_commanded_on(address, insecure);
    return allowed ? std::string{} : allowed.error().message;
  };
  CHECK(refusal("tcp://127.0.0.2:7002").find("--insecure") != std::string::npos);
  CHECK(refusal("tcp://127.0.0.2:7002", true).empty());
  const TemporaryDirectory folder;
  const std::string name = folder.path.string();
  const std::string address = "ipc://" + name + "/control";
  CHECK(refusal(address).empty());
  REQUIRE(::chmod(name.c_str(), 0710) == 0);
  CHECK(refusal(address).find("chmod 700") != std::string::npos);
  CHECK(refusal(address, true).empty());
  REQUIRE(::chmod(name.c_str(), 0700) == 0);
  std::ofstream{name + "/thesis"} << "years of work\n";
  std::filesystem::create_symlink("thesis", name + "/link");
  for (const bool insecure : {false, true}) {
    CHECK(refusal("ipc://" + name + "/thesis", insecure).find("would be removed") != std::string::npos);
    CHECK(refusal("ipc://" + name + "/link", insecure).find("would be removed") != std::string::npos);
    CHECK_FALSE(may_bind("ipc://" + name + "/thesis", insecure).ok());
  }
  {
    zmq::context_t context;
    zmq::socket_t first{context, zmq::socket_type::router};
    first.bind(address);
    CHECK(refusal(address).find("somebody does already") != std::string::npos);
  }
  CHECK(refusal(address).empty());  // also where a killed daemon has left its own
  std::filesystem::remove(name + "/control");
  {
    const UniqueFd left{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    (void)(name + "/control").copy(at.sun_path, sizeof at.sun_path - 1);
    REQUIRE(::bind(left.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  }
  CHECK(std::filesystem::is_socket(name + "/control"));
  CHECK(refusal(address).empty());
  CHECK(refusal("ipc://" + name + "/" + std::string(200, 'x')).find("107 characters") != std::string::npos);
  CHECK(refusal("ipc://" + name + "/none/control").find("No such file") != std::string::npos);
  CHECK(refusal("ipc://@geocommit").find("absolute path") != std::string::npos);
}

}  // namespace
}  // namespace geocommit
