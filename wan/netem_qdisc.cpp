#include "wan/netem_qdisc.h"

#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <net/ethernet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "wan/link_model.h"

namespace geocommit {
namespace {

constexpr int kTableEntries = 4096;
constexpr int kSamplesPerEntry = 64;
constexpr double kTableScale = 8192;     // NETEM_DIST_SCALE: one jitter
constexpr std::uint16_t kPrngSeed = 14;  // TCA_NETEM_PRNG_SEED, newer than Debian 12's headers

std::vector<std::int16_t> make_table(JitterDistribution distribution) {
  LinkRandom random(20250701);
  std::vector<double> samples(std::size_t{kTableEntries} * kSamplesPerEntry);
  for (auto& sample : samples) sample = jitter_sample(distribution, random);
  std::sort(samples.begin(), samples.end());
  std::vector<std::int16_t> table;
  for (std::size_t i = kSamplesPerEntry / 2; i < samples.size(); i += kSamplesPerEntry) {
    const double value = std::clamp(samples[i] * kTableScale, -32767.0, 32767.0);
    table.push_back(static_cast<std::int16_t>(std::lround(value)));
  }
  return table;
}

std::uint32_t loss_threshold(const LinkSpec& link) {
  if (!link.up) return std::numeric_limits<std::uint32_t>::max();  // netem drops where threshold >= random: always
  return static_cast<std::uint32_t>(std::llround(link.loss * std::numeric_limits<std::uint32_t>::max()));
}

std::uint16_t flags(QdiscAction action) {
  switch (action) {
    case QdiscAction::add:
    case QdiscAction::swap:
      return NLM_F_CREATE | NLM_F_REPLACE;
    case QdiscAction::change:
      return 0;
  }
  GC_CHECK(false);
}

void add_rate(NetlinkMessage& message, const LinkSpec& link) {
  const std::uint64_t bytes_per_second =
      link.rate_bits_per_second == 0 ? kOrderingRate : std::max<std::uint64_t>(1, link.rate_bits_per_second / 8);
  tc_netem_rate rate{};
  rate.rate = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes_per_second, kOrderingRate));
  rate.packet_overhead = -ETHER_HDR_LEN;  // a link's rate counts IP bytes
  message.attribute(TCA_NETEM_RATE, &rate, sizeof rate);
  if (bytes_per_second > kOrderingRate) {
    message.attribute(TCA_NETEM_RATE64, &bytes_per_second, sizeof bytes_per_second);
  }
}

/// Calls `each(type, data, size)` for each attribute of a block.
template <class Each>
void for_attributes(const void* data, std::size_t size, const Each& each) {
  auto left = static_cast<int>(size);
  for (const auto* at = static_cast<const rtattr*>(data); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    each(at->rta_type, RTA_DATA(at), RTA_PAYLOAD(at));
  }
}

template <class Body>
Body copy_of(const void* data, std::size_t size) {
  Body body{};
  std::memcpy(&body, data, std::min(size, sizeof body));
  return body;
}

QdiscCounters counters_of(const void* stats, std::size_t stats_size) {
  QdiscCounters out;
  bool has_packets64 = false;
  for_attributes(stats, stats_size, [&](unsigned type, const void* data, std::size_t size) {
    if (type == TCA_STATS_BASIC) {
      const auto basic = copy_of<gnet_stats_basic>(data, size);
      out.bytes = basic.bytes;
      if (!has_packets64) out.packets = basic.packets;
    } else if (type == TCA_STATS_PKT64) {
      out.packets = copy_of<std::uint64_t>(data, size);
      has_packets64 = true;
    } else if (type == TCA_STATS_QUEUE) {
      const auto queue = copy_of<gnet_stats_queue>(data, size);
      out.drops = queue.drops;
      out.held = queue.qlen;
    }
  });
  return out;
}

}  // namespace

const std::vector<std::int16_t>& JitterTables::of(JitterDistribution distribution) {
  auto& table = tables_.at(static_cast<std::size_t>(distribution));
  if (table.empty()) table = make_table(distribution);
  return table;
}

NetlinkMessage netem_request(QdiscAction action, int device_index, std::uint16_t handle, const LinkSpec& link,
                             std::uint64_t seed, JitterTables& tables) {
  tcmsg body{};
  body.tcm_family = AF_UNSPEC;
  body.tcm_ifindex = device_index;
  body.tcm_handle = static_cast<std::uint32_t>(handle) << 16;
  body.tcm_parent = TC_H_ROOT;
  NetlinkMessage message(RTM_NEWQDISC, flags(action), body);
  message.text(TCA_KIND, "netem");
  // Unlike other nested attributes, netem's follow a fixed structure inside TCA_OPTIONS.
  const auto options = message.begin(TCA_OPTIONS);
  tc_netem_qopt fixed{};
  fixed.limit = queue_limit(link);
  fixed.loss = loss_threshold(link);
  message.append(&fixed, sizeof fixed);
  const std::int64_t delay_ns = link.delay.count();
  const std::int64_t jitter_ns = link.jitter.count();
  message.attribute(TCA_NETEM_LATENCY64, &delay_ns, sizeof delay_ns);
  message.attribute(TCA_NETEM_JITTER64, &jitter_ns, sizeof jitter_ns);
  add_rate(message, link);
  message.attribute(kPrngSeed, &seed, sizeof seed);
  if (jitter_ns > 0) {
    const auto& table = tables.of(link.distribution);
    message.attribute(TCA_NETEM_DELAY_DIST, table.data(), table.size() * sizeof table[0]);
  }
  message.end(options);
  return message;
}

Result<std::map<int, QdiscCounters>> read_netem_counters(Netlink& netlink) {
  tcmsg body{};
  body.tcm_family = AF_UNSPEC;
  NetlinkMessage message(RTM_GETQDISC, NLM_F_DUMP, body);
  std::map<int, QdiscCounters> out;
  auto done = netlink.dump(message, "read the counters of netem", [&](const nlmsghdr& header) {
    if (header.nlmsg_type != RTM_NEWQDISC || header.nlmsg_len < NLMSG_LENGTH(sizeof(tcmsg))) return;
    const auto* tc = static_cast<const tcmsg*>(NLMSG_DATA(&header));
    if (tc->tcm_parent != TC_H_ROOT) return;
    bool is_netem = false;
    QdiscCounters counters;
    const auto* attributes = reinterpret_cast<const char*>(tc) + NLMSG_ALIGN(sizeof(tcmsg));
    const std::size_t size = header.nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(sizeof(tcmsg)));
    for_attributes(attributes, size, [&](unsigned type, const void* data, std::size_t length) {
      if (type == TCA_KIND) is_netem = length == 6 && std::memcmp(data, "netem", 6) == 0;
      if (type == TCA_STATS2) counters = counters_of(data, length);
    });
    if (is_netem) out[tc->tcm_ifindex] = counters;
  });
  if (!done) return done.error();
  return out;
}

}  // namespace geocommit
