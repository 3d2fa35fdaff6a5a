#include "report/results_faults.h"

#include <cmath>

#include "report/rounding.h"

namespace geocommit {
namespace {

using Json = nlohmann::ordered_json;

double seconds(Duration duration) { return six_decimals(to_seconds(duration)); }
Json seconds(const std::optional<Duration>& duration) { return duration ? Json(seconds(*duration)) : Json(nullptr); }
Json share(const std::optional<double>& value) { return value ? Json(six_decimals(*value)) : Json(nullptr); }

Json figures_json(const PhaseFigures& p) {
  return {{"offered", p.offered},
          {"committed", p.committed},
          {"aborted", p.aborted},
          {"unknown", p.unknown},
          {"availability", share(p.availability)}};
}

Json phase_json(const PhaseSummary& p) {
  Json out{{"seconds", seconds(p.time)}};
  out.update(figures_json(p));
  out["goodput_per_s"] = three_decimals(p.goodput_per_s);
  const bool any = p.commits.count > 0;
  out["client_latency_ms"] = {{"count", p.commits.count},
                              {"percentiles_are_lower_bounds", p.unknown > 0},
                              {"p50", any ? Json(rounded_ms(p.commits.p50)) : Json(nullptr)},
                              {"p99", any ? Json(rounded_ms(p.commits.p99)) : Json(nullptr)},
                              {"max", any ? Json(rounded_ms(p.commits.max)) : Json(nullptr)}};
  Json regions = Json::object();
  for (const auto& [name, figures] : p.by_region) regions[name] = figures_json(figures);
  out["by_region"] = regions;
  return out;
}

}  // namespace

Json faults_json(const CellResult& result, const Directory& directory) {
  Json out = Json::array();
  for (const FaultRecord& record : result.faults) {
    const Fault& fault = record.fault.first();
    const bool forever = fault.length == kForever;
    Json one{{"kind", record.fault.kind}, {"target", record.fault.target}, {"entry", record.fault.entry + 1}};
    one["when"] = describe_time(record.fault, directory);
    if (fault.on.empty()) {
      one["planned_s"] = {{"begin", seconds(fault.at)},
                          {"end", forever ? Json(nullptr) : Json(seconds(fault.at + fault.length))}};
    } else {
      one["planned_s"] = nullptr;
      const NodeInfo* node = directory.find(trigger_of(fault));
      one["point"] = {{"event", fault.on},
                      {"node", node != nullptr ? node->name : ""},
                      {"occurrence", fault.occurrence == 0 ? Json("every") : Json(fault.occurrence)},
                      {"since_s", seconds(fault.since)}};
    }
    one["length_s"] = forever ? Json(nullptr) : Json(seconds(fault.length));
    one["triggered"] = record.times.size();
    Json times = Json::array();
    for (const FaultTimes& time : record.times) {
      times.push_back(
          {{"begin_s", seconds(time.begin)}, {"end_s", seconds(time.end)}, {"ready_s", seconds(time.ready)}});
    }
    one["times"] = times;
    one["problem"] = record.problem.empty() ? Json(nullptr) : Json(record.problem);
    out.push_back(std::move(one));
  }
  return out;
}

Json phases_json(const std::optional<FaultPhases>& phases) {
  if (!phases) return nullptr;
  return {{"before", phase_json(phases->before)},
          {"during", phase_json(phases->during)},
          {"after", phase_json(phases->after)},
          {"healed_s", seconds(phases->healed)},
          {"normal_after_s", seconds(phases->normal_after)}};
}

}  // namespace geocommit
