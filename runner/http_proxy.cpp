#include "runner/http_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <system_error>

namespace geocommit {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kDeadline = std::chrono::seconds(2);
constexpr std::size_t kRequestMax = 8192;
constexpr std::size_t kWorkersMax = 128;
constexpr auto kScarce = std::chrono::milliseconds(50);  ///< Until the next try where something has run out.
constexpr std::size_t kAnswerMax = std::size_t{8} << 20;

/// Waits for the descriptor until the deadline.
bool wait_for(int fd, short events, Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  if (left <= 0) return false;
  pollfd one{fd, events, 0};
  return ::poll(&one, 1, static_cast<int>(left)) > 0;
}

bool send_all(int fd, std::string_view text, Clock::time_point deadline) {
  while (!text.empty()) {
    if (!wait_for(fd, POLLOUT, deadline)) return false;
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Reads until `until` appears, the peer closes, or `max` bytes.
std::string receive(int fd, std::string_view until, std::size_t max, Clock::time_point deadline) {
  std::string out;
  std::array<char, 16384> buffer{};
  while (out.size() < max && (until.empty() || out.find(until) == std::string::npos)) {
    if (!wait_for(fd, POLLIN, deadline)) break;
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got <= 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return out;
}

std::string plain(const char* status, const std::string& body) {
  return std::string("HTTP/1.1 ") + status +
         "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

}  // namespace

std::optional<std::string> http_get(const std::string& address, const std::string& path, Duration patience) {
  const auto deadline = Clock::now() + patience;
  const auto colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1)));
  if (::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) != 1) return std::nullopt;
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return std::nullopt;
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) {
    return std::nullopt;
  }
  if (!send_all(fd.get(), "GET " + path + " HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n", deadline)) {
    return std::nullopt;
  }
  std::string answer = receive(fd.get(), "", kAnswerMax, deadline);
  if (answer.rfind("HTTP/", 0) != 0) return std::nullopt;
  return answer;
}

Result<HttpProxy> HttpProxy::listen() {
  HttpProxy proxy;
  proxy.socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (!proxy.socket_.valid() || ::bind(proxy.socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(proxy.socket_.get(), 16) != 0 ||
      ::getsockname(proxy.socket_.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    return Error{"cannot listen on 127.0.0.1 for /metrics: " + std::string(std::strerror(errno))};
  }
  proxy.port_ = ntohs(at.sin_port);
  return proxy;
}

Result<void> HttpProxy::serve(std::map<std::string, std::string> targets) {
  stop();
  targets_ = std::move(targets);
  stopping_ = false;
  try {
    thread_ = std::thread([this] { loop(); });
  } catch (const std::system_error& problem) {
    return Error{"/metrics cannot be served: no thread: " + std::string(problem.what())};
  }
  return {};
}

void HttpProxy::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

std::uint64_t HttpProxy::answered(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = answered_.find(name);
  return found == answered_.end() ? 0 : found->second;
}

void HttpProxy::loop() {
  std::list<Worker> workers;
  const auto reap = [&workers](bool all) {
    for (auto worker = workers.begin(); worker != workers.end();) {
      if (!all && !*worker->done) {
        ++worker;
        continue;
      }
      worker->thread.join();  // each is bounded by its deadlines
      worker = workers.erase(worker);
    }
  };
  while (!stopping_) {
    reap(false);
    pollfd one{socket_.get(), POLLIN, 0};
    if (workers.size() >= kWorkersMax || ::poll(&one, 1, 200) <= 0) {
      if (workers.size() >= kWorkersMax) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      continue;
    }
    auto client = std::make_shared<UniqueFd>(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client->valid()) {
      // Out of descriptors or memory: it waits in the queue, and poll() would come back at once for ever.
      if (errno != EINTR && errno != ECONNABORTED) std::this_thread::sleep_for(kScarce);
      continue;
    }
    try {
      workers.push_back(start(client));
    } catch (const std::exception&) {  // no thread, or no memory for one
      constexpr std::string_view kBusy =
          "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      (void)!::send(client->get(), kBusy.data(), kBusy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      std::this_thread::sleep_for(kScarce);
    }
  }
  reap(true);
}

HttpProxy::Worker HttpProxy::start(const std::shared_ptr<UniqueFd>& client) {
  auto done = std::make_shared<std::atomic<bool>>(false);
  return {std::thread([this, client, done] {
            try {
              answer(client->get());
            } catch (const std::exception&) {  // bad_alloc: this answer is not given, the next one may be
            }
            client->reset();
            *done = true;
          }),
          done};
}

std::string HttpProxy::counted(const std::string& name, std::optional<std::string> text) {
  if (!text) return plain("502 Bad Gateway", name + " does not answer\n");
  const std::lock_guard lock(mutex_);
  ++answered_[name];
  return *std::move(text);
}

std::string HttpProxy::answer_to(const std::string& path) {
  if (own_ && (path == "/metrics" || path == std::string("/nodes/") + kOwnName + "/metrics")) {
    return counted(kOwnName, plain("200 OK", own_()));
  }
  std::string list = "geocommit: the metrics of each node of the run\n";
  for (const auto& [name, address] : targets_) {
    if (path == "/nodes/" + name + "/metrics") return counted(name, http_get(address, "/metrics", kDeadline));
    list += "/nodes/" + name + "/metrics\n";
  }
  if (own_) list += "/metrics\n";
  return path == "/" ? plain("200 OK", list) : plain("404 Not Found", list);
}

void HttpProxy::answer(int client) {
  const std::string request = receive(client, "\r\n\r\n", kRequestMax, Clock::now() + kDeadline);
  const std::string line = request.substr(0, request.find("\r\n"));
  const std::string out = line.rfind("GET ", 0) == 0 ? answer_to(line.substr(4, line.find(' ', 4) - 4))
                                                     : plain("405 Method Not Allowed", "only GET\n");
  (void)send_all(client, out, Clock::now() + kDeadline);
}

}  // namespace geocommit
