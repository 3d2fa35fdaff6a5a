#include "report/series/metrics_log.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace geocommit {
namespace {

constexpr const char* kHeader = "geocommit/metrics/1";
constexpr std::size_t kIdsMax = 10'000'000;  // what a damaged file may claim

/// Words are separated by spaces, and labels hold an equals sign.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c > ' ' && c != '=' && c != '%' && c != '\x7f') {
      out += c;
      continue;
    }
    std::array<char, 4> hex{};
    std::snprintf(hex.data(), hex.size(), "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += hex.data();
  }
  return out.empty() ? "%" : out;
}

std::string unquoted(const std::string& text) {
  if (text == "%") return "";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::strtoul(text.substr(i + 1, 2).c_str(), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string text(double value) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.12g", value);
  return buffer.data();
}

}  // namespace

std::size_t prometheus_bucket(std::uint32_t histogram_bucket) {
  const auto& bounds = prometheus_bounds();
  const Duration lower = Histogram::bucket_lower(histogram_bucket);
  return static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), lower) - bounds.begin());
}

std::string MetricsLogWriter::header() { return std::string(kHeader) + "\n"; }

MetricsLogWriter::Source& MetricsLogWriter::source(const ShownMetrics& node, std::string& out) {
  const auto [found, fresh] = sources_.try_emplace({node.cell, node.node});
  if (fresh) {
    found->second.id = sources_.size() - 1;
    out += "source " + std::to_string(found->second.id) + " " + quoted(node.cell) + " " + quoted(node.node) + "\n";
  }
  return found->second;
}

MetricsLogWriter::Known& MetricsLogWriter::known(Source& source, const char* kind, const std::string& name,
                                                 const Labels& labels, std::string& out) {
  const auto [found, fresh] = source.series.try_emplace({name, labels});
  if (fresh) {
    found->second.id = series_++;
    out += "series " + std::to_string(found->second.id) + " " + std::to_string(source.id) + " " + kind + " " + name;
    for (const auto& [label, value] : labels) out += " " + label + "=" + quoted(value);
    out += "\n";
  }
  return found->second;
}

void MetricsLogWriter::number(Source& source, const char* kind, const std::string& name, const Labels& labels,
                              double value, std::string& out) {
  Known& before = known(source, kind, name, labels, out);
  if (before.value == value) return;  // a fresh one is taken to be 0
  before.value = value;
  out += std::to_string(before.id) + " " + text(value) + "\n";
}

void MetricsLogWriter::histogram(Source& source, const std::string& name, const Labels& labels, const Histogram& now,
                                 std::string& out) {
  Known& before = known(source, "histogram", name, labels, out);
  const double sum = now.sum_ns() / 1e9;
  if (before.count == now.count() && before.value == sum) return;
  before.count = now.count();
  before.value = sum;
  out += std::to_string(before.id) + " " + text(sum);
  std::vector<std::uint64_t> buckets(prometheus_bounds().size() + 1);
  for (const auto& [index, count] : now.buckets()) buckets[prometheus_bucket(index)] += count;
  before.buckets.resize(buckets.size());
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i] != before.buckets[i]) out += " " + std::to_string(i) + ":" + std::to_string(buckets[i]);
  }
  before.buckets = std::move(buckets);
  out += "\n";
}

std::string MetricsLogWriter::sample(std::int64_t unix_ms, const std::vector<ShownMetrics>& nodes) {
  std::string definitions;
  std::string changes;
  std::string present;
  for (const ShownMetrics& node : nodes) {
    Source& from = source(node, definitions);
    present += " " + std::to_string(from.id);
    for (const auto& [name, family] : node.metrics->counters()) {
      for (const auto& [labels, value] : family) {
        number(from, "counter", name, labels, static_cast<double>(value), changes);
      }
    }
    for (const auto& [name, family] : node.metrics->gauges()) {
      for (const auto& [labels, value] : family) number(from, "gauge", name, labels, value, changes);
    }
    for (const auto& [name, family] : node.metrics->histograms()) {
      for (const auto& [labels, value] : family) histogram(from, name, labels, value, changes);
    }
  }
  return definitions + "at " + std::to_string(unix_ms) + present + "\n" + changes;
}

bool MetricsLogReader::define_source(std::istream& words) {
  std::size_t id = 0;
  Source source;
  if (!(words >> id >> source.cell >> source.node) || id != sources_.size()) return false;
  source.cell = unquoted(source.cell);
  source.node = unquoted(source.node);
  sources_.push_back(std::move(source));
  return true;
}

bool MetricsLogReader::define_series(std::istream& words) {
  std::size_t id = 0;
  std::string kind;
  Series series;
  if (!(words >> id >> series.source >> kind >> series.name) || id != series_.size() || id > kIdsMax ||
      series.source >= sources_.size()) {
    return false;
  }
  if (kind == "histogram") {
    series.kind = Kind::histogram;
    series.buckets.resize(prometheus_bounds().size() + 1);
  } else if (kind == "gauge" || kind == "counter") {
    series.kind = kind == "gauge" ? Kind::gauge : Kind::counter;
  } else {
    return false;
  }
  for (std::string label; words >> label;) {
    const auto equals = label.find('=');
    if (equals == std::string::npos) return false;
    series.labels[label.substr(0, equals)] = unquoted(label.substr(equals + 1));
  }
  sources_[series.source].series.push_back(id);
  series_.push_back(std::move(series));
  return true;
}

bool MetricsLogReader::change(const std::string& line) {
  std::istringstream words(line);
  std::size_t id = 0;
  if (!(words >> id) || id >= series_.size()) return false;
  Series& series = series_[id];
  if (!(words >> series.value)) return false;
  if (series.kind != Kind::histogram) return words.eof();
  for (std::string pair; words >> pair;) {
    unsigned long long bucket = 0;
    unsigned long long count = 0;
    if (std::sscanf(pair.c_str(), "%llu:%llu", &bucket, &count) != 2 || bucket >= series.buckets.size()) return false;
    series.count += count - series.buckets[bucket];
    series.buckets[bucket] = count;
  }
  return true;
}

bool MetricsLogReader::take(const std::string& line) {
  std::istringstream words(line);
  std::string kind;
  words >> kind;
  if (kind == "source") return define_source(words);
  if (kind == "series") return define_series(words);
  if (kind != "at") return change(line);
  std::int64_t at = 0;
  if (!(words >> at) || at <= unix_ms_) return false;
  unix_ms_ = at;
  for (Source& source : sources_) source.present = false;
  for (std::size_t id = 0; words >> id;) {
    if (id >= sources_.size()) return false;
    sources_[id].present = true;
  }
  return words.eof();
}

Result<bool> MetricsLogReader::next() {
  std::string line;
  const auto wrong = [this] { return Error{"line " + std::to_string(line_) + " is not understood"}; };
  if (line_ == 0) {
    ++line_;
    if (!std::getline(in_, line) || line != kHeader) {
      return Error{std::string("the first line is not \"") + kHeader + "\""};
    }
  }
  bool begun = false;
  if (!pending_.empty()) {
    if (!take(std::exchange(pending_, ""))) return wrong();
    begun = true;
  }
  while (std::getline(in_, line)) {
    ++line_;
    if (in_.eof()) break;  // without its newline: cut short
    if (line.starts_with("at ") && begun) {
      pending_ = line;
      return true;
    }
    begun = begun || line.starts_with("at ");
    if (!take(line)) return wrong();
  }
  return begun;
}

}  // namespace geocommit
