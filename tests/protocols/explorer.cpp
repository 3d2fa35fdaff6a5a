#include "tests/protocols/explorer.h"

#include <algorithm>

namespace geocommit::explore {
namespace {

constexpr NodeId kCoordinator{1001};
const TxnId kTxn{kCoordinator, Epoch{1}, 1};

struct Node {
  NodeId id;
  bool up{true};
  std::uint32_t epoch{1};
  std::shared_ptr<CommitMachine> machine;  ///< Shared between states; cloned before it is stepped.
  std::vector<LogRecord> log;
  std::size_t durable{};
  std::vector<std::pair<std::size_t, std::uint8_t>> forces;
  bool executing{};
  std::set<std::uint8_t> timers;
  SiteState remembered{SiteState::unknown};
  bool read_only{};
  std::optional<Outcome> decided;  ///< History: survives crashes.
  Vote voted{Vote::none};
};

struct Step {
  std::string what;
  std::shared_ptr<const Step> before;
};

struct State {
  std::vector<Node> nodes;
  std::vector<Message> flying;  ///< Sorted: order of sending does not matter.
  std::uint32_t crashes_left{}, early_left{};
  std::shared_ptr<const Step> path;
};

std::string name(NodeId id) { return id == kCoordinator ? "C" : "P" + std::to_string(id.value); }

void add(std::string& key, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) {
    key.push_back(static_cast<char>((value >> (8 * i)) & 0xffU));
  }
}

std::string key_of(const State& state) {
  std::string key;
  add(key, state.crashes_left);
  add(key, state.early_left);
  for (const Node& node : state.nodes) {
    add(key, (node.up ? 1U : 0U) | (node.executing ? 2U : 0U) | (node.read_only ? 4U : 0U) |
                 (static_cast<std::uint64_t>(node.remembered) << 8U) | (static_cast<std::uint64_t>(node.voted) << 16U) |
                 (node.decided ? (static_cast<std::uint64_t>(*node.decided) + 1) << 24U : 0U) |
                 (static_cast<std::uint64_t>(node.epoch) << 32U));
    add(key, node.durable);
    for (const LogRecord& record : node.log) {
      key.push_back(static_cast<char>(record.kind));
      key.push_back(static_cast<char>(record.ballot.value));
    }
    add(key, node.forces.size());
    for (const auto& [upto, kind] : node.forces) {
      key.push_back(static_cast<char>(upto));
      key.push_back(static_cast<char>(kind));
    }
    for (const std::uint8_t timer : node.timers) {
      key.push_back(static_cast<char>(timer));
    }
    key += '|';
    if (node.machine) {
      node.machine->hash_state(key);
    }
  }
  for (const Message& m : state.flying) {
    for (const std::uint64_t field :
         {std::uint64_t{m.from.value}, std::uint64_t{m.to.value}, std::uint64_t{m.kind},
          static_cast<std::uint64_t>(m.to_role), std::uint64_t{m.ballot.value}, static_cast<std::uint64_t>(m.outcome),
          static_cast<std::uint64_t>(m.vote), static_cast<std::uint64_t>(m.state), std::uint64_t{m.to_epoch.value}}) {
      key.push_back(static_cast<char>(field & 0xffU));
      key.push_back(static_cast<char>((field >> 8U) & 0xffU));
    }
  }
  return key;
}

class Explorer {
 public:
  Explorer(const Protocol& protocol, const Options& options) : protocol_(protocol), options_(options) {
    for (std::uint32_t i = 1; i <= options.sites; ++i) {
      cohort_.push_back({NodeId{i}, Epoch{1}});
    }
  }

  Report run() {
    State first;
    first.crashes_left = options_.crashes;
    first.early_left = options_.early_timers;
    for (std::uint32_t i = 0; i <= options_.sites; ++i) {
      Node node;
      node.id = i == 0 ? kCoordinator : NodeId{i};
      first.nodes.push_back(std::move(node));
    }
    first.nodes[0].machine = protocol_.make(Role::coordinator, context(kCoordinator, true));
    step(first, first.nodes[0], Begin{}, "begin");
    push(std::move(first));
    while (!stack_.empty() && report_.violation.empty() && report_.states < options_.states_max) {
      const State state = std::move(stack_.back());
      stack_.pop_back();
      expand(state);
    }
    report_.complete = stack_.empty() && report_.violation.empty();
    return report_;
  }

 private:
  [[nodiscard]] TxnContext context(NodeId self, bool with_cohort) const {
    return {kTxn, self, kCoordinator, with_cohort ? cohort_ : std::vector<Member>{}, {500ms, 500ms, 200ms}};
  }
  [[nodiscard]] Node& node_of(State& state, NodeId id) const { return state.nodes[id == kCoordinator ? 0 : id.value]; }

  void push(State state) {
    const std::size_t hash = std::hash<std::string>{}(key_of(state));
    if (seen_.insert(hash).second) {
      ++report_.states;
      stack_.push_back(std::move(state));
    }
  }

