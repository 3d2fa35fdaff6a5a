// What a mutant does to a machine's inputs and outputs.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "protocols/machine_base.h"
#include "protocols/three_phase_commit/three_phase_commit.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::explore {

template <class E>
constexpr std::uint8_t raw(E value) {
  return static_cast<std::uint8_t>(value);
}

/// A machine whose steps pass through Change (without state of its own, so the real machine's hash is complete).
template <class Change>
class Mutated final : public CommitMachine {
 public:
  Mutated(std::unique_ptr<CommitMachine> real, TxnContext context)
      : real_(std::move(real)), context_(std::move(context)) {}
  void step(Instant now, const Input& input, Outbox& out) override { Change{}(*real_, context_, now, input, out); }
  [[nodiscard]] std::string describe() const override { return real_->describe(); }
  void hash_state(std::string& out) const override { real_->hash_state(out); }
  [[nodiscard]] SiteState site_state() const override { return real_->site_state(); }
  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override {
    return std::make_unique<Mutated>(real_->clone(), context_);
  }

 private:
  std::unique_ptr<CommitMachine> real_;
  TxnContext context_;
};

inline const Message* message_in(const Input& input) {
  const auto* received = std::get_if<Received>(&input);
  return received != nullptr ? &received->message : nullptr;
}
inline bool is_timer(const Input& input, std::uint8_t timer) {
  const auto* fired = std::get_if<TimerFired>(&input);
  return fired != nullptr && fired->timer == timer;
}
template <class T>
const T* as(const Output& output) {
  return std::get_if<T>(&output);
}

/// A force that nobody waits for.
template <std::uint8_t kRecord>
struct DoesNotWait {
  void operator()(CommitMachine& real, const TxnContext&, Instant now, const Input& input, Outbox& out) const {
    Outbox steps;
    real.step(now, input, steps);
    for (Output& output : steps) {
      const auto* force = as<ForceLog>(output);
      if (force == nullptr || force->record.kind != kRecord) {
        out.push_back(output);
        continue;
      }
      out.emplace_back(AppendLog{force->record});
      real.step(now, LogForced{kRecord}, out);
    }
  }
};

/// A timer of that number is never armed.
template <std::uint8_t kTimer>
struct NeverArms {
  void operator()(CommitMachine& real, const TxnContext&, Instant now, const Input& input, Outbox& out) const {
    Outbox steps;
    real.step(now, input, steps);
    for (Output& output : steps) {
      const auto* timer = as<SetTimer>(output);
      if (timer == nullptr || timer->timer != kTimer) {
        out.push_back(output);
      }
    }
  }
};

struct ForgetsAtFirstAck {
  void operator()(CommitMachine& real, const TxnContext&, Instant now, const Input& input, Outbox& out) const {
    real.step(now, input, out);
    const Message* in = message_in(input);
    if (in != nullptr && in->kind == raw(two_phase_commit::Kind::ack) && real.site_state() == SiteState::committed) {
      out.emplace_back(Forget{});
    }
  }
};

struct GivesUpResending {
  void operator()(CommitMachine& real, const TxnContext&, Instant now, const Input& input, Outbox& out) const {
    if (is_timer(input, raw(two_phase_commit::Timer::resend))) {
      out.emplace_back(Forget{});
      return;
    }
    real.step(now, input, out);
  }
};

struct AnswersWhileVoting {
  void operator()(CommitMachine& real, const TxnContext& context, Instant now, const Input& input, Outbox& out) const {
    const Message* in = message_in(input);
    if (in != nullptr && in->kind == raw(two_phase_commit::Kind::inquiry) && real.site_state() == SiteState::working) {
      Message answer;
      answer.from = context.self;
      answer.to = in->from;
      answer.kind = raw(two_phase_commit::Kind::answer);
      answer.outcome = Outcome::abort;
      answer.state = SiteState::aborted;
      out.emplace_back(Send{answer});
      return;
    }
    real.step(now, input, out);
  }
};

