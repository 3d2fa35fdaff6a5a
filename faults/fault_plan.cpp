#include "faults/fault_plan.h"

#include <string_view>

namespace geocommit {
namespace {

std::string milliseconds(Duration d) {
  const std::int64_t us = d.count() / 1000;
  std::string fraction = std::to_string(us % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  return std::to_string(us / 1000) + "." + fraction + "ms";
}

std::string names(const std::vector<NodeId>& nodes, const Directory& directory) {
  std::string out;
  for (const NodeId id : nodes) {
    const NodeInfo* info = directory.find(id);
    out += (out.empty() ? "" : ",") + (info != nullptr ? info->name : std::to_string(id.value));
  }
  return "[" + out + "]";
}

std::string_view name_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::crash:
      return "crash";
    case FaultKind::pause:
      return "pause";
    case FaultKind::disk_stall:
      return "disk stall";
    case FaultKind::disk_fail_sync:
      return "disk fails a sync";
    case FaultKind::disk_full:
      return "disk full";
    case FaultKind::clock_step:
      return "wall clock stepped";
    case FaultKind::cut:
      return "cut";
    case FaultKind::drop:
      return "drop";
    case FaultKind::duplicate:
      return "duplicate";
    case FaultKind::reorder:
      return "reorder";
    case FaultKind::link:
      return "link";
    case FaultKind::transfer:
      return "transfer";
    case FaultKind::failover:
      return "failover";
  }
  return "?";
}

std::string_view name_of(Tail tail) {
  switch (tail) {
    case Tail::kept:
      return "kept";
    case Tail::lost:
      return "lost";
    case Tail::torn:
      return "torn";
  }
  return "?";
}

}  // namespace

std::optional<Failure> failure_of(const Fault& fault, Failure crash) {
  switch (fault.kind) {
    case FaultKind::crash:
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full:
      return crash;
    case FaultKind::duplicate:
    case FaultKind::clock_step:
    case FaultKind::transfer:
    case FaultKind::failover:
      return std::nullopt;
    case FaultKind::pause:
    case FaultKind::disk_stall:
    case FaultKind::cut:
    case FaultKind::drop:
    case FaultKind::reorder:
    case FaultKind::link:
      return Failure::partition;
  }
  return Failure::partition;
}

std::string describe(const Fault& fault, const Directory& directory) {
  std::string out = fault.on.empty() ? "at " + milliseconds(fault.at)
                                     : "on " + fault.on + " #" + std::to_string(fault.occurrence) + " at " +
                                           names({fault.node}, directory);
  out += fault.length == kForever ? " until healed: " : " for " + milliseconds(fault.length) + ": ";
  out += name_of(fault.kind);
  switch (fault.kind) {
    case FaultKind::crash:
      return out + " " + names({fault.node}, directory) + " (tail " + std::string(name_of(fault.tail)) + ")";
    case FaultKind::pause:
    case FaultKind::disk_stall:
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full:
    case FaultKind::clock_step:
      return out + " " + names({fault.node}, directory);
    case FaultKind::transfer:
    case FaultKind::failover:
      return out + " of home " + directory.regions().at(fault.home.value) + " to " +
             directory.regions().at(fault.successor.value);
    case FaultKind::cut:
    case FaultKind::drop:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::link:
      break;
  }
  out += " " + names(fault.from, directory) + (fault.both_ways ? " <-> " : " -> ") + names(fault.to, directory);
  if (fault.probability < 1.0) {
    out += " of 1000 messages " + std::to_string(static_cast<int>(fault.probability * 1000));
  }
  if (fault.extra > Duration::zero()) {
    out += " by " + milliseconds(fault.extra);
  }
  if (fault.classes != 0) {
    out += " classes";
    for (std::uint32_t bit = 0; bit < 32; ++bit) {
      out += (fault.classes >> bit & 1U) != 0 ? " " + std::to_string(bit) : "";
    }
  }
  return out;
}

}  // namespace geocommit
