// The kernel's netem qdisc as it is asked for, byte for byte: what a machine without the qdisc can still check.
#include "wan/netem_qdisc.h"

#include <linux/pkt_sched.h>
#include <net/ethernet.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>

#include "wan/link_model.h"

namespace geocommit {
namespace {

constexpr std::uint16_t kPrngSeed = 14;  // TCA_NETEM_PRNG_SEED, newer than Debian 12's headers

/// A request, taken apart again.
struct Asked {
  nlmsghdr header{};
  tcmsg body{};
  std::string kind;
  tc_netem_qopt fixed{};
  std::map<unsigned, std::string> options;

  template <class T>
  [[nodiscard]] T option(unsigned type) const {
    T value{};
    REQUIRE(options.at(type).size() == sizeof value);
    std::memcpy(&value, options.at(type).data(), sizeof value);
    return value;
  }
};

std::map<unsigned, std::string> attributes(const char* data, std::size_t size) {
  std::map<unsigned, std::string> found;
  auto left = static_cast<int>(size);
  for (const auto* at = reinterpret_cast<const rtattr*>(data); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    const bool once =
        found.emplace(at->rta_type, std::string(static_cast<const char*>(RTA_DATA(at)), RTA_PAYLOAD(at))).second;
    CHECK(once);
  }
  CHECK(left == 0);
  return found;
}

Asked ask(const LinkSpec& link, QdiscAction action = QdiscAction::add) {
  static JitterTables tables;
  NetlinkMessage message = netem_request(action, 7, 0x12, link, 99, tables);
  const nlmsghdr* header = message.finish(5);
  Asked asked;
  asked.header = *header;
  std::memcpy(&asked.body, NLMSG_DATA(header), sizeof asked.body);
  const auto* data = static_cast<const char*>(NLMSG_DATA(header)) + NLMSG_ALIGN(sizeof(tcmsg));
  const auto outer = attributes(data, header->nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(sizeof(tcmsg))));
  asked.kind = outer.at(TCA_KIND).c_str();
  const std::string& options = outer.at(TCA_OPTIONS);
  std::memcpy(&asked.fixed, options.data(), sizeof asked.fixed);
  asked.options = attributes(options.data() + sizeof asked.fixed, options.size() - sizeof asked.fixed);
  return asked;
}

LinkSpec link() {
  LinkSpec link;
  link.delay = 80ms;
  link.jitter = 3ms;
  link.loss = 0.25;
  link.rate_bits_per_second = 8'000'000;
  return link;
}

TEST_CASE("a link becomes one root qdisc with its delay, jitter, loss, rate and seed") {
  const Asked asked = ask(link());
  CHECK(asked.header.nlmsg_type == RTM_NEWQDISC);
  CHECK(asked.header.nlmsg_seq == 5);
  CHECK(asked.body.tcm_ifindex == 7);
  CHECK(asked.body.tcm_handle == 0x120000U);
  CHECK(asked.body.tcm_parent == TC_H_ROOT);
  CHECK(asked.kind == "netem");
  CHECK(asked.fixed.limit == queue_limit(link()));
  CHECK(asked.fixed.loss == 0x40000000U);  // a quarter of 2^32 - 1, rounded
  CHECK(asked.option<std::int64_t>(TCA_NETEM_LATENCY64) == 80'000'000);
  CHECK(asked.option<std::int64_t>(TCA_NETEM_JITTER64) == 3'000'000);
  CHECK(asked.option<std::uint64_t>(kPrngSeed) == 99);
}

TEST_CASE("a rate counts IP bytes: netem takes the Ethernet header off each packet") {
  const auto rate = ask(link()).option<tc_netem_rate>(TCA_NETEM_RATE);
  CHECK(rate.rate == 1'000'000);
  CHECK(rate.packet_overhead == -ETHER_HDR_LEN);
  CHECK(rate.cell_size == 0);
}

TEST_CASE("a link without a rate has one all the same, so that no packet overtakes another") {
  LinkSpec fast = link();
  fast.rate_bits_per_second = 0;
  CHECK(ask(fast).option<tc_netem_rate>(TCA_NETEM_RATE).rate == kOrderingRate);
  CHECK_FALSE(ask(fast).options.contains(TCA_NETEM_RATE64));
  fast.rate_bits_per_second = 8 * kOrderingRate;
  CHECK(ask(fast).option<tc_netem_rate>(TCA_NETEM_RATE).rate == kOrderingRate);
  CHECK_FALSE(ask(fast).options.contains(TCA_NETEM_RATE64));
  fast.rate_bits_per_second = 8 * (kOrderingRate + 1);
  CHECK(ask(fast).option<tc_netem_rate>(TCA_NETEM_RATE).rate == kOrderingRate);
  CHECK(ask(fast).option<std::uint64_t>(TCA_NETEM_RATE64) == kOrderingRate + 1);
  fast.rate_bits_per_second = 7;  // less than a byte a second
  CHECK(ask(fast).option<tc_netem_rate>(TCA_NETEM_RATE).rate == 1);
}

TEST_CASE("a link that is down loses everything; one without loss loses nothing") {
  LinkSpec down = link();
  down.up = false;
  CHECK(ask(down).fixed.loss == 0xffffffffU);
  down.up = true;
  down.loss = 0;
  CHECK(ask(down).fixed.loss == 0);
}

TEST_CASE(
    "a table of the distribution comes with jitter only: ascending, symmetric for a normal one, within 4 jitters") {
  LinkSpec steady = link();
  steady.jitter = 0ms;
  CHECK_FALSE(ask(steady).options.contains(TCA_NETEM_DELAY_DIST));
  LinkSpec normal = link();
  normal.distribution = JitterDistribution::normal;
  const std::string bytes = ask(normal).options.at(TCA_NETEM_DELAY_DIST);
  std::vector<std::int16_t> table(bytes.size() / sizeof(std::int16_t));
  std::memcpy(table.data(), bytes.data(), bytes.size());
  REQUIRE(table.size() == 4096);
  CHECK(std::is_sorted(table.begin(), table.end()));
  CHECK(std::abs(table[2048]) < 200);                                   // the median: no shift
  CHECK(std::abs(table[std::size_t{4096 * 841 / 1000}] - 8192) < 400);  // one standard deviation: one jitter
  CHECK(std::abs(table[std::size_t{4096 * 159 / 1000}] + 8192) < 400);
}

TEST_CASE("to change a qdisc is not to replace it: what it holds stays") {
  CHECK((ask(link(), QdiscAction::change).header.nlmsg_flags & (NLM_F_CREATE | NLM_F_REPLACE)) == 0);
  for (const QdiscAction action : {QdiscAction::add, QdiscAction::swap}) {
    CHECK((ask(link(), action).header.nlmsg_flags & (NLM_F_CREATE | NLM_F_REPLACE)) == (NLM_F_CREATE | NLM_F_REPLACE));
  }
}

}  // namespace
}  // namespace geocommit
