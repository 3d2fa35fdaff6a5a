#include "measure/metric_set.h"

#include <algorithm>
#include <string_view>

namespace geocommit {
namespace {

bool has_all(const Labels& labels, const Labels& where) {
  return std::all_of(where.begin(), where.end(), [&](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && found->second == wanted.second;
  });
}

bool is_maximum(const std::string& name) {
  constexpr std::string_view kSuffix = "_max";
  return name.size() > kSuffix.size() && name.compare(name.size() - kSuffix.size(), kSuffix.size(), kSuffix) == 0;
}

}  // namespace

void MetricSet::merge(const MetricSet& other) {
  for (const auto& [name, family] : other.counters_) {
    for (const auto& [labels, value] : family) {
      counters_[name][labels] += value;
    }
  }
  for (const auto& [name, family] : other.gauges_) {
    for (const auto& [labels, value] : family) {
      double& own = gauges_[name][labels];
      own = is_maximum(name) ? std::max(own, value) : own + value;
    }
  }
  for (const auto& [name, family] : other.histograms_) {
    for (const auto& [labels, value] : family) {
      histograms_[name][labels].merge(value);
    }
  }
}

std::uint64_t MetricSet::total(const std::string& name, const Labels& where) const {
  std::uint64_t sum = 0;
  if (const auto family = counters_.find(name); family != counters_.end()) {
    for (const auto& [labels, value] : family->second) {
      sum += has_all(labels, where) ? value : 0;
    }
  }
  return sum;
}

double MetricSet::largest(const std::string& name, const Labels& where) const {
  double most = 0;
  if (const auto family = gauges_.find(name); family != gauges_.end()) {
    for (const auto& [labels, value] : family->second) {
      most = has_all(labels, where) ? std::max(most, value) : most;
    }
  }
  return most;
}

Histogram MetricSet::merged(const std::string& name, const Labels& where) const {
  Histogram sum;
  if (const auto family = histograms_.find(name); family != histograms_.end()) {
    for (const auto& [labels, value] : family->second) {
      if (has_all(labels, where)) {
        sum.merge(value);
      }
    }
  }
  return sum;
}

std::map<std::string, std::uint64_t> MetricSet::totals_by(const std::string& name, const std::string& label,
                                                          const Labels& where) const {
  std::map<std::string, std::uint64_t> out;
  if (const auto family = counters_.find(name); family != counters_.end()) {
    for (const auto& [labels, value] : family->second) {
      const auto found = labels.find(label);
      if (found != labels.end() && has_all(labels, where)) {
        out[found->second] += value;
      }
    }
  }
  return out;
}

const std::vector<Duration>& prometheus_bounds() {
  static const std::vector<Duration> bounds = [] {
    std::vector<Duration> out;
    for (double ms = 0.1; out.empty() || out.back() < 65s; ms *= 1.25) {
      out.push_back(from_ms(ms));
    }
    return out;
  }();
  return bounds;
}

}  // namespace geocommit
