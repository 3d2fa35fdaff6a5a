#include "runtime/metrics_endpoint.h"

#include <arpa/inet.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <future>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "os/unique_fd.h"

namespace geocommit {
namespace {

constexpr std::chrono::seconds kPatience{2};

prometheus::ClientMetric labelled(const Labels& labels, const Labels& more) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : more) {
    metric.label.push_back({name, value});
  }
  for (const auto& [name, value] : labels) {
    metric.label.push_back({name, value});
  }
  return metric;
}

prometheus::MetricFamily family_of(const std::string& name, prometheus::MetricType type) {
  return {name, "See docs/METRICS.md", type, {}};
}

prometheus::ClientMetric::Histogram convert(const Histogram& histogram) {
  prometheus::ClientMetric::Histogram out;
  out.sample_count = histogram.count();
  out.sample_sum = histogram.sum_ns() / 1e9;
  for (const Duration bound : prometheus_bounds()) {
    out.bucket.push_back({histogram.count_at_or_below(bound), to_seconds(bound)});
  }
  out.bucket.push_back({histogram.count(), std::numeric_limits<double>::infinity()});
  return out;
}

std::vector<prometheus::MetricFamily> convert(const MetricSet& metrics, const Labels& more) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& [name, members] : metrics.counters()) {
    prometheus::MetricFamily family = family_of(name, prometheus::MetricType::Counter);
    for (const auto& [labels, value] : members) {
      family.metric.push_back(labelled(labels, more));
      family.metric.back().counter.value = static_cast<double>(value);
    }
    families.push_back(std::move(family));
  }
  for (const auto& [name, members] : metrics.gauges()) {
    prometheus::MetricFamily family = family_of(name, prometheus::MetricType::Gauge);
    for (const auto& [labels, value] : members) {
      family.metric.push_back(labelled(labels, more));
      family.metric.back().gauge.value = value;
    }
    families.push_back(std::move(family));
  }
  for (const auto& [name, members] : metrics.histograms()) {
    prometheus::MetricFamily family = family_of(name, prometheus::MetricType::Histogram);
    for (const auto& [labels, histogram] : members) {
      family.metric.push_back(labelled(labels, more));
      family.metric.back().histogram = convert(histogram);
    }
    families.push_back(std::move(family));
  }
  return families;
}

class Collector final : public prometheus::Collectable {
 public:
  Collector(EventLoop& loop, std::function<MetricSet()> snapshot, Labels more)
      : loop_(loop),
        snapshot_(std::make_shared<std::function<MetricSet()>>(std::move(snapshot))),
        more_(std::move(more)) {}

  /// On one of the HTTP server's threads. An event loop that does not answer gives an empty page, not a hung scrape.
  std::vector<prometheus::MetricFamily> Collect() const override {
    auto promise = std::make_shared<std::promise<MetricSet>>();
    std::future<MetricSet> future = promise->get_future();
    loop_.post([promise, snapshot = snapshot_] { promise->set_value((*snapshot)()); });
    if (future.wait_for(kPatience) != std::future_status::ready) {
      return {};
    }
    return convert(future.get(), more_);
  }

 private:
  EventLoop& loop_;
  std::shared_ptr<std::function<MetricSet()>> snapshot_;
  Labels more_;
};

/// Connects and goes away again.
void poke(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(address.c_str() + colon + 1, nullptr, 10)));
  const UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (fd.valid() && ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) == 1) {
    (void)!::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to);
  }
}

}  // namespace

class MetricsEndpoint::Impl {
 public:
  /// The HTTP server looks at its stop flag only when a connection arrives, or after two seconds: one is made.
  ~Impl() {
    std::atomic<bool> stopped{false};
    std::thread waker{[this, &stopped] {
      for (int tries = 0; tries < 200 && !stopped; ++tries) {
        std::this_thread::sleep_for(10ms);
        poke(address);
      }
    }};
    exposer.reset();
    stopped = true;
    waker.join();
  }
  std::string address;
  std::shared_ptr<Collector> collector;
  std::unique_ptr<prometheus::Exposer> exposer;
};

Result<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::open(const std::string& address, EventLoop& loop,
                                                               std::function<MetricSet()> snapshot, Labels more) {
  auto impl = std::make_unique<Impl>();
  impl->address = address;
  impl->collector = std::make_shared<Collector>(loop, std::move(snapshot), std::move(more));
  try {
    impl->exposer = std::make_unique<prometheus::Exposer>(std::vector<std::string>{
        "listening_ports", address, "num_threads", "2", "request_timeout_ms", "3000", "keep_alive_timeout_ms", "1000"});
    impl->exposer->RegisterCollectable(impl->collector);
  } catch (const std::exception&) {
    return Error{"cannot listen for metrics on " + address + ": the address is in use, or not of this machine"};
  }
  return std::unique_ptr<MetricsEndpoint>{new MetricsEndpoint(std::move(impl))};
}

MetricsEndpoint::MetricsEndpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetricsEndpoint::~MetricsEndpoint() = default;

}  // namespace geocommit
