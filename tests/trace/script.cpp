#include "tests/trace/script.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <sstream>

#include "base/check.h"
#include "tests/trace/invariants.h"
#include "tests/trace/world.h"

namespace geocommit::trace {
namespace {

using Words = std::vector<std::string>;

Words split(const std::string& text) {
  std::istringstream stream(text);
  Words words;
  for (std::string word; stream >> word;) {
    words.push_back(word);
  }
  return words;
}

std::optional<std::uint64_t> number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return std::strtoull(text.c_str(), nullptr, 10);
}

class Runner {
 public:
  Runner(const Protocol* instead, const EngineParts& parts) : instead_(instead), parts_(parts) {}

  /// False: not understood.
  bool command(const Words& words) {
    if (words.empty()) {
      return false;
    }
    const std::string& verb = words[0];
    if (verb == "use") {
      return use(words);
    }
    if (verb == "directory") {
      return directory(words);
    }
    if (verb == "route") {
      return route(words);
    }
    if (!world_) {
      return false;
    }
    return happen(words) || nodes(words) || links(words) || settings(words);
  }

  std::string take_text() { return world_ ? world_->take_text() : std::exchange(routes_, {}); }

  ScriptResult result() {
    ScriptResult result;
    result.finished = finished_ || (!world_ && directory_);
    if (world_) {
      for (const std::string& violation : world_->violations()) {
        if (!(split_expected_ && violation == kSplit)) {
          result.violations.push_back(violation);
        }
      }
      const bool split_seen = std::count(world_->violations().begin(), world_->violations().end(), kSplit) > 0;
      if (split_expected_ && !split_seen) {
        result.violations.emplace_back("expected a split outcome, yet there is none");
      }
      if (split_expected_ && world_->protocol().safe_under.survives(Failure::partition)) {
        result.violations.emplace_back("a split is expected of a protocol that claims to be safe under partitions");
      }
    }
    return result;
  }

 private:
  std::optional<NodeId> node_named(const std::string& name) const {
    for (const Node& node : world_->nodes()) {
      if (node.name == name) {
        return node.id;
      }
    }
    return std::nullopt;
  }

  /// What a router runs for a transaction over so many homes: the row that its own route names.
  static const Protocol* among_homes(const Protocol& router, std::uint32_t homes) {
    const Directory directory(std::vector<std::string>(homes, "home"), 1, Placement::replicated, homes);
    Request request;
    for (std::uint32_t home = 0; home < homes; ++home) {
      request.operations.push_back({directory.entity_at(RegionId{home}, 0, 0), 0, false});
    }
    const Route route = router.route(request, directory);
    GC_CHECK(route.sites.size() == homes);
    return find_protocol(route.protocol);
  }

  bool use(const Words& words) {
    const auto sites = words.size() >= 3 ? number(words[2]) : std::nullopt;
    const Protocol* row = instead_ != nullptr ? instead_ : find_protocol(words.size() > 1 ? words[1] : "");
    if (world_ || !sites || *sites == 0 || *sites > 9 || row == nullptr) {
      return false;
    }
    const auto options = read_options(row->name, row->options, {words.begin() + 3, words.end()});
    if (!options) {
      return false;
    }
    if (row->is_router()) {
      row = among_homes(*row, static_cast<std::uint32_t>(*sites));
    }
    world_ = std::make_unique<World>(*row, static_cast<std::uint32_t>(*sites), parts_, *options);
    return true;
  }

  bool happen(const Words& words) {
    const std::string& verb = words[0];
    if (verb == "begin") {
      world_->begin();
    } else if (verb == "wound") {
      world_->wound();
    } else if (verb == "run" && words.size() == 1) {
      if (!world_->run_until_quiet(60s)) {
        world_->violation("still busy after 60 s");
      }
    } else if (verb == "run" && words.size() == 3 && words[1] == "until" && words[2] == "blocked") {
      world_->run_for(10s);
    } else if (verb == "run" && words.size() == 2 && number(words[1])) {
      world_->run_for(std::chrono::milliseconds(*number(words[1])));
    } else if (verb == "state") {
      for (const Node& node : world_->nodes()) {
        world_->say(node.name + ": " + node.machine().value_or(node.up() ? "no machine" : "down"));
      }
    } else if (verb == "finish") {
      finish(words.size() > 1 ? words[1] : "");
    } else {
      return false;
    }
    return true;
  }

