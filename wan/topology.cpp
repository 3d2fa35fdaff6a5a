#include "wan/topology.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "base/identifier.h"

namespace geocommit {

std::string_view to_string(JitterDistribution distribution) {
  switch (distribution) {
    case JitterDistribution::normal:
      return "normal";
    case JitterDistribution::uniform:
      return "uniform";
    case JitterDistribution::pareto:
      return "pareto";
    case JitterDistribution::paretonormal:
      return "paretonormal";
  }
  GC_CHECK(false);
}

std::uint32_t queue_limit(const LinkSpec& link) {
  if (link.limit_packets != 0) return link.limit_packets;
  const double rate = link.rate_bits_per_second == 0 ? 1e9 : static_cast<double>(link.rate_bits_per_second);
  const double in_flight = 1.5 * rate * to_seconds(link.delay + link.jitter) / 8 / 1500;
  const double queued = rate * 0.1 / 8 / 1500;
  return static_cast<std::uint32_t>(std::clamp(in_flight + queued, 1000.0, 1e6));
}

Result<Topology> Topology::make(std::string name, TopologySource source, std::vector<std::string> regions,
                                std::vector<Datacenter> datacenters, std::vector<std::vector<LinkSpec>> links) {
  if (regions.empty() || regions.size() > kMaxRegions) return Error{"a topology has from 1 to 64 regions"};
  if (datacenters.size() > kMaxDatacenters) return Error{"a topology has at most 128 datacenters"};
  const auto is_name = [](const std::string& text) { return is_identifier(text); };
  const auto datacenter_is_named = [](const Datacenter& datacenter) { return is_identifier(datacenter.name); };
  if (!std::all_of(regions.begin(), regions.end(), is_name) ||
      !std::all_of(datacenters.begin(), datacenters.end(), datacenter_is_named)) {
    return Error{"expected for each region and datacenter " + std::string(kIdentifierWords)};
  }
  const std::set<std::string> region_names(regions.begin(), regions.end());
  if (region_names.size() != regions.size()) return Error{"a region is named twice"};
  std::set<std::string> names;
  for (const auto& datacenter : datacenters) {
    if (!names.insert(datacenter.name).second) return Error{"datacenter \"" + datacenter.name + "\" is named twice"};
    if (!region_names.contains(datacenter.region)) return Error{"no region \"" + datacenter.region + "\""};
    if (datacenter.name != datacenter.region && region_names.contains(datacenter.name)) {
      return Error{"datacenter \"" + datacenter.name + "\" has the name of another region"};
    }
  }
  for (const auto& region : regions) {
    const auto in_region = [&](const Datacenter& datacenter) { return datacenter.region == region; };
    if (std::none_of(datacenters.begin(), datacenters.end(), in_region)) {
      return Error{"region \"" + region + "\" has no datacenter"};
    }
  }
  const auto square = [&](const auto& row) { return row.size() == datacenters.size(); };
  GC_CHECK(links.size() == datacenters.size() && std::all_of(links.begin(), links.end(), square));
  Topology topology;
  topology.name_ = std::move(name);
  topology.source_ = std::move(source);
  topology.regions_ = std::move(regions);
  topology.datacenters_ = std::move(datacenters);
  topology.links_ = std::move(links);
  return topology;
}

std::vector<std::string> Topology::datacenters_of(std::string_view region) const {
  std::vector<std::string> out;
  for (const auto& datacenter : datacenters_) {
    if (datacenter.region == region) out.push_back(datacenter.name);
  }
  return out;
}

std::optional<std::size_t> Topology::find(std::string_view datacenter_or_region) const {
  for (std::size_t i = 0; i < datacenters_.size(); ++i) {
    if (datacenters_[i].name == datacenter_or_region) return i;
  }
  for (std::size_t i = 0; i < datacenters_.size(); ++i) {
    if (datacenters_[i].region == datacenter_or_region) return i;
  }
  return std::nullopt;
}

Duration Topology::round_trip(std::size_t a, std::size_t b) const { return link(a, b).delay + link(b, a).delay; }

Duration Topology::largest_round_trip() const {
  Duration largest{0};
  for (std::size_t a = 0; a < datacenters_.size(); ++a) {
    for (std::size_t b = 0; b <= a; ++b) largest = std::max(largest, round_trip(a, b));
  }
  return largest;
}

bool Topology::impaired() const {
  for (const auto& row : links_) {
    for (const auto& link : row) {
      if (link.jitter > Duration{0} || link.loss > 0 || link.rate_bits_per_second > 0 || !link.up) return true;
    }
  }
  return false;
}

std::string Topology::print_matrix() const {
  std::size_t width = 8;
  std::size_t first = 8;
  for (const auto& datacenter : datacenters_) {
    width = std::max(width, datacenter.name.size());
    first = std::max(first, datacenter.name.size());
  }
  const auto pad = [](std::string text, std::size_t to, bool left) {
    const std::string fill(to > text.size() ? to - text.size() : 0, ' ');
    return left ? text + fill : fill + text;
  };
  std::string out =
      name_ + ": round trip in ms, row = from, column = to (one way is half of it)\n" + pad("", first, true);
  for (const auto& to : datacenters_) out += "  " + pad(to.name, width, false);
  out += "\n";
  for (std::size_t from = 0; from < datacenters_.size(); ++from) {
    out += pad(datacenters_[from].name, first, true);
    for (std::size_t to = 0; to < datacenters_.size(); ++to) {
      char cell[32];
      const LinkSpec& spec = link(from, to);
      std::snprintf(cell, sizeof cell, "%.3f", 2 * to_ms(spec.delay));
      out += "  " + pad(spec.up ? cell : "down", width, false);
    }
    out += "\n";
  }
  if (!source_.text.empty()) {
    out += "source: " + source_.statistic + ", " + source_.date + ", " + source_.text + "\n";
  }
  return out;
}

}  // namespace geocommit
