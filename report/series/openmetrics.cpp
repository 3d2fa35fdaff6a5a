#include "report/series/openmetrics.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <memory>

#include "report/series/metrics_log.h"
#include "report/series/old_results.h"
#include "report/series/sample_writer.h"

namespace geocommit {
namespace {

using Kind = MetricsLogReader::Kind;

/// Buckets below the first and above the last that a histogram of this name ever uses say nothing: they are left out,
/// in all of its series alike, as quantiles of sums need the same bounds everywhere.
struct Used {
  std::size_t first{SIZE_MAX}, last{};
};

struct Survey {
  std::map<std::string, Used> buckets;
  std::vector<bool> ever;  ///< By series: whether it was ever anything but 0.
};

Result<Survey> survey(const std::filesystem::path& file) {
  std::ifstream in(file);
  MetricsLogReader reader(in);
  Survey out;
  while (true) {
    const auto more = reader.next();
    if (!more) return Error{file.string() + ": " + more.error().message};
    if (!*more) return out;
    out.ever.resize(reader.series().size());
    for (std::size_t id = 0; id < reader.series().size(); ++id) {
      const auto& series = reader.series()[id];
      out.ever[id] = out.ever[id] || series.value != 0 || series.count != 0;
      if (series.kind != Kind::histogram || series.count == 0) continue;
      Used& used = out.buckets[series.name];
      for (std::size_t i = 0; i < series.buckets.size(); ++i) {
        if (series.buckets[i] == 0) continue;
        used.first = std::min(used.first, i);
        used.last = std::max(used.last, i);
      }
    }
  }
}

void write_series(SampleWriter& out, const MetricsLogReader::Series& series, const Labels& labels,
                  const Survey& survey) {
  if (series.kind != Kind::histogram) {
    out.sample(series.name, labels, series.value);
    return;
  }
  const auto used = survey.buckets.find(series.name);
  if (used == survey.buckets.end()) return;
  out.histogram(series.name, labels, series.buckets, used->second.first, used->second.last, series.value);
}

Result<ReplaySpan> from_metrics_log(const std::filesystem::path& file, const std::string& run, SampleWriter& out) {
  auto seen = survey(file);
  if (!seen) return seen.error();
  std::ifstream in(file);
  MetricsLogReader reader(in);
  ReplaySpan span;
  span.per_second = true;
  std::vector<Labels> labels;
  while (true) {
    const auto more = reader.next();
    if (!more) return Error{file.string() + ": " + more.error().message};
    if (!*more) break;
    span.from_ms = span.from_ms == 0 ? reader.unix_ms() : span.from_ms;
    span.to_ms = reader.unix_ms();
    out.at(reader.unix_ms());
    for (std::size_t id = labels.size(); id < reader.series().size(); ++id) {
      const auto& series = reader.series()[id];
      const auto& source = reader.sources()[series.source];
      labels.push_back(series.labels);
      labels.back().insert({{"run", run}, {"node", source.node}, {"job", "geocommit"}});
      if (!source.cell.empty()) labels.back().insert({"cell", source.cell});
    }
    std::string newest;  // of the nodes of an earlier cell nothing is said any more
    for (const auto& source : reader.sources()) newest = source.present && !source.cell.empty() ? source.cell : newest;
    for (const auto& source : reader.sources()) {
      if (source.present || source.cell == newest) {
        out.sample("up", {{"run", run}, {"job", "geocommit"}, {"node", source.node}}, source.present ? 1 : 0);
      }
      if (!source.present) continue;
      for (const std::size_t id : source.series) {
        if (reader.series()[id].kind == Kind::histogram && !seen->ever[id]) continue;
        write_series(out, reader.series()[id], labels[id], *seen);
      }
    }
  }
  if (span.from_ms == 0) return Error{file.string() + " holds no sample"};
  return span;
}

}  // namespace

Result<ReplaySpan> write_openmetrics(const std::filesystem::path& results, const std::string& run,
                                     const std::filesystem::path& file) {
  std::error_code error;
  auto opened = SampleWriter::open(file);
  if (!opened) return opened.error();
  SampleWriter& out = opened.value();
  const auto log = results / kMetricsLogFile;
  auto span =
      std::filesystem::exists(log, error) ? from_metrics_log(log, run, out) : from_old_results(results, run, out);
  if (!span) return span;
  span.value().samples = out.samples();
  if (auto closed = out.close(); !closed) return closed.error();
  return span;
}

std::string exposition(const MetricSet& metrics) {
  std::string out;
  for (const auto& [name, family] : metrics.counters()) {
    out += "# TYPE " + name + " counter\n";
    for (const auto& [labels, value] : family) {
      out += name + braces(labels) + " " + std::to_string(value) + "\n";
    }
  }
  for (const auto& [name, family] : metrics.gauges()) {
    out += "# TYPE " + name + " gauge\n";
    for (const auto& [labels, value] : family) out += name + braces(labels) + " " + number_text(value) + "\n";
  }
  return out;
}

}  // namespace geocommit
