#include "sim/explore/world.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace geocommit::explore {
namespace {

bool stale(MessageNumber number) { return (number & kStale) != 0; }
MessageNumber plain(MessageNumber number) { return number & static_cast<MessageNumber>(~kStale); }

/// What comes first among renamed states: the order is arbitrary, but every search has the same.
std::uint32_t low_first(StateNumber n) { return (n & 0xffU) << 16U | (n & 0xff00U) | n >> 16U; }
std::uint32_t low_first(MessageNumber n) { return (n & 0xffU) << 8U | static_cast<std::uint32_t>(n) >> 8U; }

/// What an action of a node that is up does to it.
NodeInput input_of(const Action& action) {
  NodeInput input;
  switch (action.kind) {
    case ActionKind::deliver:
      input = {InputKind::deliver, plain(action.value)};
      break;
    case ActionKind::deliver_denied:
      input = {InputKind::deliver_denied, plain(action.value)};
      break;
    case ActionKind::force:
      input = {InputKind::force, 0};
      break;
    case ActionKind::timer:
      input = {InputKind::timer, action.value};
      break;
    default:
      input = {InputKind::wound, 0};
  }
  input.sends = action.sends();
  input.keep = action.kept_after_sends();
  return input;
}

}  // namespace

World::World(const Options& options, std::set<std::string> not_inert)
    : options_(options),
      sent_arrives_(sent_arrives(options.sent_arrives, *options.protocol)),
      model_(std::make_shared<NodeModel>(options, std::move(not_inert))),
      packing_(options) {}

State World::initial() {
  State state;
  const Bounds& b = options_.bounds;
  const auto most = [](std::uint32_t value) { return static_cast<std::uint8_t>(std::min(value, 15U)); };
  state.left = {
      most(b.crashes), most(b.partitions),   most(b.duplicates),
      most(b.drops),   most(b.early_timers), most(b.early_firings),
      most(b.denials), most(b.wounds),       static_cast<std::uint8_t>(std::min(b.restarts, Bounds::kEveryRestart))};
  for (std::size_t node = 0; node < nodes(); ++node) {
    const NodeStep& step = model_->initial()[node];
    state.node[node] = step.next;
    for (const MessageNumber number : step.sent) {
      if (!(leave_out_inert_ && model_->inert(number))) {
        state.add(number);
      }
    }
  }
  return state;
}

/// Nothing that `node` awaits can still arrive in time.
bool World::side_at_rest(const State& state, std::size_t node) const {
  if (waiting_ < nodes() && !state.far(waiting_, node)) {
    return false;
  }
  for (std::size_t other = 0; other < nodes(); ++other) {
    const NodeProperties& p = properties(state, other);
    if (p.up && p.forcing && !state.far(node, other)) {
      return false;
    }
  }
  for (std::size_t i = 0; i < state.in_flight && !stale(state.message[i]); ++i) {
    const NodeModel::Way way = model_->way(state.message[i]);
    const bool late = state.is_slow(way.from) || state.is_slow(way.to);
    if (properties(state, way.to).up && !late && !state.far(node, way.to)) {
      return false;
    }
  }
  return true;
}

/// At rest: who waits for more timeouts waits for somebody that acts at a shorter one; as long as such a timer is
/// armed on its side, the awaited message can still arrive.
bool World::is_due(const State& state, std::size_t node, std::size_t timer) const {
  const std::uint8_t patience = properties(state, node).patience[timer];
  for (std::size_t other = 0; other < nodes() && patience > 1; ++other) {
    const NodeProperties& p = properties(state, other);
    if (!p.up || state.far(node, other)) {
      continue;
    }
    if (std::any_of(p.patience.begin(), p.patience.end(),
                    [patience](std::uint8_t shorter) { return shorter > 0 && shorter < patience; })) {
      return false;
    }
  }
  return true;
}

bool World::at_rest(State state) const {
  state.slow = 0;  // Late is not lost: it still arrives.
  for (std::size_t node = 0; node < nodes(); ++node) {
    if (!side_at_rest(state, node)) {
      return false;
    }
    if (state.cut == 0) {
      return true;
    }
  }
  return true;
}

/// The smallest sets of slow nodes that explain why a timer fires that is not due.
void World::early_timer_actions(const State& state, std::size_t node, std::size_t timer,
                                std::vector<Action>& out) const {
  std::vector<std::uint8_t> found;
  for (int size = 1; size <= state.left.early_timers; ++size) {
    for (std::uint8_t mask = 1; mask < (1U << nodes()); ++mask) {
      const bool larger = std::any_of(found.begin(), found.end(), [mask](std::uint8_t f) { return (f & mask) == f; });
      if (std::popcount(mask) != size || (mask & state.slow) != 0 || larger) {
        continue;
      }
      State late = state;
      late.slow = static_cast<std::uint8_t>(state.slow | mask);
      if (side_at_rest(late, node) && is_due(late, node, timer)) {
        found.push_back(mask);
        out.push_back(
            {ActionKind::timer, static_cast<std::uint8_t>(node), mask, properties(state, node).timers[timer], 0});
      }
    }
  }
}

