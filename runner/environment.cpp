#include "runner/environment.h"

#include <google/protobuf/stubs/common.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

namespace geocommit {
namespace {

std::string first_line_after(const char* file, const std::string& key) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const auto value = line.find_first_not_of(" \t:=", key.size());
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

std::string whole(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::string text;
  std::getline(stream, text);
  return text;
}

/// The commit that the tree is at now: HEAD of the source tree, without running git. Installed: what it was built from.
std::string commit() {
  if (const std::string built_from = whole(home() / "COMMIT"); !built_from.empty()) return built_from;
  const auto git = home() / ".git";
  std::string head = whole(git / "HEAD");
  if (head.rfind("ref: ", 0) != 0) return head;
  const std::string ref = head.substr(5);
  if (const std::string hash = whole(git / ref); !hash.empty()) return hash;
  std::ifstream packed(git / "packed-refs");
  for (std::string line; std::getline(packed, line);) {
    if (line.size() > 41 && line.substr(41) == ref) return line.substr(0, 40);
  }
  return "";
}

std::string load_average() {
  std::array<double, 3> load{};
  if (::getloadavg(load.data(), 3) != 3) return "";
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.2f %.2f %.2f", load[0], load[1], load[2]);
  return text.data();
}

nlohmann::json machine() {
  utsname name{};
  ::uname(&name);
  std::string os = first_line_after("/etc/os-release", "PRETTY_NAME");
  if (os.size() > 1 && os.front() == '"') os = os.substr(1, os.size() - 2);
  return {{"kernel", std::string(name.sysname) + " " + name.release + " " + name.version},
          {"architecture", name.machine},
          {"os", os},
          {"cpu", first_line_after("/proc/cpuinfo", "model name")},
          {"cpus", std::thread::hardware_concurrency()},
          {"memory_mib", ::sysconf(_SC_PHYS_PAGES) / 1024 * ::sysconf(_SC_PAGESIZE) / 1024},
          {"load_average", load_average()}};
}

}  // namespace

std::filesystem::path home() {
  if (const char* given = std::getenv("GEOCOMMIT_HOME"); given != nullptr && *given != '\0') return given;
  return GEOCOMMIT_SOURCE_DIR;
}

std::string version_line() {
  const std::string hash = commit();
  return std::string("geocommit ") + GEOCOMMIT_VERSION + (hash.empty() ? "" : " (commit " + hash.substr(0, 12) + ")");
}

std::string wall_clock(bool for_name) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), for_name ? "%Y%m%d-%H%M%S" : "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

std::string environment_json(const EnvironmentFacts& facts) {
  int major = 0;
  int minor = 0;
  int patch = 0;
  ::zmq_version(&major, &minor, &patch);
  nlohmann::json out;
  out["schema"] = "geocommit/environment/1";
  out["run_id"] = facts.run_id;
  out["started"] = facts.started;
  out["command_line"] = facts.command_line;
  out["version"] = GEOCOMMIT_VERSION;
  out["commit"] = commit();
  out["build"] = {{"compiler", "g++ " __VERSION__}, {"flags", GEOCOMMIT_FLAGS}};
  out["versions"] = {{"zeromq", std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch)},
                     {"protobuf", google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION)}};
  out["machine"] = machine();
  out["user"] = ::geteuid() == 0 ? "root" : "ordinary";
  if (facts.plan != nullptr) {
    // The first; `topologies` has all that a sweep goes through. `round_trips` are of all, one after the other.
    nlohmann::json topologies = nlohmann::json::array();
    for (const PlannedWan& wan : facts.plan->wans) {
      topologies.push_back({{"name", wan.topology.name()},
                            {"regions", wan.topology.regions()},
                            {"statistic", wan.topology.source().statistic},
                            {"date", wan.topology.source().date},
                            {"source", wan.topology.source().text}});
    }
    out["topology"] = topologies.front();
    if (topologies.size() > 1) out["topologies"] = topologies;
    const auto& points = facts.plan->experiment.points;
    const bool timed = std::any_of(points.begin(), points.end(), [](const SweepPoint& point) {
      return point.settings.durability.kind == DurabilityKind::fsync;
    });
    out["disk_forced_write_ms"] = timed ? nlohmann::json(to_ms(facts.plan->disk_force)) : nlohmann::json(nullptr);
  }
  if (facts.network != nullptr) {
    nlohmann::json emulation{{"backend", name_of(facts.network->kind())}, {"why", facts.network->why()}};
    if (facts.network->emulation() != nullptr) {
      for (const auto& [key, value] : facts.network->emulation()->describe()) emulation[key] = value;
    }
    out["emulation"] = emulation;
  }
  if (!facts.round_trips.empty()) {
    nlohmann::json pairs = nlohmann::json::array();
    for (const auto& [topology, measured] : facts.round_trips) {
      for (const ProbePair& pair : measured) {
        pairs.push_back({{"topology", topology},
                         {"a", pair.a},
                         {"b", pair.b},
                         {"configured_ms", to_ms(pair.configured)},
                         {"p50_ms", to_ms(pair.p50)},
                         {"p99_ms", to_ms(pair.p99)},
                         {"samples", pair.samples},
                         {"lost", pair.lost}});
      }
    }
    out["round_trips"] = pairs;
  }
  // A command line is any bytes.
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace geocommit
