#include "sim/explore/node_model.h"

#include <algorithm>
#include <utility>

#include "base/canonical.h"
#include "base/check.h"
#include "sim/explore/life.h"

namespace geocommit::explore {
namespace {

std::vector<std::string> region_names(std::uint32_t count) {
  std::vector<std::string> names;
  for (std::uint32_t r = 0; r < count; ++r) {
    names.push_back("r" + std::to_string(r));
  }
  return names;
}

using canonical::put;

void put(std::string& out, const std::vector<DurableRecord>& log) {
  put(out, log.size());
  for (const DurableRecord& durable : log) {
    const auto& machine = std::get<MachineRecord>(durable);
    const LogRecord& record = machine.record;
    put(out, static_cast<std::uint64_t>(record.kind) << 8U | static_cast<std::uint64_t>(machine.role));
    put(out, record.ballot.value);
    put(out, static_cast<std::uint64_t>(record.outcome) << 8U | static_cast<std::uint64_t>(record.reason));
    put(out, record.sites.size());
    for (const NodeId site : record.sites) {
      put(out, site.value);
    }
    put(out, machine.descriptor ? machine.descriptor->operations.size() + 1 : 0);
  }
}

}  // namespace

std::string NodeModel::key_of(const FlightMessage& flight) {
  std::string key;
  put(key, static_cast<std::uint64_t>(flight.from) << 8U | flight.to);
  put(key, flight.message.watermark.epoch.value);
  put(key, flight.message.watermark.counter);
  if (const auto* wire = std::get_if<ProtocolMessage>(&flight.message.payload)) {
    const Message& m = wire->message;
    for (const std::uint64_t field :
         {std::uint64_t{m.protocol}, std::uint64_t{m.kind}, static_cast<std::uint64_t>(m.to_role),
          std::uint64_t{m.ballot.value}, std::uint64_t{m.accepted.value}, std::uint64_t{m.subject.value},
          static_cast<std::uint64_t>(m.outcome), static_cast<std::uint64_t>(m.vote),
          static_cast<std::uint64_t>(m.state), static_cast<std::uint64_t>(m.reason), std::uint64_t{m.to_epoch.value}}) {
      put(key, field);
    }
  }
  return key;
}

NodeModel::NodeModel(const Options& options, std::set<std::string> not_inert)
    : options_(options),
      directory_(region_names(options.participants + 1), 1, Placement::partitioned, 1),
      row_(*options.protocol),
      tables_(options.participants + 1),
      not_inert_(std::move(not_inert)) {
  GC_CHECK(options.participants > 0 && options.participants < kNodesMax && !row_.is_router());
  GC_CHECK_NOTE(not_driven(row_).empty(), "a row with roles that are not driven");
  rows_.push_back(row_);
  for (const Protocol& other : all_protocols()) {
    if (other.wire_id != row_.wire_id && !other.is_router()) {
      rows_.push_back(other);
    }
  }
  // Of its abort nothing may be left to do, so that nothing of it is left.
  const auto phantom = std::find_if(rows_.rbegin(), rows_.rend() - 1,
                                    [](const Protocol& other) { return other.presumes == Outcome::abort; });
  GC_CHECK(phantom != rows_.rend() - 1);
  phantom_ = &*phantom;
  for (const KindRow& kind : phantom_->kinds) {
    phantom_decision_ = kind.message_class == MessageClass::decision ? kind.number : phantom_decision_;
  }
  make_renamings();
  for (std::size_t node = 0; node < nodes(); ++node) {
    State state;
    state.epoch = Epoch{1};
    Life life(*this, node, state);
    life.forget_step();
    if (coordinates(node)) {
      life.begin();
    }
    initial_.push_back(finish(node, life, std::move(state)));
  }
}

NodeModel::~NodeModel() = default;

NodeId NodeModel::id(std::size_t node) const {
  return coordinates(node) ? directory_.coordinator(RegionId{0})
                           : directory_.agent(RegionId{static_cast<std::uint32_t>(node - 1)}, 0);
}

std::size_t NodeModel::node_of(NodeId id) const {
  for (std::size_t node = 0; node < nodes(); ++node) {
    if (this->id(node) == id) {
      return node;
    }
  }
  GC_CHECK_NOTE(false, "a message to a node outside the search");
  return 0;
}

const NodeStep& NodeModel::new_step(std::size_t node, StateNumber state, NodeInput input) {
  if (frozen_) {
    throw Unknown{};
  }
  steps_.push_back(std::make_unique<NodeStep>(compute(node, state, input)));
  tables_[node].states[state]->known.emplace_back(input, static_cast<std::uint32_t>(steps_.size() - 1));
  index_.add(index_of(node, state, input), steps_.back().get());
  return *steps_.back();
}

NodeStep NodeModel::compute(std::size_t node, StateNumber number, NodeInput input) {
  const State& from = *tables_[node].states[number];
  if (input.kind == InputKind::restart) {
    State state;
    state.epoch = Epoch{from.epoch.value + 1};
    state.start = from.start;
    NodeStep step;
    try {
      Life life(*this, node, state);
      return finish(node, life, std::move(state));
    } catch (const Violated& violated) {
      step.violation = name(node) + ": " + violated.what;
      step.next = number;
      return step;
    }
  }
  Life life(*this, node, from);
  // Begin leads into the coordinator's first state, and is over in later ones.
  if (coordinates(node) && from.epoch == Epoch{1}) {
    life.begin();
  }
  for (const NodeInput& past : from.inputs) {
    life.apply(past);
  }
  if (input.kind == InputKind::crash) {
    State state;
    state.epoch = from.epoch;
    state.start.assign(life.log.begin(), life.log.begin() + input.value);
    NodeStep step;
    step.next = intern_down(node, std::move(state));
    const NodeProperties& down = properties(node, step.next);
    step.commits = down.committed;
    step.aborts = down.aborted;
    return step;
  }
  life.forget_step();
  State state;
  state.epoch = from.epoch;
  state.start = from.start;
  state.inputs = from.inputs;
  state.inputs.push_back(input);
  try {
    life.apply(input);
    if (input.sends > 0) {
      return crash_in_step(node, life, from.epoch, input);
    }
    life.check_state();
  } catch (const Violated& violated) {
    NodeStep step;
    step.violation = name(node) + ": " + violated.what;
    step.next = number;
    return step;
  }
  return finish(node, life, std::move(state));
}

StateNumber NodeModel::intern_down(std::size_t node, State state) {
  state.description = "down";
  NodeProperties& down = state.properties;
  for (const DurableRecord& durable : state.start) {
    const auto& record = std::get<MachineRecord>(durable).record;
    down.prepared = down.prepared || row_.record_meaning(record.kind) == Meaning::yes;
    down.committed = down.committed || record.outcome == Outcome::commit;
    down.aborted = down.aborted || record.outcome == Outcome::abort;
  }
  down.prepared_durable = down.prepared;
  down.committed_durable = down.committed;
  std::string key = "down";
  put(key, state.epoch.value);
  put(key, state.start);
  return intern(node, key, std::move(state));
}

/// So many messages have left, and nothing after them has happened.
NodeStep NodeModel::crash_in_step(std::size_t node, Life& life, Epoch epoch, NodeInput input) {
  const Moment at = life.moments.at(input.sends - 1U);
  life.sent.erase(life.sent.begin() + input.sends, life.sent.end());
  State state;
  state.epoch = epoch;
  state.start.assign(life.log.begin(), life.log.begin() + input.keep);
  NodeStep step;
  step.sent = seal(node, life);
  step.next = intern_down(node, std::move(state));
  const NodeProperties& down = properties(node, step.next);
  step.commits = down.committed || at.commits;
  step.aborts = down.aborted || at.aborts;
  return step;
}

std::vector<MessageNumber> NodeModel::seal(std::size_t node, Life& life) {
  std::vector<MessageNumber> sent;
  // As the transport does: the watermark is that of the moment when the frame is sealed, after the step.
  const Watermark watermark = life.engine.watermark();
  for (auto& [to, payload] : life.sent) {
    FlightMessage flight;
    flight.from = static_cast<std::uint8_t>(node);
    flight.to = static_cast<std::uint8_t>(node_of(to));
    if (auto* wire = std::get_if<ProtocolMessage>(&payload)) {
      wire->message.retry = false;  // Accounts, which change nothing.
      wire->message.depth = 0;
      flight.prepare = wire->descriptor.has_value();
    }
    flight.message = {id(node), Epoch{1}, watermark, std::move(payload)};
    sent.push_back(intern(std::move(flight)));
  }
  std::sort(sent.begin(), sent.end());
  sent.erase(std::unique(sent.begin(), sent.end()), sent.end());
  return sent;
}

NodeStep NodeModel::finish(std::size_t node, Life& life, State state) {
  NodeStep step;
  step.commits = life.commits;
  step.aborts = life.aborts;
  step.alarms = life.alarms;
  step.moments = std::move(life.moments);
  step.sent = seal(node, life);
  state.properties = life.properties();
  state.description = life.engine.describe();
  if (const auto space = state.description.find(' '); space != std::string::npos) {
    state.description = state.description.substr(state.description.find(' ', space + 1) + 1);
    state.description.pop_back();
  } else {
    state.description = "-";
  }
  const std::string key = up_key(life, state);
  step.next = intern(node, key, std::move(state));
  return step;
}

/// Equal keys, equal futures.
std::string NodeModel::up_key(Life& life, const State& state) const {
  std::string key = "up";
  put(key, state.epoch.value);
  put(key, life.log);
  put(key, life.synced);
  put(key, life.forces.size());
  for (const auto& [token, size] : life.forces) {
    put(key, size);
  }
  for (const std::uint8_t patience : state.properties.patience) {
    put(key, patience);
  }
  if (row_.commit_point == CommitPoint::sent) {
    put(key, life.told_commit);
  }
  life.engine.hash_state(key);
  return key;
}

StateNumber NodeModel::intern(std::size_t node, const std::string& key, State state) {
  Table& table = tables_[node];
  const auto [it, fresh] = table.numbers.emplace(key, static_cast<StateNumber>(table.states.size()));
  const StateNumber number = it->second;
  if (fresh) {
    table.states.push_back(std::make_unique<State>(std::move(state)));
    table.states.back()->key = &it->first;
    table.properties.push_back(&table.states.back()->properties);
    GC_CHECK_NOTE(number < (StateNumber{1} << 24U), "too many distinct states of a node");
    table.renamed.resize(table.states.size() * renamings_.size(), kUnknownState);
    table.renamed[number * renamings_.size()] = number;
    table.known_renamed.push_back(1);
    judge_inert(node, number);
  }
  return number;
}

MessageNumber NodeModel::intern(FlightMessage message) {
  const auto [it, fresh] = message_numbers_.emplace(key_of(message), static_cast<MessageNumber>(messages_.size()));
  if (fresh) {
    GC_CHECK_NOTE(messages_.size() < kStale, "too many distinct messages");
    ways_.push_back({message.from, message.to});
    messages_.push_back(std::make_unique<FlightMessage>(std::move(message)));
    judge_inert(it->second);
  }
  return it->second;
}

std::string NodeModel::text(MessageNumber number) const {
  const FlightMessage& flight = message(number);
  const auto* wire = std::get_if<ProtocolMessage>(&flight.message.payload);
  if (wire == nullptr) {
    return "WOUND";
  }
  const Message& m = wire->message;
  std::string text(row_.kind_name(m.kind));
  if (m.vote != Vote::none) {
    text.append(" ").append(name_of(m.vote));
  }
  if (m.outcome != Outcome::undecided) {
    text.append(" ").append(name_of(m.outcome));
  } else if (m.state != SiteState::unknown) {
    text.append(" ").append(name_of(m.state));
  }
  if (m.reason != Reason::none) {
    text.append(" reason=").append(name_of(m.reason));
  }
  if (m.ballot.value != 0) {
    text += " ballot=" + std::to_string(m.ballot.value);
  }
  const Watermark& mark = flight.message.watermark;
  if (mark.epoch.value > 1 || mark.counter > 1) {
    text += " watermark=" + std::to_string(mark.epoch.value) + "." + std::to_string(mark.counter);
  }
  return text;
}

std::string NodeModel::timer_name(std::uint8_t timer) const { return std::string(row_.timer_name(timer)); }

void NodeModel::for_each_step(
    const std::function<void(std::size_t, StateNumber, NodeInput, const NodeStep&)>& f) const {
  for (std::size_t node = 0; node < nodes(); ++node) {
    for (StateNumber state = 0; state < tables_[node].states.size(); ++state) {
      for (const auto& [input, step] : tables_[node].states[state]->known) {
        f(node, state, input, *steps_[step]);
      }
    }
  }
}

std::uint64_t NodeModel::state_count() const {
  std::uint64_t count = 0;
  for (const Table& table : tables_) {
    count += table.states.size();
  }
  return count;
}

}  // namespace geocommit::explore
