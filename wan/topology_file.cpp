// Reads topology files (the format is in topology.h).
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "config/shipped.h"
#include "config/strict_yaml.h"
#include "wan/topology.h"

namespace geocommit {
namespace {

constexpr Duration kLongestDelay = 10s;

yaml::Reader<JitterDistribution> distribution() {
  return yaml::one_of<JitterDistribution>({{"normal", JitterDistribution::normal},
                                           {"uniform", JitterDistribution::uniform},
                                           {"pareto", JitterDistribution::pareto},
                                           {"paretonormal", JitterDistribution::paretonormal}});
}

void read_link_keys(yaml::MapReader& map, LinkSpec& link) {
  map.optional("jitter", link.jitter, yaml::duration(Duration{0}, kLongestDelay));
  map.optional("distribution", link.distribution, distribution());
  map.optional("loss", link.loss, yaml::fraction());
  map.optional("rate", link.rate_bits_per_second, yaml::bit_rate());
  std::int64_t limit = link.limit_packets;
  if (map.optional("limit", limit, yaml::integer(1, 1000000))) link.limit_packets = static_cast<std::uint32_t>(limit);
}

struct Draft {
  TopologySource source;
  std::vector<std::string> regions;
  std::vector<Datacenter> datacenters;
  Duration intra_region_rtt = 500us;
  LinkSpec defaults;
  std::map<std::pair<std::string, std::string>, Duration> rtt;  // by region
};

void read_source(yaml::MapReader& map, TopologySource& source) {
  const auto node = map.take("source");
  if (!node) return;
  yaml::MapReader keys(*node);
  keys.required("statistic", source.statistic, yaml::string());
  keys.required("date", source.date, yaml::string());
  keys.required("text", source.text, yaml::string());
  if (const auto done = keys.finish(); !done) map.add(done.error());
}

void read_regions(yaml::MapReader& map, const yaml::Node& root, Draft& draft) {
  const auto node = map.take("regions");
  if (!node || node->is_list()) {
    map.required("regions", draft.regions, yaml::list_of(yaml::identifier(), 1, kMaxRegions));
    for (const auto& region : draft.regions) draft.datacenters.push_back({region, region});
    return;
  }
  if (!node->is_map()) return map.add(node->error("expected a list of regions, or a map, found " + node->describe()));
  for (const auto& [region, value] : node->entries()) {
    if (const auto wrong = yaml::wrong_key(*node, region)) map.add(*wrong);
    std::vector<std::string> datacenters{region};
    yaml::MapReader keys(value);
    keys.optional("datacenters", datacenters, yaml::list_of(yaml::identifier(), 1, kMaxDatacenters));
    if (const auto done = keys.finish(); !done) map.add(done.error());
    draft.regions.push_back(region);
    for (const auto& datacenter : datacenters) draft.datacenters.push_back({datacenter, region});
  }
  if (draft.regions.empty()) map.add(root.key_error("regions", "expected at least one region"));
}

void read_defaults(yaml::MapReader& map, Draft& draft) {
  const auto node = map.take("defaults");
  if (!node) return;
  yaml::MapReader keys(*node);
  keys.optional("intra_region_rtt", draft.intra_region_rtt, yaml::duration(Duration{0}, kLongestDelay));
  read_link_keys(keys, draft.defaults);
  if (const auto done = keys.finish(); !done) map.add(done.error());
}

/// 30 and 30ms are the same.
Result<Duration> read_round_trip(const yaml::Node& cell) {
  constexpr Duration kLongest = 2 * kLongestDelay;
  if (!yaml::parse_real(cell.text()) && yaml::parse_duration(cell.text())) {
    return yaml::duration(Duration{0}, kLongest)(cell);
  }
  const auto ms = yaml::real(0, to_ms(kLongest))(cell);
  if (!ms) return ms.error();
  return from_ms(*ms);
}

void read_rtt(yaml::MapReader& map, const yaml::Node& root, Draft& draft) {
  const auto node = map.take("rtt");
  const auto known = [&](const std::string& region) {
    return std::find(draft.regions.begin(), draft.regions.end(), region) != draft.regions.end();
  };
  if (node) {
    if (!node->is_map()) return map.add(node->error("expected a map of rows, found " + node->describe()));
    for (const auto& [from, row] : node->entries()) {
      if (!known(from)) {
        map.add(node->key_error(from, "expected a region" + yaml::did_you_mean(from, draft.regions)));
        continue;
      }
      if (!row.is_map()) {
        map.add(row.error("expected a map from region to milliseconds, found " + row.describe()));
        continue;
      }
      for (const auto& [to, cell] : row.entries()) {
        if (!known(to)) {
          map.add(row.key_error(to, "expected a region" + yaml::did_you_mean(to, draft.regions)));
          continue;
        }
        const auto round_trip = read_round_trip(cell);
        if (round_trip) {
          draft.rtt[{from, to}] = *round_trip;
        } else {
          map.add(round_trip.error());
        }
      }
    }
  }
  if (!map.clean()) return;  // holes would only follow from the mistakes above
  for (const auto& from : draft.regions) {
    for (const auto& to : draft.regions) {
      if (from >= to || draft.rtt.contains({from, to}) || draft.rtt.contains({to, from})) continue;
      map.add(root.key_error("rtt", "expected the round trip between " + from + " and " + to + ", it is missing"));
    }
  }
}

std::vector<std::vector<LinkSpec>> make_links(const Draft& draft) {
  std::vector<std::vector<LinkSpec>> links;
  for (const auto& from : draft.datacenters) {
    std::vector<LinkSpec> row;
    for (const auto& to : draft.datacenters) {
      LinkSpec link = draft.defaults;
      auto found = draft.rtt.find({from.region, to.region});
      if (found == draft.rtt.end()) found = draft.rtt.find({to.region, from.region});
      const Duration rtt = found != draft.rtt.end() ? found->second : draft.intra_region_rtt;
      link.delay = rtt / 2;
      row.push_back(link);
    }
    links.push_back(std::move(row));
  }
  return links;
}

/// Applies one entry of `links:` to every ordered pair of datacenters that it names.
void read_override(yaml::MapReader& map, const yaml::Node& node, const Draft& draft,
                   std::vector<std::vector<LinkSpec>>& links) {
  std::vector<std::string> names = draft.regions;
  for (const auto& datacenter : draft.datacenters) names.push_back(datacenter.name);
  const auto end = [&](const yaml::Node& value) -> Result<std::string> {
    if (value.is_scalar() && std::find(names.begin(), names.end(), value.text()) != names.end()) return value.text();
    return value.error("expected a region or datacenter, found " + value.describe() +
                       yaml::did_you_mean(value.text(), names));
  };
  yaml::MapReader keys(node);
  std::string from;
  std::string to;
  LinkSpec change = draft.defaults;
  keys.required("from", from, end);
  keys.required("to", to, end);
  const bool has_delay = keys.optional("delay", change.delay, yaml::duration(Duration{0}, kLongestDelay));
  read_link_keys(keys, change);
  keys.optional("up", change.up, yaml::boolean());
  if (const auto done = keys.finish(); !done) return map.add(done.error());
  const auto& datacenters = draft.datacenters;
  const auto matches = [](const Datacenter& dc, const std::string& name) {
    return dc.name == name || dc.region == name;
  };
  for (std::size_t i = 0; i < datacenters.size(); ++i) {
    for (std::size_t j = 0; j < datacenters.size(); ++j) {
      if (!matches(datacenters[i], from) || !matches(datacenters[j], to)) continue;
      LinkSpec link = change;
      if (!has_delay) link.delay = links[i][j].delay;
      links[i][j] = link;
    }
  }
}

}  // namespace

Result<Topology> parse_topology(std::string_view text, const std::string& file) {
  auto root = yaml::parse(text, file);
  if (!root) return root.error();
  yaml::MapReader map(*root);
  Draft draft;
  std::string name;
  map.required("name", name, yaml::identifier());
  read_source(map, draft.source);
  read_regions(map, *root, draft);
  read_defaults(map, draft);
  read_rtt(map, *root, draft);
  auto links = make_links(draft);
  if (const auto node = map.take("links")) {
    if (auto wrong = yaml::wrong_size(*node, yaml::Kind::list, 0, 100000)) {
      map.add(*wrong);
    } else {
      for (const auto& item : node->items()) read_override(map, item, draft, links);
    }
  }
  if (auto done = map.finish(); !done) return done.error();
  auto topology = Topology::make(name, draft.source, draft.regions, draft.datacenters, std::move(links));
  if (!topology) return root->key_error("regions", topology.error().message);
  return topology;
}

Result<Topology> load_topology(const std::string& name_or_path) {
  return load_topology(name_or_path, shipped_folders("topologies"));
}

Result<Topology> load_topology(const std::string& name_or_path, const std::vector<std::filesystem::path>& search) {
  const auto path = find_shipped("topology", name_or_path, search);
  if (!path) return path.error();
  const auto text = yaml::read_text(*path);
  if (!text) return text.error();
  return parse_topology(*text, path->string());
}

}  // namespace geocommit