void World::timer_actions(const State& state, std::size_t node, std::vector<Action>& out) const {
  const NodeProperties& p = properties(state, node);
  if (p.timers.empty()) {
    return;
  }
  const bool rest = side_at_rest(state, node);
  for (std::size_t i = 0; i < p.timers.size(); ++i) {
    const bool due = rest && is_due(state, node, i);
    if (due || state.left.early_firings > 0) {
      out.push_back({ActionKind::timer, static_cast<std::uint8_t>(node), 0, p.timers[i], 0});
    }
    if (!due && state.left.early_timers > 0) {
      early_timer_actions(state, node, i, out);
    }
  }
}

/// Subsets of so many messages that may be lost.
std::size_t World::loss_choices(std::size_t concerned) const {
  losses_left_out_ = losses_left_out_ || concerned > options_.limits.losses;
  return std::size_t{1} << std::min<std::size_t>(concerned, options_.limits.losses);
}

void World::node_actions(const State& state, std::size_t node, std::vector<Action>& out) const {
  const NodeProperties& p = properties(state, node);
  const auto to = static_cast<std::uint8_t>(node);
  if (!p.up) {
    if (state.left.restarts == 0) {
      return;
    }
    std::size_t incoming = 0;
    for (std::size_t i = 0; i < state.in_flight && !stale(state.message[i]); ++i) {
      incoming += model_->way(state.message[i]).to == node ? 1 : 0;
    }
    const std::size_t choices = loss_choices(incoming);
    for (std::size_t lost = 0; lost < choices; ++lost) {
      out.push_back({ActionKind::restart, to, 0, 0, static_cast<std::uint16_t>(lost)});
    }
    return;
  }
  for (std::size_t i = 0; i < state.in_flight; ++i) {
    const MessageNumber number = state.message[i];
    const NodeModel::Way way = model_->way(number);
    if (way.to != node || state.apart(way.from, node)) {
      continue;
    }
    out.push_back({ActionKind::deliver, to, 0, number, 0});
    if (state.left.denials > 0 && !p.open && model_->message(plain(number)).prepare) {
      out.push_back({ActionKind::deliver_denied, to, 0, number, 0});
    }
  }
  if (p.forcing) {
    out.push_back({ActionKind::force, to, 0, 0, 0});
  }
  timer_actions(state, node, out);
  if (NodeModel::coordinates(node) && state.left.wounds > 0 && p.open) {
    out.push_back({ActionKind::wound, to, 0, 0, 0});
  }
}

void World::crash_actions(const State& state, std::size_t node, std::vector<Action>& out) const {
  const NodeProperties& p = properties(state, node);
  if (!p.up || state.left.crashes == 0) {
    return;
  }
  std::size_t outgoing = 0;
  // The search begins behind the first step: that the crash came between its sends is the loss of what had not left.
  const bool loses =
      !sent_arrives_ || (NodeModel::coordinates(node) && state.node[node] == model_->initial()[node].next);
  for (std::size_t i = 0; i < state.in_flight && !stale(state.message[i]) && loses; ++i) {
    outgoing += model_->way(state.message[i]).from == node ? 1 : 0;
  }
  const std::size_t choices = loss_choices(outgoing);
  for (std::uint8_t keep = options_.lost_tail ? p.synced : p.log_size; keep <= p.log_size; ++keep) {
    for (std::size_t lost = 0; lost < choices; ++lost) {
      out.push_back({ActionKind::crash, static_cast<std::uint8_t>(node), keep, 0, static_cast<std::uint16_t>(lost)});
    }
  }
}

/// Where what was sent arrives, it matters that a crash may come between the sends of one step: each of them, in their
/// order. Where it is lost, the loss of any subset stands for that.
void World::crash_in_step_actions(const State& state, std::size_t node, std::vector<Action>& out) {
  if (!sent_arrives_ || !properties(state, node).up || state.left.crashes == 0) {
    return;
  }
  std::vector<Action> own;
  node_actions(state, node, own);
  for (Action& action : own) {
    const std::vector<Moment>& moments = model_->step(node, state.node[node], input_of(action)).moments;
    for (std::size_t sends = 1; sends <= moments.size(); ++sends) {
      const Moment& at = moments[sends - 1];
      for (std::uint16_t keep = options_.lost_tail ? at.synced : at.log_size; keep <= at.log_size; ++keep) {
        action.lost = static_cast<std::uint16_t>(sends | static_cast<std::size_t>(keep) << 8U);
        out.push_back(action);
      }
    }
  }
}

