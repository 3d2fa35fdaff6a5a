#include "sim/program/twin.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "report/rounding.h"
#include "verdict/check.h"

namespace geocommit::sim {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMedianAllowed = 0.03, kTailAllowed = 0.10;
/// What a message's way through real processes takes, with some room; virtual time has nothing for it.
constexpr double kProcessingMost = 2.0;  // ms

/// A number at a path; nullopt: it is not there, or null.
std::optional<double> number_at(const Json& json, const std::string& path) {
  const Json::json_pointer at(path);
  return json.contains(at) && json[at].is_number() ? std::optional(json[at].get<double>()) : std::nullopt;
}

double share_of(std::uint64_t part, std::uint64_t all) {
  return all == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(all);
}

std::uint64_t known(const TransactionCounts& counts) { return counts.committed + counts.aborted_total(); }

/// Why a latency is further away than it may be, by what the run measured of itself.
std::string likely_reason(const Json& real, const TwinFigure& figure) {
  const double apart = *figure.measured - *figure.simulated;
  const auto explains = [&](const char* path) {
    const auto late = number_at(real, path);
    return late && *late > 0 && *late >= std::abs(apart) / 2;
  };
  if (real.contains("load") && real["load"].value("overloaded", false)) {
    return "saturation: more was offered than the run could do";
  }
  if (explains("/load/send_lateness_ms/p99")) {
    return "this machine was busy: requests were sent late";
  }
  if (explains("/router/lateness_ms/p99")) {
    return "a late router: packets left it after their time";
  }
  if (apart > 0 && apart <= kProcessingMost) {
    return "processing, which takes no time in the simulation";
  }
  if (apart > 0 && number_at(real, "/forced_write_ms").value_or(0) > 0) {
    return "a busy disk or processor: forced writes are simulated as all alike";
  }
  return "nothing that the run measured of itself explains it";
}

class Figures {
 public:
  explicit Figures(const Json& real) : real_(real) {}

  /// `key`: as summary.json has it, without its unit.
  void latency(const std::string& name, const std::string& key, const LatencySummary& simulated) {
    const std::string measured = "/" + key + "_ms";
    if (number_at(real_, measured + "/count").value_or(0) == 0 || simulated.count == 0) {
      return;
    }
    add({name + " p50, ms", number_at(real_, measured + "/p50"), number_at(real_, "/prediction_ms/" + key),
         rounded_ms(simulated.p50), kMedianAllowed});
    add({name + " p99, ms", number_at(real_, measured + "/p99"), {}, rounded_ms(simulated.p99), kTailAllowed});
  }
  void shown(const std::string& name, std::optional<double> measured, double simulated, bool is_whole) {
    if (measured.value_or(0) != 0 || simulated != 0) {
      add({name, measured, {}, simulated, 0, is_whole});
    }
  }
  [[nodiscard]] std::vector<TwinFigure> take() { return std::move(figures_); }

 private:
  void add(TwinFigure figure) {
    const auto residual = figure.residual();
    if (figure.allowed > 0 && residual && std::abs(*residual) > figure.allowed) {
      figure.unlike = likely_reason(real_, figure);
    }
    figures_.push_back(std::move(figure));
  }

  const Json& real_;
  std::vector<TwinFigure> figures_;
};

/// Each cause that either of them has.
void add_aborts(Figures& figures, const Json& real, const TransactionCounts& simulated) {
  const Json aborted = real.contains("transactions") ? real["transactions"].value("aborted", Json::object()) : Json();
  std::uint64_t all = real["transactions"].value("committed", std::uint64_t{0});
  std::map<std::string, std::uint64_t> causes;
  for (const auto& [cause, count] : aborted.items()) {
    causes[cause] = count.get<std::uint64_t>();
    all += causes[cause];
  }
  for (const auto& [cause, count] : simulated.aborted) {
    causes.emplace(cause, 0);
  }
  for (const auto& [cause, count] : causes) {
    const auto found = simulated.aborted.find(cause);
    figures.shown("aborted: " + cause + ", %", share_of(count, all),
                  share_of(found == simulated.aborted.end() ? 0 : found->second, known(simulated)), false);
  }
}

std::string text_of(const std::optional<double>& value, bool is_whole) {
  if (!value) {
    return "-";
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), is_whole || *value >= 1000 ? "%.0f" : "%.4g", *value);
  return text.data();
}

