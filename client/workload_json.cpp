#include "client/workload_json.h"

#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace geocommit {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::pair<Arrival, std::string_view>, 3> kArrivals{
    {{Arrival::poisson, "poisson"}, {Arrival::fixed, "fixed"}, {Arrival::closed, "closed"}}};
constexpr std::array<std::pair<KeyDistribution, std::string_view>, 3> kKeys{{{KeyDistribution::uniform, "uniform"},
                                                                             {KeyDistribution::zipfian, "zipfian"},
                                                                             {KeyDistribution::hotspot, "hotspot"}}};

/// Reads one object's members; the first mistake is kept.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  void text(const char* key, std::string& out) {
    if (const Json* value = member(key, "a text", [](const Json& j) { return j.is_string(); })) {
      out = value->get<std::string>();
    }
  }
  void real(const char* key, double& out, double low, double high) {
    if (const Json* value = member(key, "a number", [](const Json& j) { return j.is_number(); })) {
      out = value->get<double>();
      range(key, std::isfinite(out) && out >= low && out <= high);
    }
  }
  template <class Int>
  void whole(const char* key, Int& out, std::int64_t low, std::int64_t high) {
    const auto is_whole = [](const Json& j) { return j.is_number_integer(); };
    if (const Json* value = member(key, "a whole number", is_whole)) {
      const bool fits = !value->is_number_unsigned() ||
                        value->get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
      const std::int64_t read = fits ? value->get<std::int64_t>() : 0;
      range(key, fits && read >= low && read <= high);
      out = static_cast<Int>(read);
    }
  }
  template <class Enum, std::size_t N>
  void choice(const char* key, Enum& out, const std::array<std::pair<Enum, std::string_view>, N>& names) {
    std::string name;
    text(key, name);
    for (const auto& [value, spelled] : names) {
      if (name == spelled) {
        out = value;
        return;
      }
    }
    range(key, false);
  }
  [[nodiscard]] Result<void> end() {
    if (problem_.empty() && object_.size() != seen_) {
      problem_ = "a key too many";
    }
    return problem_.empty() ? Result<void>{} : Result<void>{Error{"workload: " + problem_}};
  }

 private:
  template <class Is>
  const Json* member(const char* key, const char* expected, Is is) {
    const auto found = object_.find(key);
    if (found == object_.end() || !is(*found)) {
      complain(std::string(key) + ": expected " + expected);
      return nullptr;
    }
    ++seen_;
    return &*found;
  }
  void range(const char* key, bool ok) {
    if (!ok) {
      complain(std::string(key) + ": a value that cannot be");
    }
  }
  void complain(std::string what) {
    if (problem_.empty()) {
      problem_ = std::move(what);
    }
  }
  const Json& object_;
  std::size_t seen_{};
  std::string problem_;
};

template <class Enum, std::size_t N>
std::string name_in(Enum value, const std::array<std::pair<Enum, std::string_view>, N>& names) {
  for (const auto& [candidate, spelled] : names) {
    if (candidate == value) {
      return std::string(spelled);
    }
  }
  return "?";
}

}  // namespace

std::string to_json(const WorkloadSpec& spec) {
  return Json{{"kind", spec.kind},
              {"participants", spec.participants},
              {"arrival", name_in(spec.arrival, kArrivals)},
              {"rate_per_s", spec.rate_per_s},
              {"clients", spec.clients},
              {"keys", name_in(spec.keys, kKeys)},
              {"zipf_theta", spec.zipf_theta},
              {"hot_keys", spec.hot_keys},
              {"hot_share", spec.hot_share},
              {"local", spec.local},
              {"reads", spec.reads},
              {"amount_max", spec.amount_max},
              {"outstanding_max", spec.outstanding_max}}
      .dump();
}

Result<WorkloadSpec> parse_workload(const std::string& json) {
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) {
    return Error{"workload: expected a JSON object"};
  }
  WorkloadSpec spec;
  Reader reader(root);
  reader.text("kind", spec.kind);
  reader.whole("participants", spec.participants, 1, 1024);
  reader.choice("arrival", spec.arrival, kArrivals);
  reader.real("rate_per_s", spec.rate_per_s, 1e-6, 1e9);
  reader.whole("clients", spec.clients, 1, 1'000'000);
  reader.choice("keys", spec.keys, kKeys);
  reader.real("zipf_theta", spec.zipf_theta, 1e-6, 10);
  reader.real("hot_keys", spec.hot_keys, 0, 1);
  reader.real("hot_share", spec.hot_share, 0, 1);
  reader.real("local", spec.local, 0, 1);
  reader.real("reads", spec.reads, 0, 1);
  reader.whole("amount_max", spec.amount_max, 1, std::int64_t{1} << 40U);
  reader.whole("outstanding_max", spec.outstanding_max, 1, 10'000'000);
  if (auto ok = reader.end(); !ok) {
    return ok.error();
  }
  if (spec.kind != "transfer") {
    return Error{"workload: kind: expected 'transfer'"};
  }
  return spec;
}

}  // namespace geocommit
