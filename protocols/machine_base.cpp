#include "protocols/machine_base.h"

#include <utility>

namespace geocommit {
namespace {
template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
}  // namespace

void MachineBase::step(Instant /*now*/, const Input& input, Outbox& out) {
  out_ = &out;
  const std::size_t before = out.size();
  if (forgotten_) {
    ignored();
  } else {
    std::visit(Overloaded{
                   [this](const Begin&) { on_begin(); },
                   [this](const Received& in) { on_message(in.message); },
                   [this](const TimerFired& in) { on_timer(in.timer); },
                   [this](const LogForced& in) { on_forced(in.kind); },
                   [this](const Executed& in) { on_executed(in.vote, in.reason); },
                   [this](const Wounded&) { on_wounded(); },
                   [this](const Recovered& in) { on_recovered(in.durable); },
               },
               input);
    const auto rest = std::remove_if(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(),
                                     [](const Output& output) { return std::holds_alternative<Forget>(output); });
    forgotten_ = rest != out.end();
    out.erase(rest, out.end());
    if (forgotten_) {
      out.emplace_back(Forget{});
    }
  }
  out_ = nullptr;
}

void MachineBase::hash_state(std::string& out) const {
  put(out, forgotten_ ? 1U : 0U);
  encode(out);
}

std::string MachineBase::describe() const {
  const Phase now = phase();
  std::string text(now.name);
  if (!now.counted.empty()) {
    text.append(" ").append(now.counted).append("=").append(std::to_string(now.count));
  }
  return text;
}

bool MachineBase::is_member(NodeId node) const {
  return std::any_of(context_.cohort.begin(), context_.cohort.end(), [&](const Member& m) { return m.node == node; });
}

Message Effects::message(NodeId to, Role to_role, std::uint8_t kind) const {
  Message m;
  m.from = context_->self;
  m.to = to;
  m.txn = context_->txn;
  m.kind = kind;
  m.to_role = to_role;
  return m;
}

std::vector<NodeId> others_of(const TxnContext& context) {
  std::vector<NodeId> others;
  for (const Member& member : context.cohort) {
    if (member.node != context.self) {
      others.push_back(member.node);
    }
  }
  return others;
}

LogRecord make_record(std::uint8_t kind, Outcome outcome, Reason reason) {
  LogRecord record;
  record.kind = kind;
  record.outcome = outcome;
  record.reason = reason;
  return record;
}

LogRecord make_first_record(std::uint8_t kind, Outcome outcome) {
  LogRecord record = make_record(kind, outcome);
  record.with_descriptor = true;
  return record;
}

void put(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xffU));
  }
}

void put(std::string& out, const std::vector<NodeId>& nodes) {
  put(out, static_cast<std::uint32_t>(nodes.size()));
  for (const NodeId node : nodes) {
    put(out, node.value);
  }
}

}  // namespace geocommit
