#include "tests/trace/node.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/check.h"
#include "tests/trace/invariants.h"
#include "tests/trace/session.h"
#include "tests/trace/world.h"

namespace geocommit::trace {
namespace {

/// Seen only in what the node does later.
bool is_unseen(const Output& output) {
  return std::holds_alternative<CancelTimer>(output) || std::holds_alternative<ReleaseLocks>(output) ||
         std::holds_alternative<Decide>(output) || std::holds_alternative<Forget>(output);
}

}  // namespace

Node::Node(World& world, NodeId node, std::string its_name, Role its_role)
    : id(node), name(std::move(its_name)), role(its_role), world_(world) {}

// ---- The process.

template <class F>
void Node::within(F&& call) {
  GC_CHECK(engine_ != nullptr);
  if (std::exchange(inside_, true)) {
    call(*engine_);  // At a protocol point of its own: the engine takes it when the step is over.
    return;
  }
  stepped_ = answered_ = false;
  call(*engine_);
  inside_ = false;
  if (std::exchange(dying_, false)) {
    engine_.reset();
    asked_.clear();
    next_ = 0;
  } else {
    end_step();
  }
}

void Node::start(EngineOptions options, const PeerMessage* session) {
  GC_CHECK_NOTE(engine_ == nullptr, "a node starts within its own last step");
  options.self = id;
  options.epoch = epoch;
  engine_ = std::make_unique<NodeEngine>(options, *this, *this);
  DurableState state;
  for (const MachineRecord& record : log) {
    state.records.emplace_back(record);
    if (record.record.outcome != Outcome::undecided && role == Role::participant) {
      world_.decided(*this, record.record.outcome);
    }
  }
  within([&](NodeEngine& engine) { engine.recover(std::move(state)); });
  if (locks()) {
    world_.effect("lock again");
  }
  const bool free = !locks();
  within([](NodeEngine& engine) { engine.start(); });
  if (session != nullptr && free && up()) {
    session_ = true;
    take(*session);
  }
}

void Node::crash() {
  GC_CHECK(up());
  log.resize(durable);
  timers_.clear();
  lock_timer_ = 0;
  session_ = execution_waits = told_abort = false;
  waiting_forces.clear();
  if (inside_) {
    dying_ = true;
  } else {
    engine_.reset();
  }
}

void Node::take(const PeerMessage& message) {
  within([&](NodeEngine& engine) { engine.on_message(message); });
}

void Node::forced(std::size_t upto, WriteToken token) {
  durable = std::max(durable, upto);
  within([&](NodeEngine& engine) { engine.on_forced(token); });
}

void Node::fire(TimerToken token) {
  if (timers_.erase(token) > 0) {
    within([&](NodeEngine& engine) { engine.on_timer(token); });
  }
}

void Node::execute() {
  if (const TimerToken waited = reason == Reason::lock_timeout ? std::exchange(lock_timer_, 0) : 0; waited != 0) {
    within([waited](NodeEngine& engine) { engine.on_timer(waited); });
  } else if (std::exchange(session_, false)) {
    take(world_.session_ends(id));
  }
}

std::optional<std::string> Node::machine() const {
  if (!up()) {
    return std::nullopt;
  }
  const std::string prefix = to_text(world_.txn()) + " " + std::string(name_of(role)) + " ";
  std::istringstream lines(engine_->describe());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(prefix)) {
      return line.substr(prefix.size());
    }
  }
  return std::nullopt;
}

bool Node::locks() const { return up() && engine_->status().locks_held > (session_ ? 1U : 0U); }

std::int64_t Node::balance() const { return engine_->balances().front(); }
Watermark Node::watermark() const { return engine_->watermark(); }

// ---- What the engine does.

bool Node::is_watched(const TxnDescriptor& txn) const { return !dying_ && txn.txn == world_.txn(); }

void Node::tell(const Output& output) {
  if (const auto* decide = std::get_if<Decide>(&output)) {
    const std::string why = decide->reason == Reason::none ? "" : " reason=" + std::string(name_of(decide->reason));
    world_.effect("decide " + std::string(name_of(decide->outcome)) + why);
    world_.decided(*this, decide->outcome);
  } else if (std::holds_alternative<ReleaseLocks>(output)) {
    check_release(world_, *this);
    world_.effect("release");
  } else if (std::holds_alternative<Forget>(output)) {
    check_forget(world_, *this);
    world_.effect("forget");
  }
}

void Node::tell_unseen() {
  for (; next_ < asked_.size() && is_unseen(asked_[next_]); ++next_) {
    tell(asked_[next_]);
  }
}

void Node::end_step() {
  tell_unseen();
  if (next_ != asked_.size()) {
    world_.violation(name + ": the engine leaves out what its machine has asked for");
  }
  asked_.clear();
  next_ = 0;
}

template <class O>
const O* Node::performed() {
  tell_unseen();
  const O* output = next_ < asked_.size() ? std::get_if<O>(&asked_[next_]) : nullptr;
  if (output == nullptr) {
    world_.violation(name + ": the engine does what its machine has not asked for");
  } else {
    ++next_;
  }
  return output;
}

