#include "report/report_data.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>

#include "measure/percentiles.h"
#include "report/findings.h"
#include "report/report_traces.h"
#include "report/rounding.h"
#include "runtime/child_path.h"

namespace geocommit {
namespace {

constexpr std::size_t kSummaryBytesMax = std::size_t{64} << 20;
/// Of compact JSON. The page itself takes 160 KB; all of it must stay below 2 MB.
constexpr std::size_t kCellBytesMax = 600'000;
constexpr std::size_t kSeriesNumbersMax = 90'000;
constexpr std::size_t kCurveBytesMax = 350'000;
constexpr std::size_t kTextBytesMax = 64'000;
constexpr std::size_t kPointsPerCurve = 150;
constexpr std::array kMetrics{"client_latency", "abort_latency", "commit_latency", "lock_hold", "lock_hold_all",
                              "in_doubt",       "in_doubt_all",  "blocking",       "staleness"};
constexpr std::array kSeriesColumns{
    "committed",  "commits_per_s", "recent_p50_ms", "recent_p99_ms", "in_doubt", "blocked", "oldest_blocked_ms",
    "locks_held", "lock_waiters",  "unshipped",     "aborted",       "shed",     "unknown"};

std::string whole_file(const std::filesystem::path& file, std::size_t max) {
  std::ifstream stream(file, std::ios::binary);
  std::string text;
  std::array<char, 65536> part{};
  while (stream && text.size() < max) {
    stream.read(part.data(), static_cast<std::streamsize>(std::min(part.size(), max - text.size())));
    text.append(part.data(), static_cast<std::size_t>(stream.gcount()));
  }
  return text;
}

std::optional<double> real(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// One row; quoted fields may hold commas and doubled quotes (no line breaks: no file of ours has them).
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> out{""};
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      out.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      out.emplace_back();
    } else if (c != '\r') {
      out.back() += c;
    }
  }
  return out;
}

/// Percentiles and the curve: [milliseconds, share at or below] pairs, denser in the tail.
Json distribution(const Histogram& h) {
  Json x = Json::array();
  Json y = Json::array();
  std::uint64_t seen = 0;
  double next = 0;
  const auto total = static_cast<double>(h.count());
  for (const auto& [index, count] : h.buckets()) {
    seen += count;
    const double share = static_cast<double>(seen) / total;
    if (share < next && seen < h.count()) continue;
    const double tail = 1 - share;
    next = share + std::max(1.0 / kPointsPerCurve * std::min(1.0, tail * 12), 1e-5);
    x.push_back(three_decimals(to_ms(std::min(Histogram::bucket_upper(index), h.max()))));
    y.push_back(six_decimals(share));
  }
  Json out{{"count", h.count()}};
  const std::array quantiles{std::pair{"p50", 0.5}, std::pair{"p90", 0.9}, std::pair{"p99", 0.99},
                             std::pair{"p999", 0.999}};
  for (const auto& [name, q] : quantiles) {
    const bool enough = q <= 0.99 || h.count() >= kSamplesForP999;
    out[name] = enough ? Json(three_decimals(to_ms(h.quantile(q)))) : Json(nullptr);
  }
  out["max"] = three_decimals(to_ms(h.max()));
  out["x"] = std::move(x);
  out["y"] = std::move(y);
  return out;
}

using RegionHistograms = std::map<std::string, std::map<std::string, Histogram>>;  // by metric, then region

