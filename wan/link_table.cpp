// Names to directed links (node_network.h).
#include <algorithm>
#include <set>

#include "wan/node_network.h"

namespace geocommit {

Result<LinkTable> LinkTable::make(const Topology& topology, const std::vector<WanNode>& nodes) {
  if (nodes.empty() || nodes.size() > kMaxWanNodes) {
    return Error{"an emulation has from 1 to " + std::to_string(kMaxWanNodes) + " nodes, not " +
                 std::to_string(nodes.size())};
  }
  LinkTable table;
  std::vector<std::size_t> places;
  std::set<std::string> names;
  for (WanNode node : nodes) {
    const auto place = topology.find(node.datacenter.empty() ? node.region : node.datacenter);
    if (!place) {
      return Error{"node \"" + node.name + "\": no datacenter \"" + node.datacenter + "\" (region \"" + node.region +
                   "\") in topology " + topology.name()};
    }
    const Datacenter& datacenter = topology.datacenters()[*place];
    if (!node.region.empty() && node.region != datacenter.region) {
      return Error{"node \"" + node.name + "\": datacenter " + datacenter.name + " is not in region " + node.region};
    }
    node.datacenter = datacenter.name;
    node.region = datacenter.region;
    if (node.name.empty() || !names.insert(node.name).second) return Error{"two nodes are named \"" + node.name + "\""};
    places.push_back(*place);
    table.nodes_.push_back(std::move(node));
  }
  for (const auto& node : table.nodes_) {
    const auto named = [&](const WanNode& other) { return other.datacenter == node.name || other.region == node.name; };
    const auto there = std::count_if(table.nodes_.begin(), table.nodes_.end(), named);
    if (there > 0 && !(there == 1 && named(node))) {
      return Error{"node \"" + node.name + "\" has the name of a datacenter or region with other nodes"};
    }
  }
  for (const std::size_t from : places) {
    for (const std::size_t to : places) table.links_.push_back(topology.link(from, to));
  }
  return table;
}

std::size_t LinkTable::index_of(std::string_view node) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].name == node) return i;
  }
  GC_CHECK_NOTE(false, "a node that was not given to bring_up()");
}

Result<std::vector<std::size_t>> LinkTable::resolve(std::string_view name) const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].name == name) return std::vector<std::size_t>{i};
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].datacenter == name) found.push_back(i);
  }
  if (!found.empty()) return found;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].region == name) found.push_back(i);
  }
  if (found.empty()) return Error{"no node, datacenter or region \"" + std::string(name) + "\" has nodes in this run"};
  return found;
}

Result<void> check_change(const LinkChange& change) {
  if (change.loss && !(*change.loss >= 0 && *change.loss <= 1)) return Error{"a link's loss is from 0 to 1"};
  const auto bad = [](const std::optional<Duration>& time) { return time && (*time < Duration{0} || *time > 20s); };
  if (bad(change.delay) || bad(change.jitter)) return Error{"a link's delay and jitter are from 0 to 20 s"};
  return {};
}

Result<LinkTable::Pairs> LinkTable::change(std::string_view from, std::string_view to, const LinkChange& change) {
  if (auto checked = check_change(change); !checked) return checked.error();
  const auto sources = resolve(from);
  if (!sources) return sources.error();
  const auto targets = resolve(to);
  if (!targets) return targets.error();
  Pairs touched;
  for (const std::size_t source : *sources) {
    for (const std::size_t target : *targets) {
      if (source == target) continue;
      LinkSpec& link = links_[source * size() + target];
      if (change.delay) link.delay = *change.delay;
      if (change.jitter) link.jitter = *change.jitter;
      if (change.distribution) link.distribution = *change.distribution;
      if (change.loss) link.loss = *change.loss;
      if (change.rate_bits_per_second) link.rate_bits_per_second = *change.rate_bits_per_second;
      if (change.limit_packets) link.limit_packets = *change.limit_packets;
      if (change.up) link.up = *change.up;
      touched.emplace_back(source, target);
    }
  }
  return touched;
}

LinkTable::Pairs LinkTable::heal_all() {
  Pairs touched;
  for (std::size_t from = 0; from < size(); ++from) {
    for (std::size_t to = 0; to < size(); ++to) {
      LinkSpec& link = links_[from * size() + to];
      if (link.up) continue;
      link.up = true;
      touched.emplace_back(from, to);
    }
  }
  return touched;
}

Result<LinkSpec> LinkTable::between(std::string_view from_node, std::string_view to_node) const {
  const auto from = resolve(from_node);
  if (!from) return from.error();
  const auto to = resolve(to_node);
  if (!to) return to.error();
  if (from->size() != 1 || to->size() != 1) return Error{"link(): expected the names of two nodes"};
  return at(from->front(), to->front());
}

}  // namespace geocommit
