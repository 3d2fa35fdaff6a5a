#include "experiment/protocol_list.h"

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
  }
  GC_CHECK(false);
}

/// "4N" from the table's numbers for n = 3 and n = 4: every cost is linear in N.
std::string linear(std::uint32_t at_3, std::uint32_t at_4) {
  const std::uint32_t slope = at_4 - at_3;
  const std::int64_t rest = std::int64_t{at_3} - 3 * std::int64_t{slope};
  std::string out = slope == 0 ? "" : (slope == 1 ? "" : std::to_string(slope)) + "N";
  if (rest != 0 || slope == 0) out += (slope != 0 && rest > 0 ? "+" : "") + std::to_string(rest);
  return out;
}

std::string costs(const Protocol& p) {
  const CostRow a = p.commits_as().commit_cost(3);
  const CostRow b = p.commits_as().commit_cost(4);
  return linear(a.messages, b.messages) + " messages, " + linear(a.forced_writes, b.forced_writes) +
         " forced writes, " + std::to_string(a.delays_to_decision) + " delays to the decision";
}

std::string in_full(const Protocol& p) {
  std::string out = std::string(p.name) + ": " + std::string(p.title) + "\n";
  out += "  source       " + std::string(p.source) + "\n";
  out += "  guarantee    " + std::string(text_of(p.guarantee)) + "\n";
  out += "  never splits under  " + std::string(p.safe_under.text()) + "\n";
  out += "  a commit is  " + std::string(text_of(p.commits_as().commit_point)) + "\n";
  out += "  one commit, N participants  " + costs(p) + "\n";
  out += "  roles       ";
  for (const Role role : p.commits_as().roles) out += " " + std::string(name_of(role));
  out += "\n";
  if (p.ships_to_replicas)
    out += "  replicated placement: writes go to the home region and are shipped outward in order\n";
  out += "  protocol points";
  for (const std::string_view point : p.commits_as().points) out += " " + std::string(point);
  return out + "\n  more         protocols/" + std::string(p.folder) + "/README.md\n";
}

}  // namespace

Result<std::string> print_protocols(const std::string& name) {
  std::vector<std::string> names;
  for (const Protocol& p : all_protocols()) names.emplace_back(p.name);
  if (!name.empty()) {
    if (const Protocol* p = find_protocol(name)) return in_full(*p);
    const std::string guess = yaml::closest(name, names);
    std::string list;
    for (const std::string& known : names) list += " " + known;
    return Error{"unknown protocol \"" + name + "\"" +
                 (guess.empty() ? "; there are:" + list : ", did you mean \"" + guess + "\"?")};
  }
  std::string out =
      left("protocol", 13) + left("guarantee", 12) + left("never splits under", 23) + "one commit, N participants\n";
  for (const Protocol& p : all_protocols()) {
    out += left(p.name, 13) + left(text_of(p.guarantee), 12) + left(p.safe_under.text(), 23) + costs(p) + "\n";
  }
  return out;
}

}  // namespace geocommit
