// Interchangeable participants: histories are renamed and run, so nothing is assumed of how a machine encodes its
// state; that the machines treat participants alike is checked step by step, not believed.
#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "sim/explore/life.h"

namespace geocommit::explore {

void NodeModel::make_renamings() {
  Renaming renaming(nodes());
  std::iota(renaming.begin(), renaming.end(), std::uint8_t{0});
  if (!options_.symmetry) {
    renamings_.push_back(renaming);
    undoings_.push_back(renaming);
    return;
  }
  const auto readers = renaming.begin() + static_cast<std::ptrdiff_t>(nodes() - options_.read_only);
  do {
    do {
      renamings_.push_back(renaming);
    } while (std::next_permutation(readers, renaming.end()));
  } while (std::next_permutation(renaming.begin() + 1, readers));
  for (const Renaming& each : renamings_) {
    for (std::size_t node = 0; node < nodes(); ++node) {
      renaming[each[node]] = static_cast<std::uint8_t>(node);
    }
    undoings_.push_back(renaming);
  }
}

NodeId NodeModel::renamed(NodeId node, const Renaming& renaming) const {
  for (std::size_t n = 0; n < nodes(); ++n) {
    if (id(n) == node) {
      return id(renaming[n]);
    }
  }
  return node;
}

void NodeModel::rename(std::vector<Operation>& operations, const Renaming& renaming) const {
  for (Operation& operation : operations) {
    const std::uint32_t site = renaming[directory_.home_of(operation.entity).value + 1];
    operation.entity = directory_.entity_at(RegionId{site - 1}, 0, 0);
  }
}

void NodeModel::rename(LogRecord& record, const Renaming& renaming) const {
  for (NodeId& site : record.sites) {
    site = renamed(site, renaming);
  }
  std::sort(record.sites.begin(), record.sites.end());
}

MessageNumber NodeModel::rename_message(MessageNumber plain, std::size_t renaming) {
  if (renaming == 0) {
    return plain;
  }
  if (frozen_) {
    throw Unknown{};
  }
  const Renaming& to = renamings_[renaming];
  FlightMessage flight = message(plain);
  flight.from = to[flight.from];
  flight.to = to[flight.to];
  flight.message.from = id(flight.from);
  if (auto* wire = std::get_if<ProtocolMessage>(&flight.message.payload)) {
    wire->message.from = id(flight.from);
    wire->message.to = id(flight.to);
    wire->message.subject = renamed(wire->message.subject, to);
    if (wire->descriptor) {
      rename(wire->descriptor->operations, to);
    }
  }
  const MessageNumber found = intern(std::move(flight));
  renamed_messages_.resize(messages_.size() * renamings_.size(), kUnknownMessage);
  known_renamed_.resize(messages_.size(), 1);
  renamed_messages_[plain * renamings_.size() + renaming] = found;
  ++known_renamed_[plain];
  return found;
}

StateNumber NodeModel::rename_state(std::size_t node, StateNumber number, std::size_t renaming) {
  if (frozen_) {
    throw Unknown{};
  }
  const State& from = *tables_[node].states[number];
  const Renaming& to = renamings_[renaming];
  State state;
  state.epoch = from.epoch;
  state.start = from.start;
  for (DurableRecord& durable : state.start) {
    auto& machine = std::get<MachineRecord>(durable);
    rename(machine.record, to);
    if (machine.descriptor) {
      rename(machine.descriptor->operations, to);
    }
  }
  for (const NodeInput& input : from.inputs) {
    const bool message = input.kind == InputKind::deliver || input.kind == InputKind::deliver_denied;
    state.inputs.push_back({input.kind, message ? renamed_message(input.value, renaming) : input.value});
  }
  const std::size_t target = to[node];
  StateNumber found = 0;
  if (!from.properties.up) {
    found = intern_down(target, std::move(state));
  } else {
    try {
      Life life(*this, target, state);
      if (coordinates(target) && state.epoch == Epoch{1}) {
        life.begin();
      }
      for (const NodeInput& input : state.inputs) {
        life.apply(input);
      }
      life.forget_step();
      found = finish(target, life, std::move(state)).next;
    } catch (const Violated&) {
      asymmetric_ = true;  // What follows is thrown away.
    }
  }
  tables_[node].renamed[number * renamings_.size() + renaming] = found;
  ++tables_[node].known_renamed[number];
  return found;
}

bool NodeModel::steps_are_symmetric() {
  if (asymmetric_) {
    return false;
  }
  struct Known {
    std::size_t node;
    StateNumber state;
    NodeInput input;
    const NodeStep* step;
  };
  std::vector<Known> all;
  for (std::size_t node = 0; node < nodes(); ++node) {
    for (StateNumber state = 0; state < tables_[node].states.size(); ++state) {
      for (const auto& [input, step] : tables_[node].states[state]->known) {
        all.push_back({node, state, input, steps_[step].get()});
      }
    }
  }
  for (const Known& known : all) {
    for (std::size_t renaming = 1; renaming < renamings_.size(); ++renaming) {
      const std::size_t node = renamings_[renaming][known.node];
      const bool carries = known.input.kind == InputKind::deliver || known.input.kind == InputKind::deliver_denied;
      const NodeInput input{known.input.kind,
                            carries ? renamed_message(known.input.value, renaming) : known.input.value};
      const StateNumber state = renamed_state(known.node, known.state, renaming);
      const NodeStep& other = step(node, state, input);
      if (other.violation.empty() != known.step->violation.empty()) {
        return false;
      }
      if (!other.violation.empty()) {
        continue;
      }
      std::vector<MessageNumber> sent;
      for (const MessageNumber number : known.step->sent) {
        sent.push_back(renamed_message(number, renaming));
      }
      std::sort(sent.begin(), sent.end());
      const bool same = other.next == renamed_state(known.node, known.step->next, renaming) && other.sent == sent &&
                        other.commits == known.step->commits && other.aborts == known.step->aborts &&
                        properties(node, other.next) == properties(known.node, known.step->next);
      if (!same) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace geocommit::explore
