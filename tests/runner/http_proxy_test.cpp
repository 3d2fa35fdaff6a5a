// The /metrics proxy: a closed set of names, GET only, and bounded whatever a client or a node does.
#include "runner/http_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <ctime>
#include <fstream>
#include <functional>
#include <system_error>
#include <thread>
#include <vector>

namespace geocommit {
namespace {

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  const timeval limit{10, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

std::string ask(std::uint16_t port, const std::string& request) {
  const UniqueFd fd = connect_to(port);
  REQUIRE(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()));
  std::string out;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

/// In a process of its own, which may take all that there is of something. The line that failed, 0: none.
int in_child(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) ::_exit(body());
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

void limit(int what, rlim_t soft) {
  rlimit now{};
  ::getrlimit(what, &now);
  now.rlim_cur = std::min(soft, now.rlim_max);
  ::setrlimit(what, &now);
}

Duration processor_time() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

TEST_CASE("the proxy answers for its nodes and nothing else") {
  auto node = HttpProxy::listen();  // stands for a node: answers /metrics with 404 and its list
  REQUIRE(node);
  REQUIRE(node->serve({}));
  auto proxy = HttpProxy::listen();
  REQUIRE(proxy);
  REQUIRE(proxy->serve({{"agent@a", "127.0.0.1:" + std::to_string(node->port())}, {"agent@gone", "127.0.0.1:1"}}));

  CHECK(ask(proxy->port(), "GET / HTTP/1.1\r\n\r\n").find("/nodes/agent@a/metrics") != std::string::npos);
  CHECK(ask(proxy->port(), "GET /nodes/agent@a/metrics HTTP/1.1\r\n\r\n").find("the metrics of each node") !=
        std::string::npos);
  CHECK(ask(proxy->port(), "GET /nodes/agent@gone/metrics HTTP/1.1\r\n\r\n").find("HTTP/1.1 502") == 0);
  CHECK(ask(proxy->port(), "GET /nodes/agent@b/metrics HTTP/1.1\r\n\r\n").find("HTTP/1.1 404") == 0);
  CHECK(ask(proxy->port(), "GET /nodes/agent@a/../metrics HTTP/1.1\r\n\r\n").find("HTTP/1.1 404") == 0);
  CHECK(ask(proxy->port(), "POST /nodes/agent@a/metrics HTTP/1.1\r\n\r\n").find("HTTP/1.1 405") == 0);
  CHECK(ask(proxy->port(), std::string(100, 'x') + "\r\n\r\n").find("HTTP/1.1 405") == 0);
}

TEST_CASE("a client that never finishes its request does not hold the proxy") {
  auto proxy = HttpProxy::listen();
  REQUIRE(proxy);
  REQUIRE(proxy->serve({}));
  const UniqueFd silent = connect_to(proxy->port());
  CHECK(ask(proxy->port(), "GET / HTTP/1.1\r\n\r\n").find("HTTP/1.1 200") == 0);
}

TEST_CASE("out of descriptors, the proxy neither spins nor gives up") {
  const int failed = in_child([] {
    auto proxy = HttpProxy::listen();
    if (!proxy || !proxy->serve({})) return 1;
    const UniqueFd client = connect_to(proxy->port());  // may be taken still
    const UniqueFd waiting = connect_to(proxy->port());
    limit(RLIMIT_NOFILE, 32);
    std::vector<UniqueFd> hoard;
    while (true) {
      UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (!fd.valid()) break;
      hoard.push_back(std::move(fd));
    }
    hoard.pop_back();  // one to connect with: nothing is left to accept it with
    const UniqueFd last = connect_to(proxy->port());
    const Duration before = processor_time();
    std::this_thread::sleep_for(std::chrono::seconds(1));
    if (processor_time() - before > 150ms) return 2;  // it spun for as long as it was given a processor
    hoard.clear();
    for (const UniqueFd* fd : {&waiting, &last}) {
      const std::string request = "GET / HTTP/1.1\r\n\r\n";
      if (::send(fd->get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
        return 3;
      std::array<char, 64> answer{};
      if (::recv(fd->get(), answer.data(), answer.size(), 0) <= 0) return 4;
      if (std::string(answer.data(), 12) != "HTTP/1.1 200") return 5;
    }
    return 0;
  });
  CHECK(failed == 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need address space without end
TEST_CASE("without another thread the proxy says so, and answers when there are some again") {
  const int failed = in_child([] {
    auto proxy = HttpProxy::listen();
    if (!proxy || !proxy->serve({})) return 1;
    long pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit before{};
    ::getrlimit(RLIMIT_AS, &before);
    limit(RLIMIT_AS, static_cast<rlim_t>(pages) * 4096 + (64U << 20U));
    std::atomic<bool> over{false};
    std::vector<std::thread> hoard;
    try {  // until there is no room for another stack
      while (true) hoard.emplace_back([&over] { over.wait(false); });
    } catch (const std::system_error&) {
    }
    const std::string busy = ask(proxy->port(), "GET / HTTP/1.1\r\n\r\n");
    if (busy.rfind("HTTP/1.1 503", 0) != 0) return 2;
    over = true;
    over.notify_all();
    for (std::thread& thread : hoard) thread.join();
    limit(RLIMIT_AS, before.rlim_cur);
    const std::string answer = ask(proxy->port(), "GET / HTTP/1.1\r\n\r\n");
    return answer.rfind("HTTP/1.1 200", 0) == 0 ? 0 : 3;
  });
  CHECK(failed == 0);
}
#endif

TEST_CASE("an answer that cannot be made ends nothing") {
  auto proxy = HttpProxy::listen();
  REQUIRE(proxy);
  proxy->set_own([]() -> std::string { throw std::bad_alloc(); });
  REQUIRE(proxy->serve({}));
  CHECK(ask(proxy->port(), "GET /metrics HTTP/1.1\r\n\r\n").empty());
  CHECK(ask(proxy->port(), "GET / HTTP/1.1\r\n\r\n").find("HTTP/1.1 200") == 0);
}

}  // namespace geocommit