  bool nodes(const Words& words) {
    const std::string& verb = words[0];
    const auto node = words.size() > 1 ? node_named(words[1]) : std::nullopt;
    if (!node) {
      return false;
    }
    if (verb == "crash") {
      world_->crash(*node);
    } else if (verb == "restart") {
      world_->recover(*node);
    } else if (verb == "sync") {
      world_->sync(*node);
    } else if (verb == "erase") {
      world_->erase(*node);
    } else if (verb == "vote" && words.size() >= 3) {
      if (world_->begun() && words[2] == "read_only") {
        return false;  // What it does at a site is in the request.
      }
      world_->node(*node).vote = words[2] == "no" ? Vote::no : words[2] == "read_only" ? Vote::read_only : Vote::yes;
      world_->node(*node).reason = words[2] != "no"                                 ? Reason::none
                                   : words.size() > 3 && words[3] == "lock_timeout" ? Reason::lock_timeout
                                                                                    : Reason::constraint;
    } else if (verb == "execution" && words.size() == 3) {
      world_->node(*node).hold_execution = words[2] == "held";
      if (words[2] == "done") {
        world_->finish_execution(*node);
      }
    } else if (verb == "forces" && words.size() == 3) {
      world_->node(*node).hold_forces = words[2] == "held";
      if (words[2] == "done") {
        world_->finish_forces(*node);
      }
    } else if (verb == "at" && words.size() >= 4) {
      const Words rest(words.begin() + 3, words.end());
      world_->at_point(*node, words[2], [this, rest] {
        if (!command(rest)) {
          world_->violation("not understood at a point: " + rest[0]);
        }
      });
    } else {
      return false;
    }
    return true;
  }

  bool links(const Words& words) {
    const std::string& verb = words[0];
    if (verb == "heal") {
      world_->heal();
      return true;
    }
    if (verb == "pass") {
      world_->clear_rules();
      return true;
    }
    if (verb == "release") {
      world_->release_held();
      return true;
    }
    if (verb == "cut") {
      return cut(words);
    }
    const auto from = words.size() >= 4 ? node_named(words[2]) : std::nullopt;
    const auto to = words.size() >= 4 ? node_named(words[3]) : std::nullopt;
    if (!from || !to) {
      return false;
    }
    if (verb == "replay") {
      return world_->replay(words[1], *from, *to);
    }
    LinkRule rule;
    rule.kind = words[1];
    rule.from = *from;
    rule.to = *to;
    rule.count = words.size() > 4 ? static_cast<int>(number(words[4]).value_or(1)) : -1;
    if (verb == "drop") {
      rule.action = LinkRule::Action::drop;
    } else if (verb == "twice") {
      rule.action = LinkRule::Action::duplicate;
    } else if (verb == "hold") {
      rule.action = LinkRule::Action::hold;
    } else {
      return false;
    }
    world_->add_rule(rule);
    return true;
  }

  bool cut(const Words& words) {
    if (words.size() != 4 || (words[2] != "|" && words[2] != "->")) {
      return false;
    }
    const auto left = nodes_of(words[1]);
    const auto right = nodes_of(words[3]);
    for (const NodeId a : left) {
      for (const NodeId b : right) {
        world_->cut(a, b);
        if (words[2] == "|") {
          world_->cut(b, a);
        }
      }
    }
    return !left.empty() && !right.empty();
  }

  std::vector<NodeId> nodes_of(std::string list) const {
    std::replace(list.begin(), list.end(), ',', ' ');
    std::vector<NodeId> found;
    for (const std::string& name : split(list)) {
      if (const auto node = node_named(name)) {
        found.push_back(*node);
      }
    }
    return found;
  }

