#include "report/series/old_results.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "measure/names.h"
#include "report/series/metrics_log.h"
#include "report/series/run_metrics.h"
#include "runtime/child_path.h"
#include "runtime/telemetry.h"

namespace geocommit {
namespace {

using Json = nlohmann::json;
/// For results that do not say when they were made (a simulation): 2026-01-01T00:00:00Z.
constexpr std::int64_t kSomeTime = 1'767'225'600'000;
constexpr std::int64_t kBetweenCells = 10'000;

/// The fields of one line (RFC 4180, but for line breaks inside of quotes, which no file of ours has).
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      out.back() += line[++i];
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      out.emplace_back();
    } else if (line[i] != '\r') {
      out.back() += line[i];
    }
  }
  return out;
}

using Row = std::map<std::string, std::string>;
double number(const Row& row, const char* column) {
  const auto found = row.find(column);
  return found == row.end() ? 0 : std::strtod(found->second.c_str(), nullptr);
}

Result<std::vector<Row>> rows_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line)) return Error{file.string() + " is not there, or empty: nothing to replay"};
  const std::vector<std::string> header = fields_of(line);
  for (const char* needed : {"cell", "elapsed_s", "region", "offered", "committed"}) {
    if (std::find(header.begin(), header.end(), needed) == header.end()) {
      return Error{file.string() + ":1: there is no column " + needed};
    }
  }
  std::vector<Row> out;
  while (std::getline(in, line)) {
    const std::vector<std::string> fields = fields_of(line);
    if (fields.size() < header.size()) break;  // cut short
    Row row;
    for (std::size_t i = 0; i < header.size(); ++i) row[header[i]] = fields[i];
    out.push_back(std::move(row));
  }
  return out;
}

Json json_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  Json out = Json::parse(in, nullptr, false);
  return out.is_object() ? out : Json::object();
}

std::int64_t start_of(const Json& environment) {
  const auto started = environment.find("started");
  if (started == environment.end() || !started->is_string()) return kSomeTime;
  std::tm time{};
  if (::strptime(started->get<std::string>().c_str(), "%Y-%m-%dT%H:%M:%SZ", &time) == nullptr) return kSomeTime;
  return std::int64_t{::timegm(&time)} * 1000;
}

void write_row(SampleWriter& out, const Row& row, Labels labels) {
  labels[metric::kRegion] = row.at("region");
  out.sample(metric::kClientOffered, labels, number(row, "offered"));
  out.sample(metric::kClientShed, labels, number(row, "shed"));
  out.sample(metric::kClientOutstanding, labels, number(row, "outstanding"));
  out.sample(metric::kInDoubtNow, labels, number(row, "in_doubt"));
  out.sample(metric::kBlockedNow, labels, number(row, "blocked"));
  out.sample(metric::kOldestBlocked, labels, number(row, "oldest_blocked_ms") / 1000);
  out.sample(metric::kLocksHeld, labels, number(row, "locks_held"));
  out.sample(metric::kLockWaiters, labels, number(row, "lock_waiters"));
  out.sample(metric::kUnshipped, labels, number(row, "unshipped"));
  for (const auto& [column, outcome] : {std::pair{"committed", "commit"}, {"aborted", "abort"}}) {
    labels[metric::kOutcome] = outcome;
    out.sample(metric::kClientTransactions, labels, number(row, column));
  }
}

struct Distribution {
  std::string name;
  Labels labels;
  std::vector<std::uint64_t> buckets;
  double sum_s{};
};