void Node::machine_stepped(const TxnDescriptor& txn, Role at, const Input& input, const Outbox& outbox) {
  if (dying_) {
    return;
  }
  end_step();
  if (!is_watched(txn)) {
    return;
  }
  if (at != role) {
    world_.violation(name + ": a machine in another's role");
  }
  stepped_ = true;
  const Protocol& row = world_.protocol();
  if (const auto* timer = std::get_if<TimerFired>(&input)) {
    world_.line(*this, "timer " + std::string(row.timer_name(timer->timer)));
  } else if (const auto* forced = std::get_if<LogForced>(&input)) {
    world_.line(*this, "forced " + std::string(row.record_name(forced->kind)));
  } else if (const auto* executed = std::get_if<Executed>(&input)) {
    world_.line(*this, "executed " + std::string(name_of(executed->vote)));
  }
  asked_ = outbox;
}

Instant Node::now() const { return world_.now(); }

std::size_t Node::send(NodeId to, const PeerPayload& payload) {
  if (dying_) {
    return 0;
  }
  const PeerMessage message{id, epoch, world_.watermark_of(*this), payload};
  if (const auto* wire = std::get_if<ProtocolMessage>(&payload)) {
    if (!stepped_) {
      answered_ = true;
      world_.effect("no machine:");
    } else {
      (void)performed<Send>();
    }
    const Message& said = wire->message;
    const bool refuses_late = answered_ && told_abort;  // By then all is over: no vote, and it does not unsay one.
    if (role == Role::participant && voted == Vote::none && !refuses_late) {
      voted = said.vote;
    }
    check_send(world_, *this, said);
    world_.send(message);
  } else if (const auto* reply = std::get_if<ClientReply>(&payload)) {
    tell_unseen();
    check_reply(world_, *this, *reply);
  } else {
    world_.send_apart(to, message);
  }
  return 1;
}

void Node::write(const DurableRecord& record, WriteToken token) {
  if (dying_) {
    return;
  }
  log.push_back(std::get<MachineRecord>(record));
  const std::string what = text_of(world_.protocol(), log.back().record);
  if (token == 0) {
    (void)performed<AppendLog>();
    world_.effect("append " + what);
  } else {
    (void)performed<ForceLog>();
    world_.effect("force " + what);
    world_.force(*this, token);
  }
}

void Node::set_timer(TimerToken token, Instant deadline) {
  if (dying_) {
    return;
  }
  if (std::exchange(lock_timer_next_, false)) {
    lock_timer_ = token;  // The script says when this one fires.
    return;
  }
  timers_.insert(token);
  tell_unseen();
  if (next_ == asked_.size()) {
    world_.set_timer(*this, token, deadline, true);  // A service of the node's.
  } else if (const auto* timer = performed<SetTimer>()) {
    world_.effect("timer " + std::string(world_.protocol().timer_name(timer->timer)) + " in " +
                  in_ms(deadline - now()));
    world_.set_timer(*this, token, deadline, false);
  }
}

void Node::cancel_timer(TimerToken token) {
  timers_.erase(token);
  lock_timer_ = lock_timer_ == token ? 0 : lock_timer_;
}

void Node::noted(const TxnDescriptor& txn, Role /*at*/, std::string_view event) {
  if (is_watched(txn)) {
    (void)performed<Note>();
    world_.effect("note " + std::string(event));
    world_.reached(*this, std::string(event));
  }
}

void Node::alarm(std::string_view what) {
  if (!dying_) {
    world_.alarm(what);
  }
}

void Node::locks_awaited(const TxnDescriptor& txn, TxnId /*behind*/) {
  if (is_watched(txn)) {
    (void)performed<Execute>();
    world_.effect("lock");
    lock_timer_next_ = true;
    world_.wait_for_locks(*this);
  }
}

void Node::locks_granted(const TxnDescriptor& txn, bool waited) {
  if (is_watched(txn) && !waited) {
    (void)performed<Execute>();
    world_.effect("lock");
  }
}

void Node::locks_released(const TxnDescriptor& txn, Outcome /*outcome*/, Duration /*held*/, Duration /*summed*/,
                          bool /*waited*/) {
  if (is_watched(txn)) {
    tell_unseen();
    check_release(world_, *this);
  }
}

void Node::transaction_decided(const TxnDescriptor& txn, Outcome /*outcome*/, Reason /*why*/, Duration /*latency*/,
                               std::uint32_t delays) {
  if (is_watched(txn)) {
    world_.cost().delays_to_decision = delays;
  }
}

void Node::message_sent(Traffic traffic, std::string_view /*kind*/, bool /*wan*/, std::size_t /*bytes*/) {
  world_.cost().messages += !dying_ && traffic == Traffic::protocol ? 1 : 0;
}

void Node::forced_write() { world_.cost().forced_writes += dying_ ? 0 : 1; }

}  // namespace geocommit::trace