void World::network_actions(const State& state, std::vector<Action>& out) const {
  if (state.left.drops > 0) {
    for (std::size_t i = 0; i < state.in_flight && !stale(state.message[i]); ++i) {
      out.push_back({ActionKind::drop, 0, 0, state.message[i], 0});
    }
  }
  if (state.left.duplicates > 0) {
    for (std::size_t i = 0; i < state.in_flight && !stale(state.message[i]); ++i) {
      out.push_back({ActionKind::duplicate, 0, 0, state.message[i], 0});
    }
  }
  if (state.cut != 0) {
    out.push_back({ActionKind::heal, 0, 0, 0, 0});
  } else if (state.left.partitions > 0) {
    for (std::uint16_t mask = 2; mask < (1U << nodes()); mask = static_cast<std::uint16_t>(mask + 2)) {
      out.push_back({ActionKind::cut, 0, 0, mask, 0});
    }
  }
}

void World::take(State& state, std::size_t node, NodeInput input, std::string& violation) {
  const NodeStep& step = model_->step(node, state.node[node], input);
  state.node[node] = step.next;
  if (!step.violation.empty()) {
    violation = step.violation;
    return;
  }
  const bool first_commit = step.commits && !state.commit;
  state.commit = state.commit || step.commits;
  state.abort = state.abort || step.aborts;
  for (const MessageNumber number : step.sent) {
    if (!state.apart(node, model_->way(number).to) && !(leave_out_inert_ && model_->inert(number))) {
      state.add(number);
    }
  }
  if (first_commit) {
    for (std::size_t site = 0; site < nodes(); ++site) {
      if (!NodeModel::coordinates(site) && !model_->only_reads(site) && !properties(state, site).prepared_durable) {
        violation = "commit without the durable YES of " + model_->name(site);
        return;
      }
    }
  }
  if (state.commit && state.abort) {
    violation = "both outcomes";
  }
}

void World::perform(const State& from, const Action& action, Successor& next) {
  next.action = action;
  next.state = from;
  next.violation.clear();
  State& s = next.state;
  const auto spend = [](std::uint8_t& left) { left = static_cast<std::uint8_t>(left > 0 ? left - 1 : 0); };
  const auto in_flight_at = [&](std::uint16_t number) {
    std::size_t at = 0;
    while (at < s.in_flight && s.message[at] != number) {
      ++at;
    }
    GC_CHECK(at < s.in_flight);
    return at;
  };
  const auto lose = [&](std::uint16_t lost, auto matches) {
    std::size_t bit = 0;
    for (std::size_t i = 0; i < s.in_flight && !stale(s.message[i]);) {
      const bool gone = matches(model_->message(s.message[i])) &&
                        ((lost >> std::min<std::size_t>(bit++, options_.limits.losses)) & 1U) != 0;
      gone ? s.remove_at(i) : void(++i);
    }
  };
  const std::size_t node = action.node;
  if (action.sends() > 0) {
    spend(s.left.crashes);
  }
  switch (action.kind) {
    case ActionKind::deliver:
    case ActionKind::deliver_denied: {
      s.remove_at(in_flight_at(action.value));
      if (action.kind == ActionKind::deliver_denied) {
        spend(s.left.denials);
      }
      take(s, node, input_of(action), next.violation);
      break;
    }
    case ActionKind::duplicate:
      spend(s.left.duplicates);
      s.add(static_cast<MessageNumber>(action.value | kStale));
      break;
    case ActionKind::drop:
      spend(s.left.drops);
      s.remove_at(in_flight_at(action.value));
      break;
    case ActionKind::force:
      take(s, node, input_of(action), next.violation);
      break;
    case ActionKind::timer: {
      const auto& timers = properties(from, node).timers;
      const auto which = std::find(timers.begin(), timers.end(), action.value) - timers.begin();
      s.slow = static_cast<std::uint8_t>(s.slow | action.keep);
      s.left.early_timers = static_cast<std::uint8_t>(s.left.early_timers - std::popcount(action.keep));
      if (!side_at_rest(s, node) || !is_due(s, node, static_cast<std::size_t>(which))) {
        spend(s.left.early_firings);
      }
      take(s, node, input_of(action), next.violation);
      break;
    }
    case ActionKind::wound:
      spend(s.left.wounds);
      take(s, node, input_of(action), next.violation);
      break;
    case ActionKind::crash:
      spend(s.left.crashes);
      lose(action.lost, [node](const FlightMessage& m) { return m.from == node; });
      take(s, node, {InputKind::crash, action.keep}, next.violation);
      break;
    case ActionKind::restart:
      if (s.left.restarts != Bounds::kEveryRestart) {
        spend(s.left.restarts);
      }
      lose(action.lost, [node](const FlightMessage& m) { return m.to == node; });
      take(s, node, {InputKind::restart, 0}, next.violation);
      break;
    case ActionKind::cut:
      spend(s.left.partitions);
      s.cut = static_cast<std::uint8_t>(action.value);
      for (std::size_t i = 0; i < s.in_flight && !stale(s.message[i]);) {
        const FlightMessage& m = model_->message(s.message[i]);
        s.apart(m.from, m.to) ? s.remove_at(i) : void(++i);
      }
      break;
    case ActionKind::heal:
      s.cut = 0;
      break;
  }
}

