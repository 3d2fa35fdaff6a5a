#include "report/validity.h"

#include <algorithm>

#include "os/console.h"

namespace geocommit {
namespace {

/// Latency counts from the intended start, so that a late client adds to it: no more than theory is compared to.
constexpr double kSendLatenessShare = 0.05;  // of the client latency at the same percentile
constexpr Duration kSendLatenessLeast = 1ms;

}  // namespace

std::vector<std::string> against_emulation(const RouterStats& stats) {
  std::vector<std::string> out;
  if (stats.has_lateness && stats.lateness_p99_us > kLatenessBoundUs) {
    out.push_back("the router delivered late: p99 " + figure(stats.lateness_p99_us / 1000) +
                  " ms past the configured delay, the bound is " + figure(kLatenessBoundUs / 1000) +
                  " ms (the machine is short of CPU)");
  }
  if (stats.queue_full > 0) {
    out.push_back(std::to_string(stats.queue_full) + " packets were dropped because a queue of the emulation was full");
  }
  return out;
}

std::vector<std::string> against_load(const CellSummary& summary) {
  std::vector<std::string> out;
  if (summary.load.overloaded) {
    out.push_back("overloaded: offered " + figure(summary.load.offered_per_s) + "/s, done " +
                  figure(summary.load.done_per_s) + "/s" +
                  (summary.transactions.shed > 0 ? ", " + std::to_string(summary.transactions.shed) + " shed" : ""));
  }
  struct Percentile {
    const char* name;
    Duration late, latency;
  };
  const LatencySummary& late = summary.send_lateness;
  const LatencySummary& latency = summary.client_latency;
  for (const Percentile& one : {Percentile{"p50", late.p50, latency.p50}, Percentile{"p99", late.p99, latency.p99}}) {
    const Duration bound = std::max(kSendLatenessLeast, from_ms(kSendLatenessShare * to_ms(one.latency)));
    if (one.late <= bound) continue;
    out.push_back("the load generator sent late: " + std::string(one.name) + " " + figure(to_ms(one.late)) +
                  " ms after the intended start, the bound is " + figure(to_ms(bound)) +
                  " ms (the machine is short of CPU)");
    break;
  }
  return out;
}

std::optional<Duration> first_fault(const std::vector<FaultRecord>& faults) {
  std::optional<Duration> first;
  for (const FaultRecord& record : faults) {
    for (const FaultTimes& time : record.times) first = std::min(first.value_or(time.begin), time.begin);
  }
  return first;
}

}  // namespace geocommit