std::vector<Distribution> distributions_of(const std::filesystem::path& results, const std::string& cell) {
  struct Known {
    const char *file, *name, *outcome;
  };
  constexpr Known kKnown[] = {{"client_latency", metric::kClientLatency, "commit"},
                              {"abort_latency", metric::kClientLatency, "abort"},
                              {"commit_latency", metric::kCommitLatency, "commit"},
                              {"lock_hold", metric::kLockHold, "commit"},
                              {"in_doubt_all", metric::kInDoubt, ""},
                              {"in_doubt", metric::kInDoubt, ""},
                              {"blocking", metric::kBlocking, ""},
                              {"staleness", metric::kStaleness, ""}};
  std::vector<Distribution> out;
  for (const Known& known : kKnown) {
    const auto file = child_path(results, {"histograms", cell + "." + known.file + ".csv"});
    if (!file) return out;  // timeseries.csv may have come from anywhere
    std::ifstream in(*file);
    std::string line;
    if (!std::getline(in, line)) continue;
    const bool had = std::any_of(out.begin(), out.end(),
                                 [&](const Distribution& d) { return d.name == known.name && d.labels.empty(); });
    if (had) continue;  // in_doubt is part of in_doubt_all, which older folders lack
    Distribution one{known.name, {}, std::vector<std::uint64_t>(prometheus_bounds().size() + 1), 0};
    if (*known.outcome != '\0') one.labels[metric::kOutcome] = known.outcome;
    while (std::getline(in, line)) {
      const std::vector<std::string> fields = fields_of(line);
      if (fields.size() < 3) continue;
      const double lower = std::strtod(fields[0].c_str(), nullptr);
      const double upper = std::strtod(fields[1].c_str(), nullptr);
      const std::uint64_t count = std::strtoull(fields[2].c_str(), nullptr, 10);
      const auto& bounds = prometheus_bounds();
      const auto at = std::lower_bound(bounds.begin(), bounds.end(), from_ms(lower)) - bounds.begin();
      one.buckets[static_cast<std::size_t>(at)] += count;
      one.sum_s += (lower + upper) / 2000 * static_cast<double>(count);
    }
    out.push_back(std::move(one));
  }
  return out;
}

/// Everything of one cell, which began at `start`; returns when it ended.
std::int64_t write_cell(SampleWriter& out, const std::vector<Row>& rows, const Json& summary, std::int64_t start,
                        const Labels& labels, const std::vector<Distribution>& distributions) {
  std::int64_t end = start;
  for (const Row& row : rows) {
    end = std::max(end, start + static_cast<std::int64_t>(number(row, "elapsed_s") * 1000));
  }
  std::int64_t now = -1;
  for (const Row& row : rows) {
    const std::int64_t at = start + static_cast<std::int64_t>(number(row, "elapsed_s") * 1000);
    out.at(at);
    if (row.at("region") != "all") {
      write_row(out, row, labels);
      continue;
    }
    if (at == now) continue;
    now = at;
    for (const Distribution& one : distributions) {
      Labels with = labels;
      with.insert(one.labels.begin(), one.labels.end());
      const std::vector<std::uint64_t> none(one.buckets.size());
      out.histogram(one.name, with, at == end ? one.buckets : none, 0, one.buckets.size(), at == end ? one.sum_s : 0);
    }
  }
  out.at(end);
  const Json violations = summary.value("violations", Json::object());
  for (const auto& [name, count] : violations.items()) {
    Labels with = labels;
    with.insert({{"class", name}, {"expected", summary.value("expected", false) ? "true" : "false"}});
    out.sample(metric::kViolations, with, count.get<double>());
  }
  Labels with = labels;
  out.sample(metric::kCellValid, with, summary.value("valid", false) ? 1 : 0);
  with.insert({{"verdict", summary.value("verdict", "unknown")},
               {"expected", summary.value("expected", false) ? "true" : "false"}});
  out.sample(metric::kCellVerdict, with, 1);
  return end;
}

}  // namespace

Result<ReplaySpan> from_old_results(const std::filesystem::path& results, const std::string& run, SampleWriter& out) {
  auto rows = rows_of(results / "timeseries.csv");
  if (!rows) return rows.error();
  std::map<std::string, Json> cells;
  const Json summary = json_of(results / "summary.json");
  for (const Json& cell : summary.value("cells", Json::array())) cells[cell.value("cell", "")] = cell;
  std::vector<std::string> order;
  std::map<std::string, std::vector<Row>> by_cell;
  for (Row& row : *rows) {
    auto& mine = by_cell[row.at("cell")];
    if (mine.empty()) order.push_back(row.at("cell"));
    mine.push_back(std::move(row));
  }
  ReplaySpan span;
  std::int64_t start = start_of(json_of(results / "environment.json"));
  span.from_ms = start;
  for (const std::string& cell : order) {
    const Json& known = cells[cell].is_object() ? cells[cell] : (cells[cell] = Json::object());
    const Labels labels{
        {"run", run}, {"job", "geocommit"}, {"cell", cell}, {metric::kProtocol, known.value("protocol", "?")}};
    span.to_ms = write_cell(out, by_cell[cell], known, start, labels, distributions_of(results, cell));
    start = span.to_ms + kBetweenCells;
  }
  if (order.empty()) return Error{(results / "timeseries.csv").string() + " holds no row"};
  return span;
}

}  // namespace geocommit
