// A Prometheus of our own: Debian's program, on a free port of 127.0.0.1, with a folder of its own. It has nothing to
// do with the service that the package brings along.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "os/process.h"

namespace geocommit {

/// Where a program of Debian's package `prometheus` is; the error says how to get it.
[[nodiscard]] Result<std::filesystem::path> find_prometheus_program(const std::string& name);

struct ScrapeTarget {
  std::string node;
  std::string address;  ///< Of its /metrics; not used with a proxy.
};
/// A configuration that scrapes these nodes once a second: through the runner's proxy, or directly. `rules`: files, may
/// hold a star.
[[nodiscard]] std::string prometheus_config(const std::string& run, const std::vector<ScrapeTarget>& targets,
                                            std::optional<std::uint16_t> proxy_port,
                                            const std::filesystem::path& rules);

struct PrometheusSpec {
  std::filesystem::path folder;       ///< Made; gets prometheus.yml, prometheus.log, and data/.
  std::string config;                 ///< The text of prometheus.yml.
  std::optional<std::uint16_t> port;  ///< None: a free one.
};

/// Whether Prometheus could listen there; none: anywhere. An error names `option`, the user's for the port.
[[nodiscard]] Result<void> check_prometheus_port(std::optional<std::uint16_t> port, const std::string& option);

class PrometheusServer {
 public:
  /// Starts it and waits until it is ready. `registered` gets the pid right after the start. Call it from the main
  /// thread, in the namespace from which it shall be reachable.
  [[nodiscard]] static Result<PrometheusServer> start(const PrometheusSpec& spec,
                                                      const std::function<void(pid_t)>& registered);
  [[nodiscard]] const std::string& url() const { return url_; }
  /// Why it is no longer there; nothing while it runs.
  [[nodiscard]] std::optional<std::string> failure();
  /// Lets it write what it has and end; after `grace` it is killed.
  void stop(Duration grace = std::chrono::seconds(10));

 private:
  PrometheusServer(Process process, std::string url) : process_(std::move(process)), url_(std::move(url)) {}
  Process process_;
  std::string url_;
};

/// Runs a program to its end, bounded; the error holds its last words. An interrupt ends it too.
[[nodiscard]] Result<void> run_to_end(const ProcessSpec& spec, Duration limit,
                                      const std::function<void(pid_t)>& registered);

}  // namespace geocommit
