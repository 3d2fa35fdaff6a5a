// The control plane's codec: what a node says of itself, and what it is ordered, field by field.
#include <catch2/catch.hpp>

#include "runtime/wire/control_codec.h"
#include "runtime/wire/fault_codec.h"
#include "tests/runtime/fields.h"
#include "tests/runtime/samples.h"

namespace geocommit {
namespace {

EngineStatus engine_status() { return {Epoch{13}, true, 1, 2, 15, 3, 4, 5ns, 6, 7, 8, 14, 9, 10, 11, -12}; }

FiredFault fired() {
  return {3, FaultKind::drop, 4, samples::txn(), 1'700'000'000'000'000'000, Instant{5s}, Instant{6s}, true};
}

FaultOrder order() {
  return {7,   FaultKind::drop, "votes-collected", 2, true, 7s, {NodeId{1}, NodeId{1001}}, 0.25, 5, UINT64_MAX,
          -1h, "ipc:///x"};
}

/// Between them each of the three flags differs from each other one.
std::vector<NodeStatus> statuses() {
  NodeStatus full{NodeId{5}, "run", "cell", true, true, "peers", engine_status(), true, 21, 22,
                  23,        24,    25,     26,   2.5,  1.5,     {fired()}};
  NodeStatus idle = full, ready = full;
  idle.ready = idle.load_finished = false;
  ready.idle = ready.load_finished = false;
  return {full, idle, ready};
}

MetricSet metrics(std::uint64_t base) {
  MetricSet set;
  set.counter("messages", {{"class", "prepare"}, {"region", "eu"}}) = base + 1;
  set.gauge("locks", {{"node", "a"}}) = static_cast<double>(base) + 0.5;
  Histogram& histogram = set.histogram("latency", {{"outcome", "commit"}});
  histogram.record(2ms, base + 3);
  histogram.record(Duration{std::chrono::hours{10}}, base + 4);  // beyond what it can hold: clamped
  return set;
}

NodeReport report() {
  return {NodeId{6}, metrics(10), metrics(20), engine_status(), {{samples::descriptor(), 3s, 2s, {1s, 4, 5, 6}}},
          {-7, 8},   9ms};
}

NodeStatus round_trip(const NodeStatus& status) {
  wire::Status out;
  write_status(status, out);
  return read_status(out);
}

TEST_CASE("the samples of the control plane leave no field at its default, and no two alike") {
  CHECK(fields::text(fields::common_gaps(statuses(), "status")) == "");
  CHECK(fields::text(fields::gaps(report(), "report")) == "");
  CHECK(fields::text(fields::gaps(order(), "order")) == "");
  CHECK(fields::text(fields::gaps(FaultReport{NodeId{3}, true, fired()}, "fault report")) == "");
}

TEST_CASE("a status and a report survive the control plane, field by field") {
  for (const NodeStatus& status : statuses()) {
    CHECK(fields::same(round_trip(status), status));
  }
  wire::Report out;
  write_report(report(), out);
  const Result<NodeReport> got = read_report(out);
  REQUIRE(got.ok());
  CHECK(fields::same(got.value(), report()));
  out.mutable_live()->mutable_histograms(0)->add_count(1);
  CHECK_FALSE(read_report(out).ok());
  write_report(report(), out);
  out.mutable_in_doubt(0)->mutable_descriptor()->mutable_cohort()->add_node(9);
  CHECK_FALSE(read_report(out).ok());
}

TEST_CASE("an order and the report of its fault survive, field by field; impossible ones are refused") {
  wire::FaultOrder out;
  write_order(order(), out);
  REQUIRE(read_order(out).ok());
  CHECK(read_order(out).value() == order());
  FaultOrder endless = order();
  endless.length = kForever;
  write_order(endless, out);
  CHECK(read_order(out).value().length == kForever);
  const auto refused = [](auto change) {
    wire::FaultOrder wrong;
    write_order(order(), wrong);
    change(wrong);
    return !read_order(wrong).ok();
  };
  CHECK_FALSE(refused([](wire::FaultOrder&) {}));
  CHECK_FALSE(refused([](wire::FaultOrder& o) { o.set_kind(static_cast<std::uint32_t>(FaultKind::failover)); }));
  CHECK_FALSE(refused([](wire::FaultOrder& o) { o.set_probability(1.0); }));
  CHECK_FALSE(refused([](wire::FaultOrder& o) { o.set_probability(0.0); }));
  CHECK(refused([](wire::FaultOrder& o) { o.set_id(0); }));
  CHECK(refused([](wire::FaultOrder& o) { o.set_kind(static_cast<std::uint32_t>(FaultKind::failover) + 1); }));
  CHECK(refused([](wire::FaultOrder& o) { o.set_length_ns(-2); }));
  CHECK(refused([](wire::FaultOrder& o) { o.set_probability(1.01); }));
  CHECK(refused([](wire::FaultOrder& o) { o.set_probability(-0.01); }));
  CHECK(refused([](wire::FaultOrder& o) { o.mutable_to()->Resize(10'001, 1); }));

  const FaultReport report{NodeId{3}, true, fired()};
  std::uint64_t sequence = 0;
  const Result<FaultReport> got = decode_fault_report(encode_fault_report(report, 42), sequence);
  REQUIRE(got.ok());
  CHECK(sequence == 42);
  CHECK(fields::same(got.value(), report));
  CHECK(decode_fault_answer(encode_fault_answer(43)) == 43);
  CHECK(decode_fault_answer("\xff") == 0);
}

}  // namespace
}  // namespace geocommit
