#include "wan/forwarder.h"

#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>

namespace geocommit {
namespace {

constexpr int kDeliveriesPerRound = 64;  // before looking at new packets again

}  // namespace

std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void Forwarder::begin(std::uint32_t nodes, std::uint32_t wan_network, std::uint64_t seed) {
  nodes_ = nodes;
  wan_network_ = wan_network;
  links_.reserve(std::size_t{nodes} * nodes);
  for (std::uint64_t i = 0; i < std::uint64_t{nodes} * nodes; ++i) {
    links_.emplace_back(LinkSpec{}, LinkRandom(seed + i * 0x9e3779b97f4a7c15ULL).next());
  }
  heap_.reserve(1 << 16);
}

void Forwarder::change_link(std::uint32_t from, std::uint32_t to, const LinkSpec& spec) {
  links_[from * nodes_ + to].change(spec);
}

void Forwarder::read(std::uint32_t node, int most) {
  for (int i = 0; i < most; ++i) {
    const auto slot = store_.take();
    if (!slot) {
      char lost[PacketStore::kSlotBytes];  // no memory left for packets: take it off the device, and count it
      if (::read(devices_[node].get(), lost, sizeof lost) <= 0) return;
      ++counters_.queue_full;
      continue;
    }
    const ssize_t size = ::read(devices_[node].get(), store_.data(*slot), PacketStore::kSlotBytes);
    if (size <= 0) {
      store_.give_back(*slot);
      return;
    }
    admit(node, *slot, static_cast<std::uint32_t>(size));
  }
}

void Forwarder::admit(std::uint32_t from, std::uint32_t slot, std::uint32_t size) {
  constexpr std::uint32_t kIpv4Header = 20;
  constexpr std::size_t kDestinationAt = 16;
  const std::byte* packet = store_.data(slot);
  if (size < kIpv4Header || (std::to_integer<unsigned>(packet[0]) >> 4) != 4) {
    ++counters_.not_ipv4;
    return store_.give_back(slot);
  }
  std::uint32_t destination = 0;
  std::memcpy(&destination, packet + kDestinationAt, sizeof destination);
  const std::uint32_t to = ntohl(destination) - wan_network_ - 1;
  if (to >= nodes_ || to >= devices_.size()) {
    ++counters_.no_route;
    return store_.give_back(slot);
  }
  const std::uint32_t link = from * nodes_ + to;
  const auto admission = links_[link].admit(monotonic_ns(), size, advance_ns_);
  switch (admission.fate) {
    case LinkModel::Fate::deliver:
      store_.size(slot) = size;
      heap_.push_back({admission.due_ns, sequence_++, slot, link});
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>{});
      return;
    case LinkModel::Fate::cut:
      ++counters_.cut;
      break;
    case LinkModel::Fate::lost:
      ++counters_.lost;
      break;
    case LinkModel::Fate::queue_full:
      ++counters_.queue_full;
      break;
  }
  store_.give_back(slot);
}

std::int64_t Forwarder::deliver_due() {
  std::int64_t now = monotonic_ns();
  for (int i = 0; i < kDeliveriesPerRound && !heap_.empty() && heap_.front().due_ns <= now; ++i) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
    const Due due = heap_.back();
    heap_.pop_back();
    deliver(due);
    now = monotonic_ns();
    lateness_.record(now - due.due_ns);
  }
  return now;
}

void Forwarder::deliver(const Due& due) {
  const std::uint32_t size = store_.size(due.slot);
  if (!links_[due.link].arrive()) {
    ++counters_.cut;
  } else if (::write(devices_[due.link % nodes_].get(), store_.data(due.slot), size) != static_cast<ssize_t>(size)) {
    ++counters_.write_failed;
  } else {
    ++counters_.packets;
    counters_.bytes += size;
  }
  store_.give_back(due.slot);
}

std::optional<std::int64_t> Forwarder::next_due_ns() const {
  return heap_.empty() ? std::nullopt : std::optional{heap_.front().due_ns};
}

void Forwarder::fill(RouterReply& reply) const {
  reply = counters_;
  reply.in_flight = heap_.size();
  reply.lateness_p50_us = lateness_.quantile_us(0.5);
  reply.lateness_p99_us = lateness_.quantile_us(0.99);
  reply.lateness_max_us = lateness_.max_us();
}

void Forwarder::reset_stats() {
  counters_ = RouterReply{};
  lateness_.reset();
}

}  // namespace geocommit