  void violation(const State& state, const std::string& what) {
    if (!report_.violation.empty()) {
      return;
    }
    std::vector<std::string> steps;
    for (const Step* s = state.path.get(); s != nullptr; s = s->before.get()) {
      steps.push_back(s->what);
    }
    report_.violation = what;
    for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
      report_.violation += "\n  " + *it;
    }
  }

  void expand(const State& state) {
    bool quiet = true;
    for (std::size_t i = 0; i < state.flying.size(); ++i) {
      if (i > 0 && state.flying[i] == state.flying[i - 1]) {
        continue;  // The same message twice.
      }
      State next = state;
      const Message message = state.flying[i];
      next.flying.erase(next.flying.begin() + static_cast<std::ptrdiff_t>(i));
      Node& to = node_of(next, message.to);
      quiet = quiet && !to.up;
      deliver(next, to, message);
      push(std::move(next));
    }
    for (std::size_t n = 0; n < state.nodes.size(); ++n) {
      const Node& node = state.nodes[n];
      quiet = quiet && node.forces.empty() && !node.executing;
      if (!node.forces.empty()) {
        State next = state;
        Node& at = next.nodes[n];
        const auto [upto, kind] = at.forces.front();
        at.forces.erase(at.forces.begin());
        at.durable = std::max(at.durable, upto);
        step(next, at, LogForced{kind}, "forced " + std::string(protocol_.record_name(kind)));
        push(std::move(next));
      }
      if (node.executing) {
        State next = state;
        next.nodes[n].executing = false;
        const Vote vote = options_.votes.empty() ? Vote::yes : options_.votes[n - 1];
        step(next, next.nodes[n], Executed{vote, vote == Vote::no ? Reason::constraint : Reason::none}, "executed");
        push(std::move(next));
      }
      if (!node.up) {
        State next = state;
        restart(next, next.nodes[n]);
        push(std::move(next));
      } else if (state.crashes_left > 0) {
        for (std::size_t keep = node.durable; keep <= node.log.size(); ++keep) {
          State next = state;
          crash(next, next.nodes[n], keep);
          push(std::move(next));
        }
      }
    }
    timers(state, quiet);
  }

  /// With perfect failure detection a timeout fires only when nothing else can happen; then whoever waits for votes and
  /// acknowledgements first (its site is dead, not slow), then a leader, then those who wait for these.
  void timers(const State& state, bool quiet) {
    if (!quiet && state.early_left == 0) {
      return;
    }
    int best = 3;
    for (const Node& node : state.nodes) {
      for (const std::uint8_t timer : node.timers) {
        best = std::min(best, rank(timer));
      }
    }
    for (std::size_t n = 0; n < state.nodes.size(); ++n) {
      for (const std::uint8_t timer : state.nodes[n].timers) {
        const bool early = !quiet || rank(timer) != best;
        if (early && state.early_left == 0) {
          continue;
        }
        State next = state;
        next.early_left -= early ? 1 : 0;
        next.nodes[n].timers.erase(timer);
        step(next, next.nodes[n], TimerFired{timer}, "timer " + std::string(protocol_.timer_name(timer)));
        push(std::move(next));
      }
    }
  }

  [[nodiscard]] int rank(std::uint8_t timer) const {
    const std::string_view text = protocol_.timer_name(timer);
    return text == "vote" || text == "precommit" ? 0 : text == "termination" ? 1 : 2;
  }

  void crash(State& state, Node& node, std::size_t keep) {
    --state.crashes_left;
    log(state, name(node.id) + " crash, keeps " + std::to_string(keep) + " records");
    node.up = false;
    node.machine.reset();
    node.log.resize(keep);
    node.durable = keep;
    node.forces.clear();
    node.executing = false;
    node.timers.clear();
    node.remembered = SiteState::unknown;
    node.read_only = false;
  }

  void restart(State& state, Node& node) {
    node.up = true;
    node.epoch = 2;  // That it is not the first any more is all that anybody sees.
    bool descriptor = false;
    for (const LogRecord& record : node.log) {
      descriptor = descriptor || record.with_descriptor;
      if (record.outcome != Outcome::undecided) {
        node.remembered = record.outcome == Outcome::commit ? SiteState::committed : SiteState::aborted;
      }
    }
    if (!descriptor) {
      return log(state, name(node.id) + " restart");
    }
    node.machine =
        protocol_.make(node.id == kCoordinator ? Role::coordinator : Role::participant, context(node.id, true));
    step(state, node, Recovered{node.log}, "restart");
  }

