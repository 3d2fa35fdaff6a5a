// What every machine is made of: one handler per input, one helper per output. Holds no protocol rule; those are in the
// machines and in the parts that they share (protocols/parts).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/machine.h"

namespace geocommit {

/// Intervals of a resend: first, 2x, 4x, ... up to 16x the first, and 16x from then on (pitfall 18). Zero stays zero
/// and counts nothing: without a clock, a machine that only asks again is in the same state again. `most` bounds the
/// interval further, never below the first.
class Backoff {
 public:
  explicit Backoff(Duration first, Duration most = Duration::max()) : first_(first), most_(std::max(first, most)) {}
  Duration next() {
    const Duration interval = std::min(first_ * factor_, most_);
    if (first_ != Duration::zero() && interval < most_) {
      factor_ = std::min(factor_ * 2, kMostFactor);
    }
    return interval;
  }
  [[nodiscard]] int factor() const { return factor_; }

 private:
  static constexpr int kMostFactor = 16;
  Duration first_, most_;
  int factor_{1};
};

/// What a machine, or a part of one, asks for within one step.
class Effects {
 public:
  /// Both outlive it.
  Effects(const TxnContext& context, Outbox& out) : context_(&context), out_(&out) {}

  [[nodiscard]] const TxnContext& context() const { return *context_; }
  /// A message of this transaction from this node.
  [[nodiscard]] Message message(NodeId to, Role to_role, std::uint8_t kind) const;

  void send(Message message) { out_->emplace_back(Send{message}); }
  void force(LogRecord record) { out_->emplace_back(ForceLog{std::move(record)}); }
  void append(LogRecord record) { out_->emplace_back(AppendLog{std::move(record)}); }
  void arm(std::uint8_t timer, Duration after) { out_->emplace_back(SetTimer{timer, after}); }
  void cancel(std::uint8_t timer) { out_->emplace_back(CancelTimer{timer}); }
  void execute(bool read_only = true) { out_->emplace_back(Execute{read_only}); }
  void release() { out_->emplace_back(ReleaseLocks{}); }
  void decide(Outcome outcome, Reason reason = Reason::none) { out_->emplace_back(Decide{outcome, reason}); }
  void forget() { out_->emplace_back(Forget{}); }  ///< Once the step has asked for all else.
  void note(std::string_view event) { out_->emplace_back(Note{event}); }
  void ignored() { note("ignored"); }

 private:
  const TxnContext* context_;
  Outbox* out_;
};

/// What a machine, or a part of one, says of its state: a word for people, what others may take it for, and a count
/// that goes with the word.
struct Phase {
  std::string_view name{"?"};
  SiteState seen{SiteState::unknown};
  std::string_view counted{};  ///< What `count` counts; empty: nothing.
  std::size_t count{};
};

/// Dispatches inputs to handlers. An input without a handler, or one that a handler does not want, is ignored() with a
/// Note. A machine that has forgotten ignores everything.
class MachineBase : public CommitMachine {
 public:
  explicit MachineBase(TxnContext context) : context_(std::move(context)) {}

  void step(Instant now, const Input& input, Outbox& out) final;
  void hash_state(std::string& out) const final;
  [[nodiscard]] std::string describe() const override;
  [[nodiscard]] SiteState site_state() const final { return phase().seen; }

 protected:
  virtual void on_begin() { ignored(); }
  virtual void on_message(const Message& /*message*/) { ignored(); }
  virtual void on_timer(std::uint8_t /*timer*/) { ignored(); }
  virtual void on_forced(std::uint8_t /*kind*/) { ignored(); }
  virtual void on_executed(Vote /*vote*/, Reason /*reason*/) { ignored(); }
  virtual void on_wounded() { ignored(); }
  virtual void on_recovered(const std::vector<LogRecord>& /*durable*/) { ignored(); }
  [[nodiscard]] virtual Phase phase() const = 0;
  /// Appends everything that the machine's future depends on, besides the context.
  virtual void encode(std::string& out) const = 0;

  [[nodiscard]] const TxnContext& context() const { return context_; }
  [[nodiscard]] bool is_member(NodeId node) const;
  /// It is for a coordinator, and from a site of its transaction.
  [[nodiscard]] bool is_from_site(const Message& in) const {
    return in.to_role == Role::coordinator && is_member(in.from);
  }
  [[nodiscard]] bool forgotten() const { return forgotten_; }

  /// Only within step().
  [[nodiscard]] Effects effects() { return {context_, *out_}; }
  [[nodiscard]] Message message(NodeId to, Role to_role, std::uint8_t kind) {
    return effects().message(to, to_role, kind);
  }
  void send(Message message) { effects().send(message); }
  void force(LogRecord record) { effects().force(std::move(record)); }
  void append(LogRecord record) { effects().append(std::move(record)); }
  void arm(std::uint8_t timer, Duration after) { effects().arm(timer, after); }
  void cancel(std::uint8_t timer) { effects().cancel(timer); }
  void release() { effects().release(); }
  void decide(Outcome outcome, Reason reason = Reason::none) { effects().decide(outcome, reason); }
  void forget() { effects().forget(); }
  void note(std::string_view event) { effects().note(event); }
  void ignored() { effects().ignored(); }

 private:
  TxnContext context_;
  Outbox* out_{};  ///< Only within step().
  bool forgotten_{};
};

/// The machine that its engine has: Rules, which a protocol wrote, and that it can be copied. `more`: what its
/// constructor takes besides.
template <class Rules, class... More>
std::unique_ptr<CommitMachine> make_machine(const TxnContext& context, const More&... more) {
  class Machine final : public Rules {
   public:
    using Rules::Rules;
    [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override { return std::make_unique<Machine>(*this); }
  };
  return std::make_unique<Machine>(context, more...);
}

/// The participants, without this node.
[[nodiscard]] std::vector<NodeId> others_of(const TxnContext& context);

/// A record of `kind` that fixes `outcome` (undecided: none).
[[nodiscard]] LogRecord make_record(std::uint8_t kind, Outcome outcome = Outcome::undecided,
                                    Reason reason = Reason::none);

/// ... by which a role survives a crash.
[[nodiscard]] LogRecord make_first_record(std::uint8_t kind, Outcome outcome = Outcome::undecided);

// Encoding for hash_state: fixed width, so that no two states share bytes.
void put(std::string& out, std::uint32_t value);
template <class E>
requires std::is_enum_v<E>
void put(std::string& out, E value) { put(out, static_cast<std::uint32_t>(value)); }
void put(std::string& out, const std::vector<NodeId>& nodes);
template <class Part>
requires requires(const Part& part, std::string& out) { part.encode(out); }
void put(std::string& out, const Part& part) { part.encode(out); }
/// One after the other.
template <class... Fields>
void put_all(std::string& out, const Fields&... fields) {
  (put(out, fields), ...);
}

}  // namespace geocommit
