#include "runner/prometheus/monitor.h"

#include <algorithm>
#include <map>
#include <thread>

#include "os/process.h"

namespace geocommit {
namespace {

using Clock = std::chrono::steady_clock;
constexpr Duration kAnswerLimit = 300ms;
constexpr Duration kScrapeLimit = 8s;  // at one scrape a second

}  // namespace

Result<Monitor> Monitor::open(const std::filesystem::path& results, RunMetrics& own, Console& console) {
  auto file = LineFile::open(results / kMetricsLogFile);
  if (!file) return file.error();
  std::string header = MetricsLogWriter::header();
  header.pop_back();
  if (auto done = file->line(header); !done) return done.error();
  return Monitor(own, console, std::move(file).value());
}

Monitor::Monitor(RunMetrics& own, Console& console, LineFile file)
    : own_(own),
      console_(console),
      file_(std::move(file)),
      began_(Clock::now()),
      next_(began_),
      began_wall_(std::chrono::system_clock::now()) {}

/// The wall clock is read once: a step of it must not bend the series. Never twice the same.
std::int64_t Monitor::unix_ms() {
  const auto now = began_wall_ + std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began_);
  const std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  return last_ms_ = std::max(ms, last_ms_ + 1);
}

void Monitor::sample(const std::string& cell, ControlClient& control, const std::vector<Node>& nodes, bool now) {
  if (!now && Clock::now() < next_) return;
  next_ = Clock::now() + 1s;
  std::vector<NodeId> ids;
  for (const Node& node : nodes) ids.push_back(node.id);
  const std::int64_t at = unix_ms();
  const auto answers = control.metrics(ids, kAnswerLimit);
  std::vector<ShownMetrics> shown;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (answers[i]) shown.push_back({cell, nodes[i].name, &answers[i].value()});
  }
  write(at, std::move(shown));
}

void Monitor::sample_own() { write(unix_ms(), {}); }

void Monitor::write(std::int64_t at, std::vector<ShownMetrics> shown) {
  const MetricSet own = own_.snapshot();
  shown.push_back({"", kRunnerNode, &own});
  std::string lines = writer_.sample(at, shown);
  lines.pop_back();
  if (auto written = file_.line(lines); !written && !complained_) {
    complained_ = true;
    console_.warn(written.error().message);
  }
}

void Monitor::await_scrapes(const std::vector<std::string>& names, std::uint64_t more) const {
  if (proxy_ == nullptr) return;
  std::map<std::string, std::uint64_t> wanted;
  for (const std::string& name : names) wanted[name] = proxy_->answered(name) + more;
  const auto until = Clock::now() + kScrapeLimit;
  const auto enough = [&](const auto& one) { return proxy_->answered(one.first) >= one.second; };
  while (!std::all_of(wanted.begin(), wanted.end(), enough) && Clock::now() < until && !interrupted()) {
    std::this_thread::sleep_for(50ms);
  }
}

}  // namespace geocommit