template <std::uint8_t kTimer, std::uint8_t kAbort>
struct AbortsAlone {
  void operator()(CommitMachine& real, const TxnContext&, Instant now, const Input& input, Outbox& out) const {
    if (is_timer(input, kTimer)) {
      out.emplace_back(AppendLog{make_record(kAbort, Outcome::abort, Reason::terminated)});
      out.emplace_back(Decide{Outcome::abort, Reason::terminated});
      out.emplace_back(ReleaseLocks{});
      out.emplace_back(Forget{});
      return;
    }
    real.step(now, input, out);
  }
};

struct ReleasesWithVote {
  void operator()(CommitMachine& real, const TxnContext&, Instant now, const Input& input, Outbox& out) const {
    real.step(now, input, out);
    if (!out.empty() && as<Send>(out.front()) == nullptr && out.size() > 1) {
      const auto* send = as<Send>(out[1]);
      if (send != nullptr && send->message.vote == Vote::yes) {
        out.emplace_back(ReleaseLocks{});
      }
    }
  }
};

struct SilenceIsConsent {
  void operator()(CommitMachine& real, const TxnContext& context, Instant now, const Input& input, Outbox& out) const {
    if (!is_timer(input, raw(two_phase_commit::Timer::vote))) {
      return real.step(now, input, out);
    }
    for (const Member& member : context.cohort) {
      Message yes;
      yes.from = member.node;
      yes.to = context.self;
      yes.txn = context.txn;
      yes.kind = raw(two_phase_commit::Kind::vote);
      yes.to_role = Role::coordinator;
      yes.vote = Vote::yes;
      real.step(now, Received{yes}, out);
    }
  }
};

/// The first YES counts for two.
struct CountsVotesNotVoters {
  void operator()(CommitMachine& real, const TxnContext& context, Instant now, const Input& input, Outbox& out) const {
    real.step(now, input, out);
    const Message* in = message_in(input);
    if (in != nullptr && in->vote == Vote::yes) {
      for (const Member& member : context.cohort) {
        if (member.node > in->from) {
          Message again = *in;
          again.from = member.node;
          return real.step(now, Received{again}, out);
        }
      }
    }
  }
};

struct TakesNoForReadOnly {
  void operator()(CommitMachine& real, const TxnContext&, Instant now, const Input& input, Outbox& out) const {
    const Message* in = message_in(input);
    if (in != nullptr && in->vote == Vote::no) {
      Message other = *in;
      other.vote = Vote::read_only;
      return real.step(now, Received{other}, out);
    }
    real.step(now, input, out);
  }
};

template <std::uint8_t kAbort>
struct RecoversByAborting {
  void operator()(CommitMachine& real, const TxnContext&, Instant now, const Input& input, Outbox& out) const {
    if (std::holds_alternative<Recovered>(input)) {
      out.emplace_back(AppendLog{make_record(kAbort, Outcome::abort, Reason::recovery)});
      out.emplace_back(Decide{Outcome::abort, Reason::recovery});
      out.emplace_back(ReleaseLocks{});
      out.emplace_back(Forget{});
      return;
    }
    real.step(now, input, out);
  }
};

/// Restarted with `precommit`, it commits without asking who has terminated meanwhile.
struct RecoversByCommitting {
  void operator()(CommitMachine& real, const TxnContext& context, Instant now, const Input& input, Outbox& out) const {
    real.step(now, input, out);
    if (!std::holds_alternative<Recovered>(input)) {
      return;
    }
    for (const Member& member : context.cohort) {
      Message in_doubt;
      in_doubt.from = member.node;
      in_doubt.to = context.self;
      in_doubt.txn = context.txn;
      in_doubt.kind = raw(three_phase_commit::Kind::in_doubt);
      in_doubt.to_role = Role::coordinator;
      real.step(now, Received{in_doubt}, out);
    }
  }
};

}  // namespace geocommit::explore
