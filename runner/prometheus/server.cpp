#include "runner/prometheus/server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "os/files.h"
#include "runner/http_proxy.h"

namespace geocommit {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kPortTries = 3;
constexpr Duration kReadyLimit = 60s;

/// Bound on 127.0.0.1; 0: wherever is free. Not valid if that could not be.
UniqueFd bound(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(port);
  const int yes = 1;
  // As Prometheus does: what a connection has left behind is no hindrance.
  if (fd.valid()) (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (fd.valid() && ::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) fd = UniqueFd();
  return fd;
}

std::optional<std::uint16_t> free_port() {
  const UniqueFd fd = bound(0);
  sockaddr_in at{};
  socklen_t size = sizeof at;
  if (!fd.valid() || ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    return std::nullopt;
  }
  return ntohs(at.sin_port);
}

/// Waits at most `wait` for the process to end.
std::optional<Death> wait_for_end(Process& process, Duration wait) {
  const auto until = Clock::now() + wait;
  while (true) {
    if (auto death = process.ended()) return death;
    if (Clock::now() >= until) return std::nullopt;
    std::this_thread::sleep_for(20ms);
  }
}

bool is_ready(const std::string& address) {
  const auto answer = http_get(address, "/-/ready", 1s);
  return answer && answer->substr(0, 12).ends_with(" 200");
}

std::string in_quotes(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

Result<std::filesystem::path> find_prometheus_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto file = std::filesystem::path(folder.empty() ? "." : folder) / name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(file, ignored) && ::access(file.c_str(), X_OK) == 0) return file;
  }
  return Error{
      "there is no program " + name +
      " here: it is in Debian's package prometheus; `scripts/install-deps --prometheus`, as root, installs it"};
}

std::string prometheus_config(const std::string& run, const std::vector<ScrapeTarget>& targets,
                              std::optional<std::uint16_t> proxy_port, const std::filesystem::path& rules) {
  std::string out = "# Written by geocommit. Scrapes the nodes of this run while it lasts:\n";
  out += "# prometheus --config.file=prometheus.yml --query.lookback-delta=5s\n";
  out += "global: {scrape_interval: 1s, evaluation_interval: 1s}\n";
  out += "rule_files: [" + in_quotes(rules.string()) + "]\n";
  out += "scrape_configs:\n  - job_name: geocommit\n    static_configs:\n";
  for (const ScrapeTarget& target : targets) {
    out += "      - {targets: [" + in_quotes(proxy_port ? target.node : target.address) +
           "], labels: {run: " + in_quotes(run) + ", node: " + in_quotes(target.node) + "}}\n";
  }
  if (!proxy_port) return out;
  // The nodes may live in private namespaces: the runner answers for them.
  out += "    relabel_configs:\n";
  out += "      - {source_labels: [node], target_label: __metrics_path__, replacement: \"/nodes/$1/metrics\"}\n";
  out += "      - {target_label: __address__, replacement: \"127.0.0.1:" + std::to_string(*proxy_port) + "\"}\n";
  out += "      - {source_labels: [node], target_label: instance}\n";
  return out;
}

Result<void> check_prometheus_port(std::optional<std::uint16_t> port, const std::string& option) {
  if (!port || bound(*port).valid()) return {};
  return Error{option + " " + std::to_string(*port) + ": another program listens there, or this one may not; without " +
               option + " a free port is taken"};
}

Result<PrometheusServer> PrometheusServer::start(const PrometheusSpec& spec,
                                                 const std::function<void(pid_t)>& registered) {
  auto program = find_prometheus_program("prometheus");
  if (!program) return program.error();
  if (auto made = make_folder(spec.folder / "data"); !made) return made.error();
  if (auto done = write_file(spec.folder / "prometheus.yml", spec.config); !done) return done.error();
  std::string problem;
  for (int tries = 0; tries < (spec.port ? 1 : kPortTries); ++tries) {
    const auto port = spec.port ? spec.port : free_port();
    if (!port) return Error{"no free port on 127.0.0.1"};
    const std::string address = "127.0.0.1:" + std::to_string(*port);
    ProcessSpec how;
    how.name = "prometheus";
    how.program = *program;
    how.log = spec.folder / "prometheus.log";
    // Data of any age is kept; what is not there for 5 s (of 1 s each) is gone, not still there.
    how.arguments = {"--config.file=" + (spec.folder / "prometheus.yml").string(),
                     "--storage.tsdb.path=" + (spec.folder / "data").string(), "--storage.tsdb.retention.time=100y",
                     "--query.lookback-delta=5s", "--web.listen-address=" + address};
    auto process = Process::start(how);
    if (!process) return process.error();
    registered(process->pid());
    const auto until = Clock::now() + kReadyLimit;
    std::optional<Death> death;
    while (!death && Clock::now() < until && !interrupted()) {
      if (is_ready(address)) return PrometheusServer(std::move(process).value(), "http://" + address);
      death = wait_for_end(*process, 100ms);
    }
    if (interrupted()) return Error{"interrupted"};
    if (!death) return Error{"prometheus is not ready after 60 s; " + how.log.string() + " may say why"};
    problem = death->describe();
  }
  return Error{"prometheus did not start: " + problem};
}

std::optional<std::string> PrometheusServer::failure() {
  if (const auto death = process_.ended()) return death->describe();
  return std::nullopt;
}

void PrometheusServer::stop(Duration grace) {
  process_.signal(SIGTERM);
  if (wait_for_end(process_, grace)) return;
  process_.signal(SIGKILL);
  (void)wait_for_end(process_, 5s);
}

Result<void> run_to_end(const ProcessSpec& spec, Duration limit, const std::function<void(pid_t)>& registered) {
  auto process = Process::start(spec);
  if (!process) return process.error();
  registered(process->pid());
  const auto until = Clock::now() + limit;
  while (Clock::now() < until && !interrupted()) {
    const auto death = wait_for_end(*process, 100ms);
    if (!death) continue;
    return death->clean() ? Result<void>{} : Result<void>{Error{death->describe()}};
  }
  return Error{interrupted() ? "interrupted" : spec.name + " took too long"};
}

}  // namespace geocommit
