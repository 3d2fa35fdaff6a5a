#include "report/publish.h"

#include "measure/names.h"
#include "os/files.h"
#include "report/findings.h"
#include "report/histogram_log.h"
#include "report/html_report.h"
#include "report/report_data.h"
#include "runtime/child_path.h"

namespace geocommit {
namespace {

constexpr std::size_t kTerminalWidth = 80;

std::string topology_json(const Plan& plan) {
  Json list = Json::array();
  for (const PlannedWan& wan : plan.wans) {
    const Topology& topology = wan.topology;
    Json rtt = Json::array();
    for (const std::string& from : topology.regions()) {
      Json row = Json::array();
      for (const std::string& to : topology.regions()) {
        const auto a = topology.find(from);
        const auto b = topology.find(to);
        row.push_back(a && b ? Json(to_ms(2 * topology.link(*a, *b).delay)) : Json(nullptr));
      }
      rtt.push_back(std::move(row));
    }
    list.push_back({{"name", topology.name()},
                    {"source",
                     {{"statistic", topology.source().statistic},
                      {"date", topology.source().date},
                      {"text", topology.source().text}}},
                    {"regions", topology.regions()},
                    {"round_trip_ms", std::move(rtt)}});
  }
  const Json out{{"schema", "geocommit/topology/1"}, {"topologies", std::move(list)}};
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string by_region_csv(const CellResult& cell) {
  std::string out = "metric,region,lower_ms,upper_ms,count\n";
  for (const auto& [metric, regions] : cell.region_histograms) {
    for (const auto& [region, histogram] : regions) {
      for (const auto& [index, count] : histogram.buckets()) {
        char numbers[96];  // NOLINT: snprintf
        std::snprintf(numbers, sizeof numbers, ",%.6g,%.6g,%llu\n", to_ms(Histogram::bucket_lower(index)),
                      to_ms(Histogram::bucket_upper(index)), static_cast<unsigned long long>(count));
        out += csv(metric) + "," + csv(region) + numbers;
      }
    }
  }
  return out;
}

}  // namespace

std::map<std::string, Histogram> cell_histograms(const MetricSet& window, const std::vector<ClientOutcome>& outcomes,
                                                 const std::vector<OpenAtEnd>& open) {
  std::map<std::string, Histogram> out;
  for (const ClientOutcome& outcome : outcomes) {
    if (!outcome.measured || outcome.outcome == Outcome::undecided) continue;
    out[outcome.outcome == Outcome::commit ? "client_latency" : "abort_latency"].record(outcome.latency);
  }
  const Labels commits{{metric::kOutcome, "commit"}};
  out["commit_latency"] = window.merged(metric::kCommitLatency, commits);
  out["lock_hold"] = window.merged(metric::kLockHold, commits);
  out["in_doubt"] = window.merged(metric::kInDoubt, commits);
  AllOutcomes all = all_outcomes(window, {}, open, std::nullopt);
  out["lock_hold_all"] = std::move(all.lock_hold);
  out["in_doubt_all"] = std::move(all.in_doubt);
  out["blocking"] = window.merged(metric::kBlocking);
  out["staleness"] = window.merged(metric::kStaleness);
  return out;
}

std::map<std::string, std::map<std::string, Histogram>> region_histograms(const MetricSet& window,
                                                                          const std::vector<ClientOutcome>& outcomes,
                                                                          const std::vector<OpenAtEnd>& open,
                                                                          const Directory& directory) {
  std::map<std::string, std::map<std::string, Histogram>> out;
  for (const ClientOutcome& outcome : outcomes) {
    if (!outcome.measured || outcome.outcome != Outcome::commit) continue;
    if (outcome.origin.value < directory.region_count()) {
      out["client_latency"][directory.regions()[outcome.origin.value]].record(outcome.latency);
    }
  }
  for (std::uint32_t r = 0; r < directory.region_count(); ++r) {
    const std::string& region = directory.regions()[r];
    const auto add = [&](const char* name, Histogram h) {
      if (h.count() > 0) out[name][region] = std::move(h);
    };
    const Labels here{{metric::kRegion, region}};
    const Labels commits{{metric::kOutcome, "commit"}, {metric::kRegion, region}};
    add("commit_latency", window.merged(metric::kCommitLatency, commits));
    add("lock_hold", window.merged(metric::kLockHold, commits));
    add("in_doubt", window.merged(metric::kInDoubt, commits));
    AllOutcomes all = all_outcomes(window, here, open, RegionId{r});
    add("lock_hold_all", std::move(all.lock_hold));
    add("in_doubt_all", std::move(all.in_doubt));
    add("blocking", window.merged(metric::kBlocking, here));
  }
  return out;
}

Result<std::string> publish(const Plan& plan, const std::vector<CellResult>& cells,
                            const std::filesystem::path& results, bool colour) {
  if (auto done = write_file(results / "topology.json", topology_json(plan)); !done) return done.error();
  for (const CellResult& cell : cells) {
    if (cell.region_histograms.empty()) continue;
    const auto file = child_path(results, {"histograms", cell.cell.id + ".by_region.csv"});
    if (!file) return file.error();
    if (auto done = write_file(*file, by_region_csv(cell)); !done) return done.error();
  }
  HistogramLog log;
  for (const CellResult& cell : cells) {
    const Duration window = plan.point(cell.cell).settings.duration;
    for (const auto& [metric, histogram] : cell.histograms) log.add(cell.cell.id + "/" + metric, histogram, window);
    for (const auto& [metric, regions] : cell.region_histograms) {
      for (const auto& [region, histogram] : regions) {
        log.add(cell.cell.id + "/" + metric + "/" + region, histogram, window);
      }
    }
  }
  if (auto done = write_file(results / "histograms.hlog", log.text()); !done) return done.error();
  if (auto done = write_html_report(results); !done) return done.error();
  auto summary = read_summary(results);
  if (!summary) return summary.error();
  return print(find(*summary), kTerminalWidth, colour);
}

}  // namespace geocommit
