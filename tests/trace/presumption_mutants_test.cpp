// Planted mutants of the variants of two-phase commit: each breaks a rule that its presumption rests on (ADR 46).
#include <catch2/catch.hpp>

#include "protocols/two_phase_commit/two_phase_commit.h"
#include "tests/trace/script.h"

namespace geocommit::trace {
namespace {

using two_phase_commit::Kind;
using two_phase_commit::Record;

/// A machine of which Change sees every input and every output.
template <class Change>
class Changed final : public CommitMachine {
 public:
  explicit Changed(std::unique_ptr<CommitMachine> real) : real_(std::move(real)) {}
  void step(Instant now, const Input& input, Outbox& out) override { Change{}(*real_, now, input, out); }
  [[nodiscard]] std::string describe() const override { return real_->describe(); }
  void hash_state(std::string& out) const override { real_->hash_state(out); }
  [[nodiscard]] SiteState site_state() const override { return real_->site_state(); }
  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override {
    return std::make_unique<Changed>(real_->clone());
  }

 private:
  std::unique_ptr<CommitMachine> real_;
};

template <class Change, Role kRole>
Protocol changed(std::string_view name) {
  Protocol row = *find_protocol(name);
  static auto* real_make = row.make;
  real_make = row.make;
  row.make = [](Role role, const TxnContext& context) -> std::unique_ptr<CommitMachine> {
    auto real = real_make(role, context);
    if (role != kRole) {
      return real;
    }
    return std::make_unique<Changed<Change>>(std::move(real));
  };
  return row;
}

/// It notes what it should force, and goes on.
template <Record kRecord>
struct Notes {
  void operator()(CommitMachine& real, Instant now, const Input& input, Outbox& out) const {
    Outbox asked;
    real.step(now, input, asked);
    for (Output& output : asked) {
      auto* force = std::get_if<ForceLog>(&output);
      if (force == nullptr || force->record.kind != raw(kRecord)) {
        out.push_back(std::move(output));
        continue;
      }
      out.emplace_back(AppendLog{force->record});
      real.step(now, LogForced{raw(kRecord)}, out);
    }
  }
};

/// It takes the first acknowledgement of an abort for all of them.
struct ForgetsTheAbort {
  void operator()(CommitMachine& real, Instant now, const Input& input, Outbox& out) const {
    real.step(now, input, out);
    const auto* in = std::get_if<Received>(&input);
    if (in != nullptr && in->message.kind == raw(Kind::ack_abort)) {
      out.emplace_back(Forget{});
    }
  }
};

/// It presumes of what it is voting on.
struct PresumesTooSoon {
  void operator()(CommitMachine& real, Instant now, const Input& input, Outbox& out) const {
    real.step(now, input, out);
    const auto* in = std::get_if<Received>(&input);
    if (in != nullptr && in->message.kind == raw(Kind::inquiry) && real.site_state() == SiteState::working) {
      Message answer = in->message;
      std::swap(answer.from, answer.to);
      answer.kind = raw(Kind::answer);
      answer.to_role = Role::participant;
      answer.outcome = Outcome::commit;
      answer.state = SiteState::committed;
      out.emplace_back(Send{answer});
    }
  }
};

/// After a restart it has forgotten what it had begun.
struct ForgetsCollecting {
  void operator()(CommitMachine& real, Instant now, const Input& input, Outbox& out) const {
    if (std::holds_alternative<Recovered>(input)) {
      out.emplace_back(Decide{Outcome::abort, Reason::recovery});
      out.emplace_back(Forget{});
      return;
    }
    real.step(now, input, out);
  }
};

std::string on(const char* protocol, const char* script) { return "> use " + std::string(protocol) + script; }

constexpr const char* kNothing = "2pc-presumed-nothing";
constexpr const char* kCommit = "2pc-presumed-commit";
constexpr const char* kOneNo = " 3\n> vote P2 no\n> begin\n> run\n> finish\n";
// C dies with a NO on its way, and asks nobody again.
constexpr const char* kDiesCollecting =
    " 3\n> vote P2 no\n> delay C P2 100\n> begin\n> run 50\n> crash C\n> run 300\n> restart C\n> run\n> finish\n";
// The sites are in doubt, and ask, while C waits for a vote that will be NO.
constexpr const char* kAsksEarly =
    " 3\n> timeouts 500 100 200\n> delay C P2 200\n> vote P2 no\n> begin\n> run\n> finish\n";

bool caught(const std::string& script, const Protocol& mutant) {
  const ScriptResult real = run_script(script);
  REQUIRE(real.errors.empty());
  CAPTURE(real.text);
  CHECK(real.violations.empty());
  const ScriptResult result = run_script(script, &mutant);
  REQUIRE(result.errors.empty());
  return !result.violations.empty();
}

}  // namespace

// Mutant abort-acknowledged-early: a site acknowledges an abort that it has only noted. Caught by: what traces hold
// every acknowledgement against.
TEST_CASE("an acknowledgement of an abort that is not durable is caught") {
  for (const char* protocol : {kNothing, kCommit}) {
    CHECK(caught(on(protocol, kOneNo), changed<Notes<Record::abort>, Role::participant>(protocol)));
  }
}

// Mutant abort-forgotten-early: a coordinator that does not presume abort forgets one with the first
// acknowledgement. Caught by: what traces hold every Forget against.
TEST_CASE("a coordinator that forgets an abort before all have acknowledged it is caught") {
  for (const char* protocol : {kNothing, kCommit}) {
    CHECK(caught(on(protocol, " 3\n> drop DECISION C P3 1\n> vote P2 no\n> begin\n> run\n> finish\n"),
                 changed<ForgetsTheAbort, Role::coordinator>(protocol)));
  }
}

// Mutant prepare-before-collecting: PREPARE leaves before `collecting` is durable, and the crash takes it
// along. Caught by: a commit that is told without every YES.
TEST_CASE("a PREPARE that leaves before `collecting` is durable is caught") {
  CHECK(caught(on(kCommit, kDiesCollecting), changed<Notes<Record::collecting>, Role::coordinator>(kCommit)));
}

// Mutant collecting-forgotten: a restarted coordinator takes `collecting` for nothing, as 2PC's may. Caught by: an
// abort that is forgotten, and then presumed to be a commit.
TEST_CASE("a coordinator that restarts with `collecting` and goes to rest is caught") {
  CHECK(caught(on(kCommit, kDiesCollecting), changed<ForgetsCollecting, Role::coordinator>(kCommit)));
}

// Mutant presumed-while-voting: a coordinator presumes commit of what it is still voting on. Caught by: a commit that
// is told without every YES.
TEST_CASE("a presumption about a transaction that is being voted on is caught") {
  CHECK(caught(on(kCommit, kAsksEarly), changed<PresumesTooSoon, Role::coordinator>(kCommit)));
}

// Mutant aborts-presumed: a coordinator answers a question as if it presumed abort. Caught by: the split.
TEST_CASE("the other presumption is caught") {
  Protocol mutant = *find_protocol(kCommit);
  mutant.orphan = two_phase_commit::orphan<two_phase_commit::kPresumedAbort>;
  CHECK(caught(on(kCommit, " 3\n> drop DECISION C P3 1\n> cut P1 | P3\n> cut P2 | P3\n> begin\n> run\n> finish\n"),
               mutant));
}

}  // namespace geocommit::trace