void read_histograms(const std::filesystem::path& folder, const std::string& cell, RegionHistograms& into) {
  for (const char* metric : kMetrics) {
    const auto name = child_path(folder, {"histograms", cell + "." + metric + ".csv"});
    if (!name) return;  // summary.json may have come from anywhere
    const CsvFile file = read_csv(*name);
    for (const auto& row : file.rows) (void)add_bucket(row, 0, into[metric][""]);
  }
  const auto name = child_path(folder, {"histograms", cell + ".by_region.csv"});
  const CsvFile file = name ? read_csv(*name) : CsvFile{};
  if (file.header.size() < 5) return;
  for (const auto& row : file.rows) (void)add_bucket(row, 2, into[row[0]][row[1]]);
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Json groups_json(const std::filesystem::path& folder, const Json& summary, Json& limits) {
  Json out = Json::array();
  std::size_t bytes = 0;
  bool left_out = false;
  for (const CellGroup& group : group_cells(summary)) {
    RegionHistograms merged;
    for (const std::size_t index : group.cells) {
      const std::string cell = text_of(summary["cells"][index], "cell");
      if (bytes < kCurveBytesMax) read_histograms(folder, cell, merged);
    }
    Json distributions = Json::object();
    for (const auto& [metric, by_region] : merged) {
      for (const auto& [region, histogram] : by_region) {
        if (histogram.count() == 0) continue;
        Json one = distribution(histogram);
        bytes += one.dump().size();
        if (bytes < kCurveBytesMax) {
          distributions[metric][region] = std::move(one);
        } else {
          left_out = true;
        }
      }
    }
    left_out = left_out || bytes >= kCurveBytesMax;
    out.push_back({{"protocol", group.protocol},
                   {"sweep", group.sweep},
                   {"cells", group.cells},
                   {"distributions", std::move(distributions)}});
  }
  if (left_out) limits.push_back("Some distributions did not fit this page; histograms/ has all.");
  return out;
}

/// Rows of one cell and region, merged in steps of `stride`: gauges keep their largest, totals their last.
Json resampled(const CsvFile& file, const std::vector<const std::vector<std::string>*>& rows, std::size_t stride) {
  Json out = Json::object();
  const auto put = [&](const char* name, std::size_t column, bool last) {
    if (column >= file.header.size()) return;
    Json values = Json::array();
    for (std::size_t from = 0; from < rows.size(); from += stride) {
      double value = 0;
      for (std::size_t i = from; i < std::min(from + stride, rows.size()); ++i) {
        const double one = real((*rows[i])[column]).value_or(0);
        value = last || i == from ? one : std::max(value, one);
      }
      values.push_back(three_decimals(value));
    }
    out[name] = std::move(values);
  };
  put("t", file.column("elapsed_s"), true);
  for (const std::string_view name : kSeriesColumns) {
    put(name.data(), file.column(name),
        name == "committed" || name == "aborted" || name == "shed" || name == "unknown");
  }
  return out;
}

Json series_json(const std::filesystem::path& folder, Json& limits) {
  const CsvFile file = read_csv(folder / "timeseries.csv");
  const std::size_t cell = file.column("cell");
  const std::size_t region = file.column("region");
  Json out = Json::object();
  if (cell >= file.header.size() || region >= file.header.size()) return out;
  std::map<std::string, std::map<std::string, std::vector<const std::vector<std::string>*>>> rows;
  std::size_t all_rows = 0;
  for (const auto& row : file.rows) {
    rows[row[cell]][row[region]].push_back(&row);
    all_rows += row[region] == "all" ? 1 : 0;
  }
  const bool regions = file.rows.size() * kSeriesColumns.size() <= 4 * kSeriesNumbersMax;
  const std::size_t numbers = (regions ? file.rows.size() : all_rows) * (kSeriesColumns.size() + 1);
  const std::size_t stride = numbers / kSeriesNumbersMax + 1;
  if (!regions) limits.push_back("The series by region did not fit this page; timeseries.csv has them.");
  if (stride > 1) {
    limits.push_back("Each point of a series stands for " + std::to_string(stride) + " s (gauges: the largest).");
  }
  for (const auto& [name, by_region] : rows) {
    for (const auto& [where, list] : by_region) {
      if (regions || where == "all") out[name][where] = resampled(file, list, stride);
    }
  }
  return out;
}

/// Drops detail until the cells fit: first what is by region, then what no section needs, then whole cells.
void fit_cells(Json& summary, Json& limits) {
  auto& cells = summary["cells"];
  const auto fits = [&] { return cells.dump().size() <= kCellBytesMax; };
  if (fits()) return;
  for (auto& cell : cells) cell.erase("by_region");
  limits.push_back("Figures by region did not fit this page; summary.json has them.");
  if (fits()) return;
  for (auto& cell : cells) {
    for (const char* key : {"messages_by_traffic", "lock_hold_key_ms", "left_at_end", "seconds", "timeouts_ms"}) {
      cell.erase(key);
    }
  }
  const std::size_t count = cells.size();
  const std::size_t keep =
      std::max<std::size_t>(1, count * kCellBytesMax / std::max<std::size_t>(1, cells.dump().size()));
  if (keep >= count) return;
  cells.erase(cells.begin() + static_cast<std::ptrdiff_t>(keep), cells.end());
  limits.push_back("Only the first " + std::to_string(keep) + " of " + std::to_string(count) +
                   " cells fit this page; summary.csv has all.");
}

}  // namespace

