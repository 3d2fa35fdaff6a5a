#include "sim/program/fault_records.h"

#include <algorithm>
#include <utility>

namespace geocommit::sim {

std::vector<FaultRecord> fault_records(const Plan& plan, const Cell& cell, const World& world) {
  std::vector<std::vector<FaultSpan>> spans(world.spec().faults.size());  // By fault of the world's plan.
  for (const FaultSpan& span : world.fault_spans()) {
    spans[span.fault].push_back(span);
  }
  std::vector<FaultRecord> records;
  std::size_t first = 0;
  for (NamedFault& named : plan.faults(cell)) {
    const std::size_t parts = named.parts.size();
    const bool crash = named.first().kind == FaultKind::crash;
    FaultRecord record{std::move(named), {}, ""};
    for (std::size_t i = 0; i < spans[first].size(); ++i) {
      FaultTimes times{spans[first][i].began, spans[first][i].ended, std::nullopt, spans[first][i].felt};
      for (std::size_t part = first + 1; part < first + parts; ++part) {  // They begin and end together.
        if (i < spans[part].size() && (!spans[part][i].ended || !times.end || *spans[part][i].ended > *times.end)) {
          times.end = spans[part][i].ended;
          times.felt = spans[part][i].felt;
        }
      }
      times.ready = crash ? times.end : std::nullopt;  // Recovery takes no virtual time.
      record.times.push_back(times);
    }
    first += parts;
    records.push_back(std::move(record));
  }
  return records;
}

std::vector<std::string> active_since(const std::vector<FaultRecord>& records, Duration before) {
  std::vector<std::string> out;
  for (const FaultRecord& record : records) {
    if (!record.times.empty() && (!record.times.back().end || *record.times.back().end >= before)) {
      out.push_back(describe(record.fault));
    }
  }
  return out;
}

bool killed_nodes(const std::vector<FaultRecord>& records) {
  return std::any_of(records.begin(), records.end(), [](const FaultRecord& record) {
    const FaultKind kind = record.fault.first().kind;
    return !record.times.empty() &&
           (kind == FaultKind::crash || kind == FaultKind::disk_fail_sync || kind == FaultKind::disk_full);
  });
}

}  // namespace geocommit::sim
