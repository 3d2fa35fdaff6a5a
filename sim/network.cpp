#include "sim/network.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "sim/streams.h"

namespace geocommit::sim {
namespace {

constexpr std::int64_t kLeastRetransmission = 200'000'000;
constexpr int kRetransmissionsMost = 15;                       // Linux: tcp_retries2
constexpr std::int64_t kMostRetransmission = 120'000'000'000;  // Linux: TCP_RTO_MAX
constexpr std::uint64_t kHeaderBytes = 100;  // TCP/IP, and the envelope that the items of a batch share.

// Marsaglia, Bray: A convenient method for generating normal variables, SIAM Review 6(3), 1964. Cut at 4 deviations.
double normal_sample(Random& random) {
  for (;;) {
    const double u = 2.0 * random.unit() - 1.0;
    const double v = 2.0 * random.unit() - 1.0;
    const double s = u * u + v * v;
    if (s > 0.0 && s < 1.0) {
      return std::clamp(u * std::sqrt(-2.0 * portable_log(s) / s), -4.0, 4.0);
    }
  }
}

double pareto_sample(Random& random) {
  return (portable_exp(-portable_log(1.0 - random.unit()) / 3.0) - 1.5) * 4.0 / 3.0;
}

std::uint64_t key(std::uint32_t from, std::uint32_t to) { return std::uint64_t{from} << 32U | to; }

}  // namespace

LinkMatrix region_links(const Topology& topology) {
  LinkMatrix links;
  for (const std::string& from : topology.regions()) {
    std::vector<LinkSpec> row;
    for (const std::string& to : topology.regions()) {
      row.push_back(topology.link(*topology.find(from), *topology.find(to)));
    }
    links.push_back(std::move(row));
  }
  return links;
}

double portable_jitter(JitterDistribution distribution, Random& random) {
  switch (distribution) {
    case JitterDistribution::normal:
      return normal_sample(random);
    case JitterDistribution::uniform:
      return 2.0 * random.unit() - 1.0;
    case JitterDistribution::pareto:
      return pareto_sample(random);
    case JitterDistribution::paretonormal: {
      const double normal = normal_sample(random);
      return 0.25 * normal + 0.75 * pareto_sample(random);
    }
  }
  GC_CHECK(false);
}

Network::Network(LinkMatrix links, std::vector<Node> nodes, bool ordered, std::uint64_t seed)
    : links_(std::move(links)),
      nodes_(std::move(nodes)),
      ordered_(ordered),
      random_(seed, kNetworkStream),
      fault_random_(seed, kNetworkFaultStream) {
  for (const auto& row : links_) {
    GC_CHECK(row.size() == links_.size());
    for (const LinkSpec& link : row) {
      ordered_ = ordered_ || link.jitter > Duration::zero() || link.loss > 0 || link.rate_bits_per_second > 0;
    }
  }
}

Network::Transit Network::send(std::uint32_t from, std::uint32_t to, std::size_t bytes, std::uint32_t message_class,
                               std::int64_t now_ns) {
  const std::uint32_t a = nodes_[from].region;
  const std::uint32_t b = nodes_[to].region;
  const LinkSpec& healthy = links_[a][b];
  Transit transit{healthy.up, now_ns + healthy.delay.count(), false, 0};
  if (!ordered_ && active_.empty()) {
    return transit;
  }
  LinkSpec link = healthy;
  bool overtakes = false;
  if (!transit.sent || (!active_.empty() && !afflict(from, to, message_class, link, transit, overtakes))) {
    return {};
  }
  Pair& pair = pairs_[key(from, to)];
  if (link.rate_bits_per_second > 0) {
    const double seconds =
        8.0 * static_cast<double>(bytes + kHeaderBytes) / static_cast<double>(link.rate_bits_per_second);
    const std::int64_t leaves = std::max(now_ns, pair.busy_until_ns) + static_cast<std::int64_t>(seconds * 1e9);
    transit.due_ns += leaves - now_ns;
    pair.busy_until_ns = leaves;
  }
  if (link.jitter > Duration::zero()) {
    const double sample = portable_jitter(link.distribution, random_);
    transit.due_ns += static_cast<std::int64_t>(static_cast<double>(link.jitter.count()) * sample);
  }
  std::int64_t timeout = kLeastRetransmission + link.delay.count() + links_[b][a].delay.count();
  for (int lost = 0; link.loss > 0 && lost < kRetransmissionsMost && random_.chance(link.loss); ++lost) {
    transit.due_ns += timeout;
    timeout = std::min(2 * timeout, kMostRetransmission);
  }
  transit.due_ns = std::max(transit.due_ns, now_ns);
  if (!overtakes) {
    transit.due_ns = std::max(transit.due_ns, pair.last_due_ns);
    pair.last_due_ns = transit.due_ns;
  }
  transit.second_due_ns += transit.due_ns;
  return transit;
}

bool Network::afflict(std::uint32_t from, std::uint32_t to, std::uint32_t message_class, LinkSpec& link,
                      Transit& transit, bool& overtakes) {
  for (const Active& active : active_) {
    const Fault& fault = active.fault;
    if (!active.concerns(from, to)) {
      continue;
    }
    switch (fault.kind) {
      case FaultKind::cut:
        return false;
      case FaultKind::drop:
        if ((fault.classes == 0 || (fault.classes & message_class) != 0) && fault_random_.chance(fault.probability)) {
          return false;
        }
        break;
      case FaultKind::duplicate:
        if (fault_random_.chance(fault.probability)) {
          transit.twice = true;  // Relative to the first, for now.
          transit.second_due_ns =
              static_cast<std::int64_t>(fault_random_.below(static_cast<std::uint64_t>(fault.extra.count()) + 1));
        }
        break;
      case FaultKind::reorder:
        if (fault_random_.chance(fault.probability)) {
          overtakes = true;
          transit.due_ns +=
              static_cast<std::int64_t>(fault_random_.below(static_cast<std::uint64_t>(fault.extra.count()) + 1));
        }
        break;
      case FaultKind::link:
        transit.due_ns += fault.extra.count();
        link.delay += fault.extra;
        link.jitter = fault.jitter.value_or(link.jitter);
        link.rate_bits_per_second = fault.rate.value_or(link.rate_bits_per_second);
        link.loss = fault.probability < 1.0 ? fault.probability : link.loss;
        break;
      case FaultKind::crash:
      case FaultKind::pause:
      case FaultKind::disk_stall:
      case FaultKind::disk_fail_sync:
      case FaultKind::disk_full:
      case FaultKind::clock_step:
      case FaultKind::transfer:
      case FaultKind::failover:
        break;
    }
  }
  return true;
}

bool Network::connected(std::uint32_t from, std::uint32_t to) const {
  return std::none_of(active_.begin(), active_.end(), [&](const Active& active) {
    return active.fault.kind == FaultKind::cut && active.concerns(from, to);
  });
}

std::int64_t Network::clear_by_ns() const {
  std::int64_t clear = 0;
  for (const auto& [ends, pair] : pairs_) {
    clear = std::max({clear, pair.last_due_ns, pair.busy_until_ns});
  }
  return clear;
}

void Network::begin(const Fault& fault) {
  Active active{fault, std::vector<bool>(nodes_.size()), std::vector<bool>(nodes_.size())};
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    active.from[i] = std::find(fault.from.begin(), fault.from.end(), nodes_[i].id) != fault.from.end();
    active.to[i] = std::find(fault.to.begin(), fault.to.end(), nodes_[i].id) != fault.to.end();
  }
  active_.push_back(std::move(active));
}

void Network::end(const Fault& fault) {
  const auto found =
      std::find_if(active_.begin(), active_.end(), [&](const Active& active) { return active.fault == fault; });
  if (found != active_.end()) {
    active_.erase(found);
  }
}

}  // namespace geocommit::sim