std::string row(const std::string& name, const std::string& measured, const std::string& theory,
                const std::string& simulated, const std::string& residual) {
  std::array<char, 128> text{};
  std::snprintf(text.data(), text.size(), "  %-30s %10s %10s %10s %10s", name.c_str(), measured.c_str(), theory.c_str(),
                simulated.c_str(), residual.c_str());
  return text.data();
}

}  // namespace

std::optional<double> TwinFigure::residual() const {
  if (!measured || !simulated || *simulated == 0) {
    return std::nullopt;
  }
  return *measured / *simulated - 1;
}

std::vector<TwinFigure> hold_against(const Json& real, const CellSummary& simulated) {
  Figures figures(real);
  figures.latency("commit latency", "commit_latency", simulated.commit_latency);
  figures.latency("at the client", "client_latency", simulated.client_latency);
  figures.latency("lock hold", "lock_hold", simulated.lock_hold);
  figures.latency("in doubt", "in_doubt", simulated.in_doubt);
  const auto whole = [](std::uint64_t value) { return static_cast<double>(value); };
  figures.shown(
      "blocked",
      number_at(real, "/blocking_ms/count").value_or(0) + number_at(real, "/blocking_ms/censored").value_or(0),
      whole(simulated.blocking.ended.count + simulated.blocking.censored), true);
  figures.shown("blocked for at most, ms", number_at(real, "/blocking_ms/max"), rounded_ms(simulated.blocking.all.max),
                false);
  figures.shown("split outcomes", number_at(real, "/violations/split_outcome"),
                whole(simulated.verdict.counts[static_cast<std::size_t>(ViolationClass::split_outcome)]), true);
  add_aborts(figures, real, simulated.transactions);
  if (simulated.availability) {
    const auto answered = number_at(real, "/availability");
    figures.shown("answered in time, %", answered ? std::optional(100 * *answered) : std::nullopt,
                  100 * six_decimals(*simulated.availability), false);
  }
  if (simulated.costs_per_commit) {
    figures.shown("messages a commit", number_at(real, "/costs_per_commit/messages"),
                  six_decimals(simulated.costs_per_commit->messages), false);
    figures.shown("forced writes a commit", number_at(real, "/costs_per_commit/forced_writes"),
                  six_decimals(simulated.costs_per_commit->forced_writes), false);
  }
  return figures.take();
}

std::string print(const std::vector<TwinFigure>& figures, bool only_apart) {
  std::string out;
  for (const TwinFigure& figure : figures) {
    if (only_apart && figure.unlike.empty()) {
      continue;
    }
    if (out.empty()) {
      out = row("", "measured", "theory", "simulated", "residual") + "\n";
    }
    std::string residual = "-";
    if (const auto apart = figure.residual()) {
      std::array<char, 32> text{};
      std::snprintf(text.data(), text.size(), "%+.1f %%", 100 * *apart);
      residual = text.data();
    }
    out += row(figure.name, text_of(figure.measured, figure.is_whole), text_of(figure.theory, false),
               text_of(figure.simulated, figure.is_whole), residual) +
           "\n";
    if (!figure.unlike.empty()) {
      out += "    apart: " + figure.unlike + "\n";
    }
  }
  return out;
}

Json to_json(const std::vector<TwinFigure>& figures) {
  const auto number = [](const std::optional<double>& value) { return value ? Json(six_decimals(*value)) : Json(); };
  Json list = Json::array();
  for (const TwinFigure& figure : figures) {
    list.push_back({{"name", figure.name},
                    {"measured", number(figure.measured)},
                    {"theory", number(figure.theory)},
                    {"simulated", number(figure.simulated)},
                    {"residual", number(figure.residual())},
                    {"apart", figure.unlike.empty() ? Json() : Json(figure.unlike)}});
  }
  return {{"figures", list}};
}

}  // namespace geocommit::sim
