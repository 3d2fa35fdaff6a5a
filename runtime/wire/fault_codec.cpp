#include "runtime/wire/fault_codec.h"

#include <algorithm>

#include "runtime/wire/control_codec.h"
#include "runtime/wire/convert.h"

namespace geocommit {
namespace {

constexpr int kNodesMax = 10'000;
constexpr std::int64_t kForeverOnWire = -1;

Instant instant(std::int64_t ns) { return Instant{Duration{ns}}; }

}  // namespace

void write_order(const FaultOrder& order, wire::FaultOrder& out) {
  out.set_id(order.id);
  out.set_kind(static_cast<std::uint32_t>(order.kind));
  out.set_on(order.on);
  out.set_occurrence(order.occurrence);
  out.set_length_ns(order.length == kForever ? kForeverOnWire : order.length.count());
  for (const NodeId node : order.to) {
    out.add_to(node.value);
  }
  out.set_probability(order.probability);
  out.set_classes(order.classes);
  out.set_seed(order.seed);
  out.set_extra_ns(order.extra.count());
  out.set_listener(order.listener);
  out.set_by_runner(order.by_runner);
}

Result<FaultOrder> read_order(const wire::FaultOrder& in) {
  FaultOrder out;
  out.id = in.id();
  if (in.id() == 0) {
    return Error{"a fault order without an id"};
  }
  if (in.kind() > static_cast<std::uint32_t>(FaultKind::failover)) {
    return Error{"a fault of an unknown kind"};
  }
  out.kind = static_cast<FaultKind>(in.kind());
  out.on = in.on();
  out.occurrence = in.occurrence();
  if (in.length_ns() < kForeverOnWire || !(in.probability() >= 0.0 && in.probability() <= 1.0) ||
      in.to_size() > kNodesMax) {
    return Error{"a fault order with an impossible length, probability or list of nodes"};
  }
  out.length = in.length_ns() == kForeverOnWire ? kForever : Duration{in.length_ns()};
  for (const std::uint32_t node : in.to()) {
    out.to.push_back(NodeId{node});
  }
  out.probability = in.probability();
  out.classes = in.classes();
  out.seed = in.seed();
  out.extra = Duration{in.extra_ns()};
  out.listener = in.listener();
  out.by_runner = in.by_runner();
  return out;
}

void write_fired(const FiredFault& fired, wire::FiredFault& out) {
  out.set_id(fired.id);
  out.set_kind(static_cast<std::uint32_t>(fired.kind));
  out.set_occurrence(fired.occurrence);
  write_txn(fired.txn, *out.mutable_txn());
  out.set_wall_ns(fired.wall_ns);
  out.set_at_ns(fired.at.time_since_epoch().count());
  out.set_ended_ns(fired.ended.time_since_epoch().count());
  out.set_heard(fired.heard);
}

FiredFault read_fired(const wire::FiredFault& in) {
  FiredFault out;
  out.id = in.id();
  out.kind = static_cast<FaultKind>(std::min(in.kind(), static_cast<std::uint32_t>(FaultKind::failover)));
  out.occurrence = in.occurrence();
  out.txn = read_txn(in.txn());
  out.wall_ns = in.wall_ns();
  out.at = instant(in.at_ns());
  out.ended = instant(in.ended_ns());
  out.heard = in.heard();
  return out;
}

std::string encode_fault_report(const FaultReport& report, std::uint64_t sequence) {
  wire::FaultReport out;
  out.set_version(kControlVersion);
  out.set_sequence(sequence);
  out.set_node(report.node.value);
  out.set_ended(report.ended);
  write_fired(report.fault, *out.mutable_fault());
  return out.SerializeAsString();
}

Result<FaultReport> decode_fault_report(std::string_view bytes, std::uint64_t& sequence) {
  wire::FaultReport in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || in.version() != kControlVersion) {
    return Error{"not a fault report of this version"};
  }
  sequence = in.sequence();
  return FaultReport{NodeId{in.node()}, in.ended(), read_fired(in.fault())};
}

std::string encode_fault_answer(std::uint64_t sequence) {
  wire::FaultAnswer out;
  out.set_sequence(sequence);
  return out.SerializeAsString();
}

std::uint64_t decode_fault_answer(std::string_view bytes) {
  wire::FaultAnswer in;
  return in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ? in.sequence() : 0;
}

}  // namespace geocommit
