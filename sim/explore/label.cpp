// Actions as text, which names exactly one of the actions possible in a state.
#include <algorithm>

#include "sim/explore/visited.h"
#include "sim/explore/world.h"

namespace geocommit::explore {

std::string World::label(const State& state, const Action& action) const {
  const std::string node = model_->name(action.node);
  const auto in_flight = [&](std::uint16_t number) {
    const FlightMessage& m = model_->message(number & static_cast<MessageNumber>(~kStale));
    return node + " <- " + model_->name(m.from) + " " + model_->text(number & static_cast<MessageNumber>(~kStale)) +
           ((number & kStale) != 0 ? " (late copy)" : "");
  };
  const auto lost = [&](bool outgoing) {
    std::string text;
    std::size_t bit = 0;
    for (std::size_t i = 0; i < state.in_flight && (state.message[i] & kStale) == 0; ++i) {
      const FlightMessage& m = model_->message(state.message[i]);
      if ((outgoing ? m.from : m.to) != action.node) {
        continue;
      }
      if (((action.lost >> std::min<std::size_t>(bit++, options_.limits.losses)) & 1U) != 0) {
        text += (text.empty() ? ", lost: " : "; ") + model_->text(state.message[i]) +
                (outgoing ? " to " + model_->name(m.to) : " from " + model_->name(m.from));
      }
    }
    return text;
  };
  const auto too_early = [&](std::uint8_t slow) {
    std::string text;
    for (std::size_t n = 0; n < nodes(); ++n) {
      text += ((slow >> n) & 1U) == 0 ? "" : (text.empty() ? " too early, slow: " : ",") + model_->name(n);
    }
    return text;
  };
  const auto in_step = [&] {
    return action.sends() == 0 ? ""
                               : "; crashes after " + std::to_string(action.sends()) + " of its sends, keeps " +
                                     std::to_string(action.kept_after_sends()) + " records";
  };
  switch (action.kind) {
    case ActionKind::deliver:
      return in_flight(action.value) + in_step();
    case ActionKind::deliver_denied:
      return in_flight(action.value) + ", lock denied" + in_step();
    case ActionKind::duplicate:
    case ActionKind::drop: {
      const FlightMessage& m = model_->message(action.value);
      return (action.kind == ActionKind::drop ? "drop " : "copy ") + model_->name(m.from) + " -> " +
             model_->name(m.to) + " " + model_->text(action.value);
    }
    case ActionKind::force:
      return node + " force done" + in_step();
    case ActionKind::timer:
      return node + " timer " + model_->timer_name(static_cast<std::uint8_t>(action.value)) + too_early(action.keep) +
             in_step();
    case ActionKind::crash: {
      const std::size_t size = properties(state, action.node).log_size;
      return node + " crashes, keeps " + std::to_string(action.keep) + "/" + std::to_string(size) + " records" +
             lost(true);
    }
    case ActionKind::restart:
      return node + " restarts" + lost(false);
    case ActionKind::cut: {
      std::string sides[2];
      for (std::size_t n = 0; n < nodes(); ++n) {
        std::string& side = sides[(action.value >> n) & 1U];
        side += (side.empty() ? "" : ",") + model_->name(n);
      }
      return "cut " + sides[0] + " | " + sides[1];
    }
    case ActionKind::heal:
      return "heal";
    case ActionKind::wound:
      return node + " wounded" + in_step();
  }
  return "?";
}

std::uint64_t World::content_of(const State& state) const {
  std::string content;
  for (std::size_t node = 0; node < nodes(); ++node) {
    content += model_->key(node, state.node[node]);
  }
  content +=
      {static_cast<char>(state.cut), static_cast<char>(state.slow), state.commit ? 'c' : '-', state.abort ? 'a' : '-'};
  std::set<std::string> in_flight;  // Their numbers differ between searches.
  for (std::size_t i = 0; i < state.in_flight; ++i) {
    const bool late = (state.message[i] & kStale) != 0;
    in_flight.insert((late ? "late" : "") + model_->key(state.message[i] & static_cast<MessageNumber>(~kStale)));
  }
  for (const std::string& message : in_flight) {
    content += message;
  }
  return hash_of(content);
}

}  // namespace geocommit::explore