std::size_t CsvFile::column(std::string_view name) const {
  return static_cast<std::size_t>(std::find(header.begin(), header.end(), name) - header.begin());
}

CsvFile read_csv(const std::filesystem::path& file) {
  CsvFile out;
  std::ifstream stream(file);
  std::string line;
  if (!std::getline(stream, line)) return out;
  out.header = fields_of(line);
  while (std::getline(stream, line)) {
    auto row = fields_of(line);
    if (row.size() == out.header.size()) out.rows.push_back(std::move(row));
  }
  return out;
}

Result<Json> read_summary(const std::filesystem::path& folder) {
  const auto file = folder / "summary.json";
  const std::string text = whole_file(file, kSummaryBytesMax);
  if (text.empty()) return Error{folder.string() + ": expected the folder of a run; it has no summary.json"};
  Json out = Json::parse(text, nullptr, false);
  if (out.is_discarded() || !out.is_object()) return Error{file.string() + ": is not JSON"};
  if (text_of(out, "schema") != "geocommit/summary/1") {
    return Error{file.string() + ": expected schema geocommit/summary/1, found \"" + text_of(out, "schema") + "\""};
  }
  const auto cells = out.find("cells");
  if (cells == out.end() || !cells->is_array()) return Error{file.string() + ": expected a list of cells"};
  for (const Json& cell : *cells) {
    if (!cell.is_object() || text_of(cell, "cell").empty() || text_of(cell, "protocol").empty()) {
      return Error{file.string() + ": expected each cell to have a name and a protocol"};
    }
  }
  return out;
}

bool add_bucket(const std::vector<std::string>& row, std::size_t first, Histogram& to) {
  if (row.size() < first + 3) return false;
  const auto lower = real(row[first]);
  const auto upper = real(row[first + 1]);
  const auto count = real(row[first + 2]);
  if (!lower || !upper || !count || *count < 0 || *count > 1e15) return false;
  to.record(from_ms((*lower + *upper) / 2), static_cast<std::uint64_t>(*count));
  return true;
}

std::vector<CellGroup> group_cells(const Json& summary) {
  std::vector<CellGroup> out;
  std::map<std::pair<std::string, std::string>, std::size_t> place;
  const Json& cells = summary.at("cells");
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string protocol = text_of(cells[i], "protocol");
    const Json sweep = cells[i].value("sweep", Json::object());
    const auto [found, added] = place.try_emplace({protocol, sweep.dump()}, out.size());
    if (added) out.push_back({protocol, sweep, {}});
    out[found->second].cells.push_back(i);
  }
  return out;
}

Result<Json> report_data(const std::filesystem::path& folder) {
  auto summary = read_summary(folder);
  if (!summary) return summary.error();
  Json limits = Json::array();
  Json out;
  Json findings = Json::array();
  for (const Finding& one : find(*summary)) {
    findings.push_back({{"kind", name_of(one.kind)}, {"text", one.text}});
  }
  fit_cells(*summary, limits);
  const Json environment = Json::parse(whole_file(folder / "environment.json", kTextBytesMax), nullptr, false);
  out["environment"] = environment.is_object() ? environment : Json(nullptr);
  const Json topologies = Json::parse(whole_file(folder / "topology.json", kTextBytesMax * 8), nullptr, false);
  out["topologies"] = topologies.is_object() ? topologies.value("topologies", Json::array()) : Json::array();
  out["experiment"] = whole_file(folder / "experiment.yaml", kTextBytesMax);
  out["groups"] = groups_json(folder, *summary, limits);
  out["series"] = series_json(folder, limits);
  out["traces"] = report_traces(folder);
  out["findings"] = std::move(findings);
  out["summary"] = std::move(summary).value();
  out["limits"] = std::move(limits);
  return out;
}

}  // namespace geocommit
