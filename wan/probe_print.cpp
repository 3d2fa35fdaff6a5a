// What `geocommit probe` and `geocommit topology` print.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "wan/probe.h"

namespace geocommit {
namespace {

template <class... Arguments>
void print(std::string& out, const char* format, Arguments... arguments) {
  char line[512];
  std::snprintf(line, sizeof line, format, arguments...);
  out += line;
}

}  // namespace

std::string print_probe(const ProbeReport& report) {
  std::string out;
  print(out, "%s over %s (%s)\n", report.topology.c_str(), report.backend.c_str(), report.why.c_str());
  int width = 8;
  for (const auto& pair : report.pairs) width = std::max(width, static_cast<int>(pair.a.size() + pair.b.size()) + 3);
  print(out, "%-*s %12s %12s %12s %12s %12s %8s %6s\n", width, "RTT in ms", "configured", "p50", "p99", "p50 error",
        "p99 error", "samples", "lost");
  for (const auto& pair : report.pairs) {
    print(out, "%-*s %12.3f %12.3f %12.3f %+12.3f %+12.3f %8zu %6zu\n", width, (pair.a + " - " + pair.b).c_str(),
          to_ms(pair.configured), to_ms(pair.p50), to_ms(pair.p99), to_ms(pair.p50 - pair.configured),
          to_ms(pair.p99 - pair.configured), pair.samples, pair.lost);
  }
  print(out, "the same machine at the same time without the WAN: p50 %.3f ms, p99 %.3f ms\n", to_ms(report.bare_p50),
        to_ms(report.bare_p99));
  if (report.load_per_second > 0) print(out, "other packets across the router: %.0f/s\n", report.load_per_second);
  if (report.stats.has_lateness) {
    print(out, "router lateness in us: p50 %.0f, p99 %.0f, max %.0f, over %llu packets\n", report.stats.lateness_p50_us,
          report.stats.lateness_p99_us, report.stats.lateness_max_us,
          static_cast<unsigned long long>(report.stats.packets));
  }
  for (const auto& [key, value] : report.environment) print(out, "  %s: %s\n", key.c_str(), value.c_str());
  const auto worst = worst_error(report);
  const auto bounds = probe_bounds(report);
  print(out, "worst error: p50 %.3f ms (bound %.2f), p99 %.3f ms (bound %.2f): %s\n", to_ms(worst.p50),
        to_ms(bounds.p50), to_ms(worst.p99), to_ms(bounds.p99),
        worst.p50 <= bounds.p50 && worst.p99 <= bounds.p99 ? "within bounds" : "OUT OF BOUNDS");
  return out;
}

std::string probe_json(const ProbeReport& report) {
  nlohmann::ordered_json json;
  json["schema"] = "geocommit/probe/1";
  json["topology"] = report.topology;
  json["emulation"] = report.backend;
  json["why"] = report.why;
  json["pairs"] = nlohmann::ordered_json::array();
  for (const auto& pair : report.pairs) {
    json["pairs"].push_back({{"a", pair.a},
                             {"b", pair.b},
                             {"configured_ms", to_ms(pair.configured)},
                             {"p50_ms", to_ms(pair.p50)},
                             {"p99_ms", to_ms(pair.p99)},
                             {"p50_error_ms", to_ms(pair.p50 - pair.configured)},
                             {"p99_error_ms", to_ms(pair.p99 - pair.configured)},
                             {"samples", pair.samples},
                             {"lost", pair.lost}});
  }
  json["bare_ms"] = {{"p50", to_ms(report.bare_p50)}, {"p99", to_ms(report.bare_p99)}};
  json["load_per_second"] = report.load_per_second;
  json["router"] = {{"packets", report.stats.packets},
                    {"lateness_p50_us", report.stats.lateness_p50_us},
                    {"lateness_p99_us", report.stats.lateness_p99_us},
                    {"lateness_max_us", report.stats.lateness_max_us}};
  json["environment"] = report.environment;
  const auto worst = worst_error(report);
  json["worst_error_ms"] = {{"p50", to_ms(worst.p50)}, {"p99", to_ms(worst.p99)}};
  return json.dump(2) + "\n";
}

int run_probe(const ProbeOptions& options) {
  const auto report = probe(options);
  if (!report) {
    std::fprintf(stderr, "error: %s\n", report.error().message.c_str());
    return 1;
  }
  std::fputs((options.json ? probe_json(*report) : print_probe(*report)).c_str(), stdout);
  if (!options.check) return 0;
  const auto worst = worst_error(*report);
  const auto bounds = probe_bounds(*report);
  return worst.p50 <= bounds.p50 && worst.p99 <= bounds.p99 ? 0 : 1;
}

int run_topology(const std::string& name_or_path) {
  const auto topology = load_topology(name_or_path);
  if (!topology) {
    std::fprintf(stderr, "error: %s\n", topology.error().message.c_str());
    return 1;
  }
  std::fputs(topology->print_matrix().c_str(), stdout);
  return 0;
}

}  // namespace geocommit