  bool settings(const Words& words) {
    const auto ms = [&](std::size_t i) { return std::chrono::milliseconds(number(words[i]).value_or(0)); };
    if (words[0] == "delay" && words.size() == 4 && node_named(words[1]) && node_named(words[2])) {
      world_->set_delay(*node_named(words[1]), *node_named(words[2]), ms(3));
      world_->set_delay(*node_named(words[2]), *node_named(words[1]), ms(3));
      return true;
    }
    if (words[0] == "force" && words.size() == 2) {
      world_->set_force(ms(1));
      return true;
    }
    if (words[0] == "timeouts" && words.size() == 4) {
      world_->set_timeouts({ms(1), ms(2), ms(3)});
      return true;
    }
    return false;
  }

  void finish(const std::string& expected) {
    finished_ = true;
    split_expected_ = expected == "split";
    const bool blocked = expected == "blocked";
    world_->heal();
    world_->clear_rules();
    world_->release_held();
    for (Node& node : world_->nodes()) {
      world_->recover(node.id);
      world_->finish_execution(node.id);
      world_->finish_forces(node.id);
    }
    if (!world_->run_until_quiet(blocked ? 5s : 120s) && !blocked) {
      world_->violation("not quiet 120 s after everything was repaired");
    }
    check_end(*world_, blocked);
    std::string line = "end:";
    for (const Node& node : world_->nodes()) {
      line += " " + node.name + "=";
      line += node.machine() ? "open" : node.decided ? std::string(name_of(*node.decided)) : "-";
    }
    const Cost cost = world_->cost();
    world_->say(line);
    world_->say("messages=" + std::to_string(cost.messages) + " forced=" + std::to_string(cost.forced_writes) +
                " delays=" + std::to_string(cost.delays_to_decision) + " alarms=" + std::to_string(world_->alarms()));
  }

  bool directory(const Words& words) {
    const auto sites = words.size() > 4 ? number(words[2]) : std::nullopt;
    const auto keys = words.size() > 4 ? number(words[3]) : std::nullopt;
    if (!sites || !keys || (words[1] != "replicated" && words[1] != "partitioned")) {
      return false;
    }
    directory_.emplace(Words(words.begin() + 4, words.end()), static_cast<std::uint32_t>(*sites),
                       words[1] == "replicated" ? Placement::replicated : Placement::partitioned, *keys);
    return true;
  }

  bool route(const Words& words) {
    const Protocol* row = words.size() > 3 ? find_protocol(words[1]) : nullptr;
    if (row == nullptr || !directory_) {
      return false;
    }
    Request request;
    const auto& regions = directory_->regions();
    const auto origin = std::find(regions.begin(), regions.end(), words[2]);
    if (origin == regions.end()) {
      return false;
    }
    request.origin = RegionId{static_cast<std::uint32_t>(origin - regions.begin())};
    for (std::size_t i = 3; i < words.size(); ++i) {
      const bool write = words[i][0] == '+';
      const auto entity = number(write ? words[i].substr(1) : words[i]);
      if (!entity) {
        return false;
      }
      request.operations.push_back({Entity{*entity}, write ? 1 : 0, !write});
    }
    const Route route = row->route(request, *directory_);
    routes_ += "          coordinator@" + regions[route.coordinator_region.value] + " protocol " +
               std::string(find_protocol(route.protocol)->name) + "\n";
    for (const SiteWork& site : route.sites) {
      routes_ += "          " + directory_->find(site.site)->name + ":";
      for (const Operation& operation : site.operations) {
        routes_ += (operation.read ? " " : " +") + std::to_string(operation.entity.value);
      }
      routes_ += "\n";
    }
    return true;
  }

  const Protocol* instead_;
  EngineParts parts_;
  std::unique_ptr<World> world_;
  std::optional<Directory> directory_;
  std::string routes_;
  bool finished_{}, split_expected_{};
};

}  // namespace

ScriptResult run_script(const std::string& file, const Protocol* instead, const EngineParts& parts) {
  Runner runner(instead, parts);
  std::string text;
  std::vector<std::string> errors;
  std::istringstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#")) {
      text += line + "\n";
    } else if (line.starts_with(">")) {
      text += line + "\n";
      if (!runner.command(split(line.substr(1)))) {
        errors.push_back("not understood: " + line);
      }
      text += runner.take_text();
    }
  }
  ScriptResult result = runner.result();
  result.text = std::move(text);
  result.errors = std::move(errors);
  return result;
}

}  // namespace geocommit::trace
