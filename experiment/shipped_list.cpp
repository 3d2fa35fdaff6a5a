#include "experiment/shipped_list.h"

#include <algorithm>

#include "base/identifier.h"
#include "config/shipped.h"
#include "os/console.h"
#include "os/files.h"
#include "protocols/registry.h"
#include "report_assets.h"
#include "wan/topology.h"

namespace geocommit {
namespace {

constexpr std::string_view kStarterName = "name: experiment";

std::size_t widest(const std::vector<ShippedFile>& files) {
  std::size_t width = 0;
  for (const ShippedFile& file : files) width = std::max(width, file.name.size());
  return width;
}

std::string listed(const std::vector<ShippedFile>& files, std::size_t width) {
  std::string out;
  for (const ShippedFile& file : files) out += "  " + left(file.name, width) + file.about + "\n";
  return out;
}

/// How many regions, how far apart, and whose figures they are.
std::string about_topology(const ShippedFile& file) {
  const auto topology = load_topology(file.file.string());
  if (!topology) return file.about;
  Duration least = topology->largest_round_trip();
  for (const std::string& from : topology->regions()) {
    for (const std::string& to : topology->regions()) {
      const auto a = topology->find(from), b = topology->find(to);
      if (from < to && a && b) least = std::min(least, topology->link(*a, *b).delay + topology->link(*b, *a).delay);
    }
  }
  return std::to_string(topology->regions().size()) + " regions, round trips " + figure(to_ms(least)) + " to " +
         figure(to_ms(topology->largest_round_trip())) + " ms" +
         (topology->source().date.empty() ? "" : "; " + topology->source().date);
}

}  // namespace

std::string print_shipped() {
  const auto experiments = shipped_files(shipped_folders("experiments"));
  auto topologies = shipped_files(shipped_folders("topologies"));
  for (ShippedFile& file : topologies) file.about = about_topology(file);
  const std::size_t width = std::max(widest(experiments), widest(topologies)) + 2;
  std::string out = "Experiments: ./geocommit run NAME, or sim NAME in virtual time\n" + listed(experiments, width);
  out += "\nTopologies: topology: NAME in an experiment; ./geocommit topology NAME\n" + listed(topologies, width);
  out += "\nProtocols: protocols: [NAME, ...] in an experiment; ./geocommit protocols NAME\n";
  for (const Protocol& protocol : all_protocols()) {
    out += "  " + left(protocol.name, width) + std::string(protocol.title) + "\n";
  }
  return out;
}

std::string starter_experiment(const std::string& name) {
  std::string text(report_asset("starter"));
  const auto at = text.find(kStarterName);
  GC_CHECK(at != std::string::npos);
  return text.replace(at, kStarterName.size(), "name: " + left(name, kStarterName.size() - 6));
}

Result<std::filesystem::path> write_starter(const std::string& name) {
  if (!is_identifier(name)) return Error{"init " + name + ": expected " + kIdentifierWords};
  const std::filesystem::path file = name + ".yaml";
  std::error_code failure;
  if (std::filesystem::exists(std::filesystem::symlink_status(file, failure))) {
    return Error{file.string() + " is there already: remove it, or choose another name: ./geocommit init NAME"};
  }
  if (auto written = write_file(file, starter_experiment(name)); !written) return written.error();
  return file;
}

}  // namespace geocommit
