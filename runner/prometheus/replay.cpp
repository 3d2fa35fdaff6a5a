#include "runner/prometheus/replay.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <thread>

#include "os/files.h"
#include "report/series/openmetrics.h"
#include "runner/prometheus/server.h"
#include "wan/run_state.h"

namespace geocommit {
namespace {

using Clock = std::chrono::steady_clock;
constexpr Duration kImportLimit = 15min;

/// A folder of its own, gone with the object.
class ScratchFolder {
 public:
  static Result<ScratchFolder> make() {
    std::error_code error;
    std::string name = (std::filesystem::temp_directory_path(error) / "geocommit-replay-XXXXXX").string();
    if (error || ::mkdtemp(name.data()) == nullptr) return Error{"cannot make a folder like " + name};
    return ScratchFolder(name);
  }
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

std::string clock_text(std::int64_t unix_ms, const char* format) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[64];  // NOLINT: strftime
  std::strftime(text, sizeof text, format, &utc);
  return text;
}

/// A page of Prometheus' own that shows the whole run.
std::string graph_url(const std::string& base, const ReplaySpan& span) {
  const std::int64_t end = span.to_ms + 1000;
  return base + "/graph?g0.expr=sum%20by%20(protocol%2Coutcome)%20(rate(geocommit_client_transactions_total%5B5s%5D))" +
         "&g0.tab=0&g0.range_input=" + std::to_string((end - span.from_ms) / 1000 + 1) +
         "s&g0.end_input=" + clock_text(end, "%Y-%m-%d%%20%H%%3A%M%%3A%S");
}

Result<ReplaySpan> make_blocks(const ReplayOptions& options, const std::string& run,
                               const std::filesystem::path& folder, const std::function<void(pid_t)>& registered) {
  auto promtool = find_prometheus_program("promtool");
  if (!promtool) return promtool.error();
  if (auto made = make_folder(folder / "data"); !made) return made.error();
  const auto text = folder / "samples.txt";
  auto span = write_openmetrics(options.results, run, text);
  if (!span) return span;
  ProcessSpec how;
  how.name = "promtool";
  how.program = *promtool;
  how.arguments = {"tsdb", "create-blocks-from", "openmetrics", "-q", text.string(), (folder / "data").string()};
  how.log = folder / "promtool.log";
  if (auto done = run_to_end(how, kImportLimit, registered); !done) return done.error();
  std::error_code ignored;
  std::filesystem::remove(text, ignored);
  return span;
}

Result<int> replay(const ReplayOptions& options) {
  std::error_code error;
  const auto results = std::filesystem::canonical(options.results, error);
  if (error || !std::filesystem::is_directory(results)) {
    return Error{options.results.string() + " is not a folder of results"};
  }
  if (auto free = check_prometheus_port(options.port, "--port"); !free) return free.error();
  const std::string run = valid_utf8(results.filename().string());
  auto state = RunState::begin();
  if (!state) return state.error();
  remove_on_second_interrupt(state->path());
  handle_interrupts();
  auto folder = ScratchFolder::make();
  if (!folder) return folder.error();
  const auto registered = [&](pid_t pid) { (void)state->add(pid, "prometheus"); };
  ReplayOptions from = options;
  from.results = results;
  auto span = make_blocks(from, run, folder->path(), registered);
  if (!span) return span.error();
  PrometheusSpec spec;
  spec.folder = folder->path();
  spec.config = "# An old run: nothing is scraped.\nscrape_configs: []\n";
  spec.port = options.port;
  auto server = PrometheusServer::start(spec, registered);
  if (!server) return server.error();
  std::printf("Run %s, %s to %s UTC, %llu samples%s\nPrometheus: %s\n%s\n", run.c_str(),
              clock_text(span->from_ms, "%Y-%m-%d %H:%M:%S").c_str(), clock_text(span->to_ms, "%H:%M:%S").c_str(),
              static_cast<unsigned long long>(span->samples),
              span->per_second ? "" : " (from an older results folder: by region, distributions only as a whole)",
              server->url().c_str(), graph_url(server->url(), *span).c_str());
  if (options.exit_after) {
    std::printf("Until Ctrl-C, or for %g s.\n", to_seconds(*options.exit_after));
  } else {
    std::printf("Until Ctrl-C.\n");
  }
  std::fflush(stdout);
  const auto began = Clock::now();
  while (!interrupted() && (!options.exit_after || Clock::now() - began < *options.exit_after)) {
    if (const auto failed = server->failure()) return Error{*failed};
    std::this_thread::sleep_for(50ms);
  }
  server->stop();
  return 0;
}

}  // namespace

int run_replay(const ReplayOptions& options) {
  const auto status = replay(options);
  if (status) return *status;
  std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
  return interrupted() ? 130 : 1;
}

}  // namespace geocommit
