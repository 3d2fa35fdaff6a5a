#include "experiment/quick.h"

#include <algorithm>

#include "config/yaml_values.h"
#include "experiment/sweep.h"

namespace geocommit {
namespace {

constexpr Duration kWarmup = 1s, kDuration = 5s;

}  // namespace

Quick quick(const Experiment& experiment, const std::vector<Override>& given) {
  Quick out;
  const auto free = [&](const std::string& key) {
    const auto same = [&](const Override& one) { return one.key == key; };
    const auto swept = [&](const auto& one) { return one.first == key; };
    return std::none_of(given.begin(), given.end(), same) &&
           std::none_of(experiment.sweep.begin(), experiment.sweep.end(), swept);
  };
  const auto replace = [&](const std::string& key, const std::string& value, const std::string& what) {
    out.overrides.push_back({key, value});
    out.what += (out.what.empty() ? "" : "; ") + what;
  };
  if (experiment.repetitions > 1 && free("repetitions")) {
    replace("repetitions", "1", "1 repetition instead of " + std::to_string(experiment.repetitions));
  }

  std::string sweep, fewer;
  for (const auto& [key, values] : experiment.sweep) {
    if (key == kScenario) continue;
    const bool cut = values.size() > 2;
    if (cut) {
      fewer += (fewer.empty() ? "" : "; ") + key + " " + values.front() + " and " + values.back() + ", 2 of " +
               std::to_string(values.size()) + " values";
    }
    sweep += (sweep.empty() ? "" : ", ") + key + ": [";
    for (std::size_t i = 0; i < values.size(); i += cut ? values.size() - 1 : 1) {
      sweep += (i == 0 ? "" : ", ") + values[i];
    }
    sweep += "]";
  }
  if (!fewer.empty() && free("sweep")) replace("sweep", "{" + sweep + "}", fewer);

  const bool faults = std::any_of(experiment.points.begin(), experiment.points.end(),
                                  [](const SweepPoint& point) { return !point.settings.faults.empty(); });
  const auto shorten = [&](const std::string& key, Duration now, Duration most) {
    if (faults || now <= most || !free(key)) return;
    const std::string shorter = yaml::format_duration(most);
    replace(key, shorter, key + " " + shorter + " instead of " + yaml::format_duration(now));
  };
  const Settings& settings = experiment.points.front().settings;
  shorten("warmup", settings.warmup, kWarmup);
  shorten("duration", settings.duration, kDuration);
  out.what = out.what.empty() ? "there is nothing to leave out" : out.what + "; figures are rougher";
  return out;
}

}  // namespace geocommit