/// All renamings, in an order that does not depend on which of them are needed.
void World::know_renamed(const State& state) {
  for (std::size_t r = 1; r < model_->renamings().size(); ++r) {
    for (std::size_t node = 0; node < nodes(); ++node) {
      (void)model_->renamed_state(node, state.node[node], r);
    }
    for (std::size_t i = 0; i < state.in_flight; ++i) {
      (void)model_->renamed_message(state.message[i], r);
    }
  }
}

void World::rename_messages(const State& state, std::size_t renaming, Named& out) {
  const auto end = out.message.begin() + state.in_flight;
  std::transform(state.message.begin(), state.message.begin() + state.in_flight, out.message.begin(),
                 [&](MessageNumber number) { return model_->renamed_message(number, renaming); });
  std::sort(out.message.begin(), end);
}

void World::canonical(const State& state, Bytes& out) {
  const std::size_t renamings = model_->renamings().size();
  if (renamings == 1) {
    packing_.pack(state, out);
    return;
  }
  bool known = true;
  for (std::size_t node = 0; node < nodes(); ++node) {
    known = known && model_->knows_renamed(node, state.node[node]);
  }
  known = known && std::all_of(state.message.begin(), state.message.begin() + state.in_flight,
                               [&](MessageNumber number) { return model_->knows_renamed(number); });
  if (!known) {
    know_renamed(state);
  }
  Named best{state.node, state.cut, state.slow, state.message}, other;
  std::size_t best_messages = 0;  // The renaming that best.message is still to be taken from; 0: it is there.
  for (std::size_t r = 1; r < renamings; ++r) {
    const int order = rename(state, r, other, best);
    if (order > 0) {
      continue;
    }
    if (order == 0) {
      if (best_messages != 0) {
        rename_messages(state, best_messages, best);
        best_messages = 0;
      }
      rename_messages(state, r, other);
      if (!std::lexicographical_compare(other.message.begin(), other.message.begin() + state.in_flight,
                                        best.message.begin(), best.message.begin() + state.in_flight,
                                        [](MessageNumber a, MessageNumber b) { return low_first(a) < low_first(b); })) {
        continue;
      }
      std::copy_n(other.message.begin(), state.in_flight, best.message.begin());
    } else {
      best_messages = r;
    }
    best.node = other.node;
    best.cut = other.cut;
    best.slow = other.slow;
  }
  if (best_messages != 0) {
    rename_messages(state, best_messages, best);
  }
  packing_.pack(state, best, out);
}

/// All but the messages, as far as it takes to see what comes first: that (less than 0) or `best`.
int World::rename(const State& state, std::size_t renaming, Named& out, const Named& best) {
  const NodeModel::Renaming& from = model_->undoing(renaming);
  int order = 0;
  const auto compare = [&order](auto a, auto b) { order = order != 0 || a == b ? order : a < b ? -1 : 1; };
  out.cut = out.slow = 0;
  for (std::size_t node = 0; node < nodes() && order <= 0; ++node) {
    const std::size_t old = from[node];
    out.node[node] = model_->renamed_state(old, state.node[old], renaming);
    out.cut = static_cast<std::uint8_t>(out.cut | ((state.cut >> old) & 1U) << node);
    out.slow = static_cast<std::uint8_t>(out.slow | ((state.slow >> old) & 1U) << node);
    compare(low_first(out.node[node]), low_first(best.node[node]));
  }
  compare(out.cut, best.cut);
  compare(out.slow, best.slow);
  return order;
}

void World::successors(const State& state, std::vector<Successor>& out) {
  out.clear();
  actions_.clear();
  for (std::size_t node = 0; node < nodes(); ++node) {
    node_actions(state, node, actions_);
    crash_actions(state, node, actions_);
    crash_in_step_actions(state, node, actions_);
  }
  network_actions(state, actions_);
  for (const Action& action : actions_) {
    perform(state, action, out.emplace_back());
  }
}

}  // namespace geocommit::explore
