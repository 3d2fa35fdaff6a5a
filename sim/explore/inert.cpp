// Messages that do nothing, wherever their receiver is: "undecided" as an answer, mostly. They need not be in flight.
#include <algorithm>

#include "sim/explore/life.h"
#include "sim/explore/node_model.h"

namespace geocommit::explore {

/// A trial: nothing of it is kept in the tables.
bool NodeModel::does_nothing(std::size_t node, StateNumber number, MessageNumber message) {
  const State& from = *tables_[node].states[number];
  if (!from.properties.up) {
    return true;  // It is delivered after the restart, or lost.
  }
  try {
    Life life(*this, node, from);
    if (coordinates(node) && from.epoch == Epoch{1}) {
      life.begin();
    }
    for (const NodeInput& past : from.inputs) {
      life.apply(past);
    }
    State state;
    state.epoch = from.epoch;
    state.properties = life.properties();
    const std::string before = up_key(life, state);
    life.forget_step();
    life.apply({InputKind::deliver, message});
    life.check_state();
    state.properties = life.properties();
    return life.sent.empty() && !life.commits && !life.aborts && up_key(life, state) == before;
  } catch (const Violated&) {
    return false;
  }
}

void NodeModel::judge_inert(MessageNumber number) {
  inert_.push_back(false);
  if (!options_.leave_out_inert || not_inert_.contains(key_of(message(number)))) {
    return;
  }
  const std::size_t to = message(number).to;
  for (StateNumber state = 0; state < tables_[to].states.size(); ++state) {
    if (!does_nothing(to, state, number)) {
      not_inert_.insert(key_of(message(number)));
      return;
    }
  }
  inert_[number] = true;
}

void NodeModel::judge_inert(std::size_t node, StateNumber state) {
  for (MessageNumber number = 0; number < inert_.size(); ++number) {
    if (inert_[number] && message(number).to == node && !does_nothing(node, state, number)) {
      not_inert_.insert(key_of(message(number)));
      refuted_ = true;
    }
  }
}

bool NodeModel::inert_is_symmetric() {
  for (MessageNumber number = 0; number < inert_.size(); ++number) {
    for (std::size_t renaming = 1; inert_[number] && renaming < renamings_.size(); ++renaming) {
      if (!inert_[renamed_message(number, renaming)]) {
        not_inert_.insert(key_of(message(number)));
        refuted_ = true;
      }
    }
  }
  return !refuted_;
}

}  // namespace geocommit::explore
