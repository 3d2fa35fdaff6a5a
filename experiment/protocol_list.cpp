#include "experiment/protocol_list.h"

#include <cstdlib>

#include "config/strict_yaml.h"
#include "os/console.h"
#include "protocols/registry.h"

namespace geocommit {
namespace {

std::string_view text_of(Guarantee guarantee) {
  switch (guarantee) {
    case Guarantee::atomic:
      return "atomic";
    case Guarantee::compensated:
      return "compensated";
  }
  GC_CHECK(false);
}

std::string_view text_of(CommitPoint point) {
  switch (point) {
    case CommitPoint::forced:
      return "irrevocable once its record is forced";
    case CommitPoint::sent:
      return "irrevocable once it is sent to every site";
    case CommitPoint::accepted:
      return "irrevocable once a majority of acceptors has accepted it";
  }
  GC_CHECK(false);
}

/// "N²+3N" from a cost's numbers for N = 3, 4 and 5: none grows faster than the square of N.
std::string in_terms_of_n(std::int64_t at_3, std::int64_t at_4, std::int64_t at_5) {
  // Of twice the cost, whose coefficients are whole: N (N - 1) / 2 is one, too.
  const std::int64_t square = at_5 - 2 * at_4 + at_3;
  const std::int64_t slope = 2 * (at_4 - at_3) - 7 * square;
  const std::int64_t rest = 2 * at_3 - 9 * square - 3 * slope;
  std::string out;
  const auto add = [&](std::int64_t twice, const std::string& power) {
    const bool whole = twice % 2 == 0;
    const std::string number = std::to_string(whole ? std::abs(twice) / 2 : std::abs(twice));
    if (twice != 0 || (out.empty() && power.empty())) {
      out += twice < 0 ? "-" : out.empty() ? "" : "+";
      out += (number == "1" && !power.empty() ? "" : number) + power + (whole ? "" : "/2");
    }
  };
  add(square, "N²");
  add(slope, "N");
  add(rest, "");
  return out;
}

std::string costs(const Protocol& p) {
  const auto cost = [&](auto member) {
    const auto at = [&](std::uint32_t n) { return std::int64_t{p.commit_cost(n).*member}; };
    return in_terms_of_n(at(3), at(4), at(5));
  };
  return cost(&CostRow::messages) + " messages, " + cost(&CostRow::forced_writes) + " forced writes, " +
         std::to_string(p.commit_cost(3).delays_to_decision) + " delays to the decision";
}

std::string in_full(const Protocol& p) {
  std::string out = std::string(p.name) + ": " + std::string(p.title) + "\n";
  out += "  source       " + std::string(p.source) + "\n";
  out += "  guarantee    " + std::string(text_of(p.guarantee)) + "\n";
  out += "  never splits under  " + std::string(p.safe_under.text()) + "\n";
  out += "  a commit is  " + std::string(text_of(p.commit_point)) + "\n";
  out += "  one commit, N participants  " + costs(p) + "\n";
  out += "  roles       ";
  for (const Role role : p.roles) out += " " + std::string(name_of(role));
  out += "\n";
  if (p.ships_to_replicas)
    out += "  replicated placement: writes go to the home region and are shipped outward in order\n";
  for (const OptionRow& option : p.options) {
    out += "  option " + std::string(option.name) + ": " + allowed_of(option) + " (" +
           text_of(option, option.standard) + ")  " + std::string(option.help) + "\n";
  }
  out += "  protocol points";
  for (const std::string_view point : p.points) out += " " + std::string(point);
  return out + "\n  more         protocols/" + std::string(p.folder) + "/README.md\n";
}

}  // namespace

Result<std::string> print_protocols(const std::string& name) {
  std::vector<std::string> names;
  for (const Protocol& p : all_protocols()) names.emplace_back(p.name);
  if (!name.empty()) {
    if (const Protocol* p = find_protocol(name)) return in_full(*p);
    return Error{"unknown protocol \"" + name + "\"" + yaml::did_you_mean_or_list(name, names)};
  }
  std::string out =
      left("protocol", 13) + left("guarantee", 12) + left("never splits under", 23) + "one commit, N participants\n";
  for (const Protocol& p : all_protocols()) {
    out += left(p.name, 13) + left(text_of(p.guarantee), 12) + left(p.safe_under.text(), 23) + costs(p) + "\n";
  }
  return out;
}

}  // namespace geocommit
