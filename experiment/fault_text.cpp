// Faults in words: warnings, timelines, the file written back.
#include <algorithm>

#include "experiment/fault_file.h"

namespace geocommit {
namespace {

bool has_class(const Protocol& protocol, const Directory& directory, std::uint32_t bit) {
  if (bit == kShipClass) return protocol.ships_to_replicas && directory.placement() == Placement::replicated;
  for (unsigned kind = 0; kind < 256; ++kind) {
    const auto k = static_cast<std::uint8_t>(kind);
    if (protocol.kind_name(k) != "?" && bit == 1U << static_cast<unsigned>(protocol.kind_class(k))) return true;
  }
  return false;
}

bool has_point(const Protocol& protocol, const std::string& point) {
  return std::find(protocol.points.begin(), protocol.points.end(), point) != protocol.points.end();
}

std::string ordinal(std::uint32_t n) {
  const std::uint32_t tens = n % 100;
  const bool teen = tens >= 11 && tens <= 13;
  const char* end = teen || n % 10 > 3 || n % 10 == 0 ? "th" : n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : "rd";
  return "the " + std::to_string(n) + end;
}

}  // namespace

const std::vector<std::pair<std::string, std::uint32_t>>& message_classes() {
  static const std::vector<std::pair<std::string, std::uint32_t>> kClasses = [] {
    std::vector<std::pair<std::string, std::uint32_t>> out;
    for (const MessageClass one :
         {MessageClass::prepare, MessageClass::vote, MessageClass::precommit, MessageClass::decision, MessageClass::ack,
          MessageClass::inquiry, MessageClass::state}) {
      out.emplace_back(name_of(one), 1U << static_cast<unsigned>(one));
    }
    out.emplace_back("ship", kShipClass);
    return out;
  }();
  return kClasses;
}

std::string to_yaml(const std::vector<FaultEntry>& entries, std::uint64_t seed) {
  std::string out;
  for (const FaultEntry& entry : entries) {
    yaml::Node place = entry.place;
    if (entry.form == FaultForm::random && !entry.seed) {
      const auto value = yaml::parse(std::to_string(seed), "seed");
      if (const auto with = value ? place.with("seed", *value) : Result<yaml::Node>(Error{""}); with) place = *with;
    }
    out += "  - " + place.to_flow() + "\n";
  }
  return out;
}

std::vector<std::string> fault_warnings(const std::vector<FaultEntry>& entries, const std::vector<NamedFault>& faults,
                                        const FaultScene& scene) {
  const Protocol& protocol = *scene.protocol;
  const std::string name(protocol.name);
  std::vector<std::string> out;
  const Duration end = scene.warmup + scene.duration;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const FaultEntry& entry = entries[i];
    const std::string place = entry.place.file() + ":" + std::to_string(entry.place.line()) + ":" +
                              std::to_string(entry.place.column()) + ": ";
    if (!entry.on.empty() && !has_point(protocol, entry.on)) {
      out.push_back(place + name + " has no protocol point " + entry.on + ": this fault never begins there");
    }
    for (const auto& [word, bit] : message_classes()) {
      if ((entry.classes & bit) != 0 && !has_class(protocol, *scene.directory, bit)) {
        out.push_back(place + name + " has no messages of class " + word + ": nothing of it is dropped there");
      }
    }
    const bool moves = entry.form == FaultForm::transfer || entry.form == FaultForm::failover;
    if (moves && !protocol.ships_to_replicas) {
      out.push_back(place + name + " has no home regions: nothing is moved there");
    }
    if (entry.at >= end) {
      out.push_back(place + "it begins at " + yaml::format_duration(entry.at) + ", the load ends at " +
                    yaml::format_duration(end) + " (warm-up included): it never happens");
      continue;
    }
    for (const NamedFault& fault : faults) {
      const Fault& first = fault.first();
      if (fault.entry != i || !first.on.empty() || first.length == kForever || first.at + first.length <= end) continue;
      out.push_back(place + describe(fault) + " heals at " + yaml::format_duration(first.at + first.length) +
                    ", after the load's end at " + yaml::format_duration(end));
      break;
    }
  }
  return out;
}

FaultPlan plan_of(const std::vector<NamedFault>& faults) {
  FaultPlan out;
  for (const NamedFault& fault : faults) out.insert(out.end(), fault.parts.begin(), fault.parts.end());
  return out;
}

std::string describe(const NamedFault& fault) {
  std::string out = fault.kind + " " + fault.target;
  const Fault& first = fault.first();
  if (first.kind == FaultKind::crash && first.tail != Tail::kept) out += " (loses what was not synced)";
  if (first.kind == FaultKind::clock_step) {
    out += first.extra < Duration{0} ? " (-" + yaml::format_duration(-first.extra) + ")"
                                     : " (+" + yaml::format_duration(first.extra) + ")";
  }
  return out;
}

std::string describe_time(const NamedFault& fault, const Directory& directory) {
  const Fault& first = fault.first();
  const bool forever = first.length == kForever;
  if (first.on.empty()) {
    const std::string begin = yaml::format_duration(first.at);
    if (first.length == Duration{0}) return "at " + begin;
    return forever ? "from " + begin + " on" : begin + " - " + yaml::format_duration(first.at + first.length);
  }
  const NodeInfo* node = directory.find(trigger_of(first));
  std::string out = "on " + first.on + " of " + (node != nullptr ? node->name : "?") + ", " +
                    (first.occurrence == 0 ? "every one" : ordinal(first.occurrence));
  if (first.since > Duration{0}) out += " from " + yaml::format_duration(first.since);
  if (first.length == Duration{0}) return out;
  return out + (forever ? ", for ever" : ", for " + yaml::format_duration(first.length));
}

}  // namespace geocommit
