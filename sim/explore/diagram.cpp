#include "sim/explore/diagram.h"

#include <algorithm>
#include <cstdlib>

namespace geocommit::explore {
namespace {
constexpr std::size_t kWidth = 34;
constexpr std::size_t kCoordinator = NodeModel::kCoordinator;

void write(std::string& row, std::size_t at, const std::string& text) {
  if (row.size() < at + text.size()) {
    row.resize(at + text.size(), ' ');
  }
  row.replace(at, text.size(), text);
}

}  // namespace

std::size_t Diagram::column(std::size_t node) { return node * kWidth; }

std::string Diagram::lifelines(const State& state) const {
  std::string row((model_.nodes() - 1) * kWidth + 1, ' ');
  for (std::size_t node = 0; node < model_.nodes(); ++node) {
    row[column(node)] = model_.properties(node, state.node[node]).up ? '|' : '.';
  }
  if (state.cut != 0) {  // Nodes of the side without the coordinator.
    for (std::size_t node = 0; node < model_.nodes(); ++node) {
      if (state.apart(kCoordinator, node)) {
        row[column(node)] = row[column(node)] == '|' ? '!' : '.';
      }
    }
  }
  return row;
}

void Diagram::line(int number, std::string row) {
  while (!row.empty() && row.back() == ' ') {
    row.pop_back();
  }
  std::string margin = number > 0 ? std::to_string(number) : "";
  text_ += std::string(4 - std::min<std::size_t>(margin.size(), 4), ' ') + margin + "  " + row + "\n";
}

void Diagram::start(const State& state) {
  std::string heads;
  std::string row = lifelines(state);
  for (std::size_t node = 0; node < model_.nodes(); ++node) {
    write(heads, column(node), model_.name(node));
  }
  line(0, heads);
  write(row, column(kCoordinator),
        "| begins: sends PREPARE, " + model_.describe(kCoordinator, state.node[kCoordinator]));
  line(0, row);
}

void Diagram::arrow(std::string& row, std::size_t from, std::size_t to, const std::string& label) const {
  const std::size_t left = column(std::min(from, to)) + 1;
  const std::size_t right = column(std::max(from, to));
  for (std::size_t at = left; at < right; ++at) {
    row[at] = '-';
  }
  from < to ? row[right - 1] = '>' : row[left] = '<';
  const std::size_t room = right - left - 4;
  std::string shown = label;
  while (shown.size() > room - 2) {  // What comes last tells least: watermark, reason, ballot.
    const auto space = shown.rfind(' ');
    shown.resize(space == std::string::npos ? room - 2 : space);
  }
  const std::string text = " " + shown + " ";
  // Next to the receiver, so that it is read where it matters.
  write(row, from < to ? right - 2 - text.size() : left + 2, text);
}

void Diagram::step(const State& before, const Successor& next, const std::string& label) {
  const Action& action = next.action;
  std::string row = lifelines(before);
  const std::size_t node = action.node;
  switch (action.kind) {
    case ActionKind::deliver:
    case ActionKind::deliver_denied: {
      const auto number = static_cast<MessageNumber>(action.value & ~kStale);
      std::string text = (action.value & kStale) != 0 ? "(late copy) " : "";
      text += action.kind == ActionKind::deliver_denied ? "[lock denied] " : "";
      arrow(row, model_.message(number).from, node, text + model_.text(number));
      break;
    }
    case ActionKind::duplicate:
    case ActionKind::drop: {
      const FlightMessage& message = model_.message(action.value);
      const bool drop = action.kind == ActionKind::drop;
      arrow(row, message.from, message.to, (drop ? "DROPPED " : "COPIED ") + model_.text(action.value));
      row[column(message.to) + (message.from < message.to ? -1 : 1)] = 'x';
      break;
    }
    case ActionKind::cut:
    case ActionKind::heal:
      row = "======== " + label + " " + std::string(20, '=');
      break;
    case ActionKind::force:
    case ActionKind::timer:
    case ActionKind::crash:
    case ActionKind::restart:
    case ActionKind::wound:
      write(row, column(node), "* " + label.substr(label.find(' ') + 1));
      break;
  }
  line(++steps_, row);
  const std::string was = model_.describe(node, before.node[node]);
  const std::string is = model_.describe(node, next.state.node[node]);
  if (was != is && next.violation.empty()) {
    std::string after = lifelines(next.state);
    write(after, column(node), "| = " + (is == "-" ? std::string("done") : is));
    line(0, after);
  }
}

void Diagram::end(const std::string& what) { text_ += "      >>> " + what + "\n"; }

}  // namespace geocommit::explore
