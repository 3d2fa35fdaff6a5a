#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "sim/explore/breadth_first.h"
#include "sim/explore/kept_trace.h"
#include "sim/explore/shipping/model.h"

namespace geocommit::explore {
namespace {

using shipping::World;

struct Setting {
  std::string_view name;
  std::uint32_t ShippingOptions::*value;
};
constexpr Setting kSettings[] = {
    {"writes", &ShippingOptions::writes},
    {"replicas", &ShippingOptions::replicas},
    {"crashes", &ShippingOptions::crashes},
    {"duplicates", &ShippingOptions::duplicates},
    {"drops", &ShippingOptions::drops},
    {"late-rounds", &ShippingOptions::late_rounds},
    {"checkpoint-records", &ShippingOptions::checkpoint_records},
};

std::string bounds_of(const ShippingOptions& options) {
  std::string text;
  for (const Setting& setting : kSettings) {
    text += " " + std::string(setting.name) + " " + std::to_string(options.*setting.value);
  }
  return text + " lost-tail " + (options.lost_tail ? "1" : "0");
}

bool parse_bounds(const std::string& line, ShippingOptions& options) {
  std::istringstream words(line);
  std::string word, value;
  for (words >> word; words >> word >> value;) {
    const auto number = static_cast<std::uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
    const auto* setting =
        std::find_if(std::begin(kSettings), std::end(kSettings), [&](const Setting& s) { return s.name == word; });
    if (word == "lost-tail") {
      options.lost_tail = number != 0;
    } else if (setting != std::end(kSettings)) {
      options.*(setting->value) = number;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

ShippingReport explore_shipping(const ShippingOptions& options, const Stop& stop) {
  World world(options);
  return BreadthFirst<World>(world, options.limits, stop).run();
}

Replayed replay_shipping(const ShippingOptions& options, const std::vector<std::string>& steps) {
  World world(options);
  return replay_in(world, steps);
}

std::string golden_shipping_trace(const ShippingOptions& options, const ShippingReport& report) {
  return "# " + report.violation + "\nexplore-shipping" + bounds_of(options) + "\n" + report.transcript;
}

GoldenResult run_golden_shipping_trace(const std::string& file) {
  ShippingOptions options;
  return run_kept_trace(
      file, "explore-shipping", [&](const std::string& line) { return parse_bounds(line, options); },
      [&](const std::vector<std::string>& steps) { return replay_shipping(options, steps); });
}

int run_explore_shipping(const ShippingOptions& options, const Host& host) {
  return run_plain(
      {"exploring home-region's shipping:" + bounds_of(options), options.limits,
       [&](const Stop& stop) { return explore_shipping(options, stop); }, "home-region-shipping-violation.explored",
       [&](const ShippingReport& report) { return golden_shipping_trace(options, report); }},
      host);
}

}  // namespace geocommit::explore
