// Cases about what a link does to a queue of packets: order, loss, rate, limit, packet sizes.
#include <algorithm>

#include "tests/wan/conformance_harness.h"

namespace geocommit::conformance {

void case_jitter_is_fifo(Emulation& emulation) {
  for (const auto shape : {JitterDistribution::normal, JitterDistribution::pareto}) {
    LinkSpec spec = plain(20ms);
    spec.jitter = 5ms;
    spec.distribution = shape;
    require(emulation.set_link("a1", "b1", spec), "set_link");
    Receiver receiver(emulation, "b1");
    send(emulation, "a1", receiver, {400, 300us, 92});
    const auto arrivals = receiver.take(400, kQuiet);
    check(arrivals.size() == 400, "400 packets arrive, of which " + std::to_string(arrivals.size()));
    check(in_order(arrivals), std::string("in order under jitter, ") + std::string(to_string(shape)));
    const auto [low, high] = std::minmax_element(
        arrivals.begin(), arrivals.end(), [](const Arrival& a, const Arrival& b) { return a.one_way() < b.one_way(); });
    if (!arrivals.empty()) {
      check(high->one_way() - low->one_way() > 2ms, "delays vary");
    }
    // In a dense queue each packet waits for the slowest before it; far apart, each shows its own draw. Sixty of them
    // are all above the mean only if the jitter is one-sided.
    Receiver sparse(emulation, "b1");
    send(emulation, "a1", sparse, {60, 10ms, 92});
    const auto apart = sparse.take(60, kQuiet);
    check(std::any_of(apart.begin(), apart.end(), [](const Arrival& a) { return a.one_way() < 19ms; }),
          "some are shorter than the mean");
  }
}

void case_loss(Emulation& emulation) {
  LinkSpec spec = plain(1ms);
  spec.loss = 0.2;
  require(emulation.set_link("a1", "b1", spec), "set_link");
  require(emulation.set_link("b1", "a1", plain(1ms)), "set_link");
  require(emulation.reset_stats(), "reset_stats");
  {
    Receiver receiver(emulation, "b1");
    send(emulation, "a1", receiver, {1000, 200us, 92});
    const auto lost = 1000 - static_cast<int>(receiver.take(1000, kQuiet).size());
    check(lost >= 120 && lost <= 290, "20 % of 1000 lost, found " + std::to_string(lost));  // 6 deviations
    const auto stats = emulation.stats();
    check(stats && static_cast<int>(stats->lost + stats->queue_full) == lost, "the loss is counted");
  }
  Receiver back(emulation, "a1");
  send(emulation, "b1", back, {300, 200us, 92});
  check(back.take(300, kQuiet).size() == 300, "none lost the other way");
  spec.loss = 1;
  require(emulation.set_link("a1", "b1", spec), "set_link");
  check(answered(emulation, "a1", "b1", 3, 100ms) == 0, "100 % loss loses all");
}

void case_rate(Emulation& emulation) {
  LinkSpec spec = plain(5ms);
  spec.rate_bits_per_second = 1'000'000;
  require(emulation.set_link("a1", "b1", spec), "set_link");
  Receiver receiver(emulation, "b1");
  send(emulation, "a1", receiver, {50, Duration{0}, 1250});  // 10 ms each
  const auto arrivals = receiver.take(50, kQuiet);
  check(arrivals.size() == 50, "all 50 arrive");
  check(in_order(arrivals), "in order");
  if (arrivals.size() == 50) {
    const Duration took{arrivals.back().arrived_ns - arrivals.front().sent_ns};
    check(took > 480ms && took < 1500ms, "50 x 1250 B at 1 Mbit/s take 0.5 s, took " + text(took));
  }
}

void case_limit(Emulation& emulation) {
  LinkSpec spec = plain(200ms);
  spec.limit_packets = 50;
  require(emulation.set_link("a1", "b1", spec), "set_link");
  Receiver receiver(emulation, "b1");
  const Duration took = send(emulation, "a1", receiver, {200, Duration{0}, 92});
  const auto arrivals = receiver.take(200, kQuiet);
  if (took < 190ms) {
    check(arrivals.size() == 50, "a link of 50 packets holds 50, found " + std::to_string(arrivals.size()));
  } else {
    check(arrivals.size() >= 50 && arrivals.size() < 200, "a link of 50 packets drops");
  }
  // Its own limit (pitfall 32). Paced, so that the receiver's socket buffer does not decide; all are in flight at
  // once.
  require(emulation.set_link("a1", "b1", plain(600ms)), "set_link");
  send(emulation, "a1", receiver, {1500, 100us, 92});
  const auto all = receiver.take(1500, kQuiet).size();
  check(all == 1500, "the default limit holds 1500 packets at 600 ms, arrived " + std::to_string(all));
}

/// Packets that left before a change keep their due times, and none overtakes them.
void case_lowered_delay_is_fifo(Emulation& emulation) {
  require(emulation.set_link("a1", "b1", plain(300ms)), "set_link");
  Receiver receiver(emulation, "b1");
  const Duration took = send(emulation, "a1", receiver, {20, Duration{0}, 92});
  require(emulation.set_link("a1", "b1", plain(1ms)), "set_link");
  send(emulation, "a1", receiver, {20, Duration{0}, 92});  // these are numbered from 0 again
  const auto arrivals = receiver.take(40, kQuiet);
  check(arrivals.size() == 40, "all 40 arrive, of which " + std::to_string(arrivals.size()));
  if (arrivals.size() != 40 || took > 200ms) return;  // so slow a machine that the first ones had arrived
  const auto by_departure = [](const Arrival& a, const Arrival& b) { return a.sent_ns < b.sent_ns; };
  check(std::is_sorted(arrivals.begin(), arrivals.end(), by_departure), "none overtakes when the delay is lowered");
}

/// TCP's large writes must cross as packets of the MTU: else one place in the queue, and one loss, is 62 KB.
void case_segments(Emulation& emulation) {
  const TcpPair tcp(emulation);
  require(emulation.set_link("a1", "b1", plain(5s)), "set_link");
  tcp.write_bytes(13'000);  // fits the initial window of 10 segments
  std::uint64_t most = 0;
  for (int i = 0; i < 300 && most < 8; ++i) {
    const auto stats = emulation.stats();
    if (stats) most = std::max(most, stats->in_flight);
    pause_for(10ms);
  }
  check(most >= 8, "13 kB are at least 8 packets in flight, found " + std::to_string(most));
}

}  // namespace geocommit::conformance