  void deliver(State& state, Node& to, const Message& message) {
    const std::string what = std::string(protocol_.kind_name(message.kind)) + " from " + name(message.from);
    if (!to.up) {
      return log(state, name(to.id) + " down: lost " + what);
    }
    if (to.machine) {
      return step(state, to, Received{message}, what);
    }
    Remembered remembered;
    remembered.state = to.remembered;
    remembered.voted_read_only = to.read_only;
    remembered.same_epoch = message.to_epoch.value == 0 || message.to_epoch.value == to.epoch;
    remembered.own_transaction = to.id == kCoordinator;
    const OrphanRule rule = protocol_.orphan(message, remembered);
    switch (rule.action) {
      case OrphanAction::ignore:
        if (message.outcome == Outcome::abort && message.to_role == Role::participant &&
            protocol_.kind_class(message.kind) == MessageClass::decision && to.remembered == SiteState::unknown) {
          to.remembered = SiteState::aborted;
        }
        return log(state, name(to.id) + " ignores " + what);
      case OrphanAction::reply: {
        Message reply = rule.reply;
        reply.from = to.id;
        reply.to = reply.to.value == 0 ? message.from : reply.to;
        reply.txn = kTxn;
        log(state, name(to.id) + " answers from memory " + what);
        return send(state, to, reply);
      }
      case OrphanAction::make_machine:
        to.machine = protocol_.make(Role::participant,
                                    context(to.id, protocol_.kind_class(message.kind) == MessageClass::prepare));
        return step(state, to, Received{message}, what);
    }
  }

  void log(State& state, std::string what) {
    state.path = std::make_shared<const Step>(Step{std::move(what), state.path});
  }

  void step(State& state, Node& node, const Input& input, const std::string& what) {
    log(state, name(node.id) + " " + what);
    if (!node.machine) {
      return;  // Its force or execution outlived it.
    }
    std::shared_ptr<CommitMachine> machine = node.machine->clone();
    node.machine = machine;
    Outbox out;
    machine->step({}, input, out);
    for (const Output& output : out) {
      perform(state, node, output);
    }
  }

  void perform(State& state, Node& node, const Output& output) {
    if (const auto* message = std::get_if<Send>(&output)) {
      send(state, node, message->message);
    } else if (const auto* force = std::get_if<ForceLog>(&output)) {
      node.log.push_back(force->record);
      node.forces.emplace_back(node.log.size(), force->record.kind);
    } else if (const auto* append = std::get_if<AppendLog>(&output)) {
      node.log.push_back(append->record);
    } else if (const auto* set = std::get_if<SetTimer>(&output)) {
      node.timers.insert(set->timer);
    } else if (const auto* cancel = std::get_if<CancelTimer>(&output)) {
      node.timers.erase(cancel->timer);
    } else if (std::holds_alternative<Execute>(output)) {
      node.executing = true;
    } else if (const auto* decision = std::get_if<Decide>(&output)) {
      decide(state, node, decision->outcome);
    } else if (std::holds_alternative<Forget>(output)) {
      node.machine.reset();
      node.timers.clear();
      node.executing = false;
    }
  }

  void decide(State& state, Node& node, Outcome outcome) {
    log(state, name(node.id) + " decides " + std::string(name_of(outcome)));
    if (node.decided && node.decided != outcome) {
      violation(state, name(node.id) + " changes its decision");
    }
    for (const Node& other : state.nodes) {
      if (other.decided && other.decided != outcome) {
        violation(state, "split outcome");
      }
      if (outcome == Outcome::commit && other.id != kCoordinator && other.voted != Vote::yes &&
          other.voted != Vote::read_only) {
        violation(state, "commit without the YES of " + name(other.id));
      }
    }
    node.decided = outcome;
    node.remembered = outcome == Outcome::commit ? SiteState::committed : SiteState::aborted;
    (outcome == Outcome::commit ? report_.commit_seen : report_.abort_seen) = true;
  }

  void send(State& state, Node& node, Message message) {
    message.retry = false;  // Makes no difference to anybody; fewer states.
    message.reason = Reason::none;
    if (message.vote != Vote::none && node.id != kCoordinator) {
      node.voted = node.voted == Vote::none ? message.vote : node.voted;
      node.read_only = node.read_only || message.vote == Vote::read_only;
      const bool prepared = std::any_of(node.log.begin(), node.log.begin() + static_cast<std::ptrdiff_t>(node.durable),
                                        [](const LogRecord& record) { return record.with_descriptor; });
      if (message.vote == Vote::yes && !prepared) {
        violation(state, name(node.id) + " votes YES before it is durable");
      }
    }
    state.flying.insert(std::upper_bound(state.flying.begin(), state.flying.end(), message), message);
    // A repetition that is still under way adds nothing but states.
    state.flying.erase(std::unique(state.flying.begin(), state.flying.end()), state.flying.end());
  }

  const Protocol& protocol_;
  const Options& options_;
  std::vector<Member> cohort_;
  std::vector<State> stack_;
  std::unordered_set<std::size_t> seen_;
  Report report_;
};

}  // namespace

Report explore(const Protocol& protocol, const Options& options) { return Explorer(protocol, options).run(); }

}  // namespace geocommit::explore
