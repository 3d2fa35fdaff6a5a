#include "sim/explore/tabulate.h"

#include <map>
#include <set>

namespace geocommit::explore {
namespace {

/// What describe() says, without counts, ballots and names.
std::string short_state(const NodeModel& model, std::size_t node, StateNumber number) {
  const NodeProperties& p = model.properties(node, number);
  std::string text = model.describe(node, number);
  if (text == "down") {
    return "(down)";
  }
  if (text == "-") {
    return p.committed ? "(over: committed)" : p.aborted ? "(over: aborted)" : "(no machine)";
  }
  for (const std::string_view part : {" votes=", " unacknowledged=", " inquiries=", " ballot="}) {
    if (const auto at = text.find(part); at != std::string::npos) {
      text.resize(at);
    }
  }
  if (const auto at = text.find("follows "); at != std::string::npos) {
    text.resize(at + 7);
  }
  return text;
}

std::string short_message(const NodeModel& model, MessageNumber number) {
  const auto* wire = std::get_if<ProtocolMessage>(&model.message(number).message.payload);
  if (wire == nullptr) {
    return "WOUND";
  }
  const Message& m = wire->message;
  std::string text = model.text(number).substr(0, model.text(number).find(' '));
  if (m.vote != Vote::none) {
    text += " " + std::string(name_of(m.vote));
  } else if (m.outcome != Outcome::undecided) {
    text += " " + std::string(name_of(m.outcome));
  } else if (m.state != SiteState::unknown) {
    text += " " + std::string(name_of(m.state));
  }
  return text;
}

std::string short_input(const NodeModel& model, NodeInput input) {
  switch (input.kind) {
    case InputKind::deliver:
      return short_message(model, input.value);
    case InputKind::deliver_denied:
      return short_message(model, input.value) + ", lock denied";
    case InputKind::force:
      return "forced";
    case InputKind::timer:
      return "timer " + model.timer_name(static_cast<std::uint8_t>(input.value));
    case InputKind::wound:
      return "WOUND";
    case InputKind::crash:
      return "crash";
    case InputKind::restart:
      return "restart";
  }
  return "?";
}

struct Cell {
  std::set<std::string> next;
  std::map<std::string, std::set<std::string>> sends;  ///< By next state.
};
using Table = std::map<std::string, std::map<std::string, Cell>>;  ///< State, input.

std::string joined(const std::set<std::string>& parts, const std::string& between) {
  std::string text;
  for (const std::string& part : parts) {
    text += (text.empty() ? "" : between) + part;
  }
  return text;
}

void collect(const NodeModel& model, Table (&roles)[2]) {
  model.for_each_step([&](std::size_t node, StateNumber from, NodeInput input, const NodeStep& step) {
    if (input.kind == InputKind::crash || input.sends > 0 || !step.violation.empty()) {
      return;  // From anywhere to (down).
    }
    const std::string next = short_state(model, node, step.next);
    Cell& cell = roles[NodeModel::coordinates(node) ? 0 : 1][short_state(model, node, from)][short_input(model, input)];
    cell.next.insert(next);
    std::set<std::string> sent;
    for (const MessageNumber number : step.sent) {
      sent.insert(short_message(model, number));
    }
    cell.sends[next].insert(sent.begin(), sent.end());
  });
}

void write_matrix(const std::string& role, const Table& table, std::string& out) {
  std::set<std::string> inputs;
  for (const auto& [state, row] : table) {
    for (const auto& [input, cell] : row) {
      inputs.insert(input);
    }
  }
  out += "\n## " + role + "\n\n| input |";
  for (const auto& [state, row] : table) {
    out += " " + state + " |";
  }
  out += "\n|---|";
  for (std::size_t i = 0; i < table.size(); ++i) {
    out += "---|";
  }
  out += "\n";
  for (const std::string& input : inputs) {
    out += "| " + input + " |";
    for (const auto& [state, row] : table) {
      const auto cell = row.find(input);
      std::set<std::string> parts;
      if (cell != row.end()) {
        for (const std::string& next : cell->second.next) {
          const std::string sent = joined(cell->second.sends.at(next), ", ");
          parts.insert(next == state ? (sent.empty() ? "·" : "! " + sent)
                                     : "→ " + next + (sent.empty() ? "" : " ! " + sent));
        }
      }
      out += " " + joined(parts, "<br>") + " |";
    }
    out += "\n";
  }
}

void write_dot(const std::string& role, const Table& table, std::string& out) {
  out += "  subgraph \"cluster_" + role + "\" {\n    label=\"" + role + "\";\n";
  for (const auto& [state, row] : table) {
    out += "    \"" + role + ": " + state + "\" [label=\"" + state + "\"];\n";
  }
  for (const auto& [state, row] : table) {
    std::map<std::string, std::set<std::string>> edges;
    for (const auto& [input, cell] : row) {
      for (const std::string& next : cell.next) {
        if (next != state) {
          edges[next].insert(input);
        }
      }
    }
    for (const auto& [next, inputs] : edges) {
      out += "    \"" + role + ": " + state + "\" -> \"" + role + ": " + next + "\" [label=\"" + joined(inputs, "\\n") +
             "\"];\n";
    }
  }
  out += "  }\n";
}

std::vector<Options> searches(const Protocol& protocol) {
  Options base;
  base.protocol = &protocol;
  base.participants = 2;
  base.lost_tail = true;
  base.symmetry = false;
  base.reduce = base.leave_out_inert = false;  // Messages that do nothing belong into the table.
  base.show = 1'000'000;                       // A violation (3PC, partition) is no reason to stop.
  std::vector<Options> all(4, base);
  all[0].bounds.crashes = all[0].bounds.denials = 1;
  all[1].bounds.early_firings = all[1].bounds.wounds = all[1].bounds.duplicates = 1;
  all[2].bounds.drops = all[2].bounds.crashes = 1;
  all[2].read_only = 1;
  all[3].bounds.partitions = 1;
  return all;
}

}  // namespace

StateTables tabulate(const Protocol& protocol) {
  Table roles[2];
  for (const Options& options : searches(protocol)) {
    explore_tables(options, [&](const NodeModel& model) { collect(model, roles); });
  }
  StateTables result;
  result.matrix =
      "# " + std::string(protocol.title) +
      ": state x input\n\n"
      "Generated from the machines (`test_states --write`; a test compares): what each input does in each state, as "
      "met when two\nparticipants are searched with a crash and a lock denial; an early timer, a wound and a copy; a "
      "crash, a drop and a reader;\na partition. `→` next state, `!` messages sent, `·` ignored, empty: not met. "
      "Several answers: counts, ballots and\nrecords tell them apart. A crash leads from everywhere to (down).\n";
  result.dot =
      "digraph \"" + std::string(protocol.name) + "\" {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans\"];\n";
  const std::string names[2] = {"Coordinator", "Participant"};
  for (std::size_t role = 0; role < 2; ++role) {
    write_matrix(names[role], roles[role], result.matrix);
    write_dot(names[role], roles[role], result.dot);
  }
  result.dot += "}\n";
  return result;
}

}  // namespace geocommit::explore
