// Planted mutants: builds with a known bug must be caught, or the invariants prove nothing (pitfall 33).
#include <algorithm>
#include <catch2/catch.hpp>
#include <iterator>

#include "engine/lock_manager.h"
#include "engine/resource_manager.h"
#include "protocols/easy_commit/easy_commit.h"
#include "protocols/three_phase_commit/three_phase_commit.h"
#include "protocols/two_phase_commit/two_phase_commit.h"
#include "tests/trace/script.h"

namespace geocommit::trace {
namespace {

/// A machine whose outputs pass through Change.
template <class Change>
class Mutant final : public CommitMachine {
 public:
  explicit Mutant(std::unique_ptr<CommitMachine> real) : real_(std::move(real)) {}
  void step(Instant now, const Input& input, Outbox& out) override {
    Outbox real;
    real_->step(now, input, real);
    Change{}(input, real, out);
  }
  [[nodiscard]] std::string describe() const override { return real_->describe(); }
  void hash_state(std::string& out) const override { real_->hash_state(out); }
  [[nodiscard]] SiteState site_state() const override { return real_->site_state(); }
  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override {
    return std::make_unique<Mutant>(real_->clone());
  }

 private:
  std::unique_ptr<CommitMachine> real_;
};

template <class Change, Role kRole>
Protocol mutate(std::string_view name) {
  Protocol row = *find_protocol(name);
  static auto* real_make = row.make;
  real_make = row.make;
  row.make = [](Role role, const TxnContext& context) -> std::unique_ptr<CommitMachine> {
    auto real = real_make(role, context);
    if (role != kRole) {
      return real;
    }
    return std::make_unique<Mutant<Change>>(std::move(real));
  };
  return row;
}

/// Forces of `kind` become lazy, and count as done at once: what follows the force is sent before it is durable.
template <std::uint8_t kKind>
struct BeforeForce {
  void operator()(const Input& input, Outbox& real, Outbox& out) const {
    for (Output& output : real) {
      out.push_back(output);
      const auto* force = std::get_if<ForceLog>(&output);
      if (force == nullptr || force->record.kind != kKind) {
        continue;
      }
      const bool yes = std::holds_alternative<Executed>(input);
      Message early = std::holds_alternative<Received>(input) ? std::get<Received>(input).message : Message{};
      early.to = NodeId{1001};
      early.from = NodeId{1};
      early.to_role = Role::coordinator;
      early.outcome = Outcome::undecided;
      early.kind = static_cast<std::uint8_t>(yes ? two_phase_commit::Kind::vote : two_phase_commit::Kind::ack);
      early.vote = yes ? Vote::yes : Vote::none;
      out.emplace_back(Send{early});
    }
  }
};

/// DECISION(commit) leaves together with the force of the commit record.
struct DecisionBeforeForce {
  void operator()(const Input& /*input*/, Outbox& real, Outbox& out) const {
    for (Output& output : real) {
      const auto* force = std::get_if<ForceLog>(&output);
      if (force != nullptr && force->record.outcome == Outcome::commit) {
        out.emplace_back(Decide{Outcome::commit, Reason::none});
      }
      out.push_back(output);
    }
  }
};

/// A site that voted YES aborts alone when its decision timer fires (the heuristic that 2PC forbids).
struct AbortsAlone {
  void operator()(const Input& input, Outbox& real, Outbox& out) const {
    if (std::holds_alternative<TimerFired>(input)) {
      out.emplace_back(Decide{Outcome::abort, Reason::terminated});
      out.emplace_back(ReleaseLocks{});
      out.emplace_back(Forget{});
      return;
    }
    out.insert(out.end(), real.begin(), real.end());
  }
};

/// Releases the locks together with the vote.
struct ReleasesInDoubt {
  void operator()(const Input& /*input*/, Outbox& real, Outbox& out) const {
    for (Output& output : real) {
      out.push_back(output);
      if (const auto* send = std::get_if<Send>(&output); send != nullptr && send->message.vote == Vote::yes) {
        out.emplace_back(ReleaseLocks{});
      }
    }
  }
};

/// The coordinator takes the first ACK for all of them.
struct ForgetsEarly {
  void operator()(const Input& input, Outbox& real, Outbox& out) const {
    out.insert(out.end(), real.begin(), real.end());
    const auto* in = std::get_if<Received>(&input);
    if (in != nullptr && in->message.kind == static_cast<std::uint8_t>(two_phase_commit::Kind::ack)) {
      out.emplace_back(Forget{});
    }
  }
};

/// 3PC in which a restarted site's state counts like a live one's.
class CountsRestarted final : public CommitMachine {
 public:
  explicit CountsRestarted(std::unique_ptr<CommitMachine> real) : real_(std::move(real)) {}
  void step(Instant now, const Input& input, Outbox& out) override {
    Input changed = input;
    if (auto* in = std::get_if<Received>(&changed);
        in != nullptr && in->message.kind == static_cast<std::uint8_t>(three_phase_commit::Kind::in_doubt)) {
      in->message.kind = static_cast<std::uint8_t>(three_phase_commit::Kind::state_answer);
    }
    real_->step(now, changed, out);
  }
  [[nodiscard]] std::string describe() const override { return real_->describe(); }
  void hash_state(std::string& out) const override { real_->hash_state(out); }
  [[nodiscard]] SiteState site_state() const override { return real_->site_state(); }
  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override {
    return std::make_unique<CountsRestarted>(real_->clone());
  }

 private:
  std::unique_ptr<CommitMachine> real_;
};

/// A machine that is told something else than what arrives.
template <class Change>
class Misled final : public CommitMachine {
 public:
  explicit Misled(std::unique_ptr<CommitMachine> real) : real_(std::move(real)) {}
  void step(Instant now, const Input& input, Outbox& out) override {
    Input changed = input;
    Change{}(changed);
    real_->step(now, changed, out);
  }
  [[nodiscard]] std::string describe() const override { return real_->describe(); }
  void hash_state(std::string& out) const override { real_->hash_state(out); }
  [[nodiscard]] SiteState site_state() const override { return real_->site_state(); }
  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override {
    return std::make_unique<Misled>(real_->clone());
  }

 private:
  std::unique_ptr<CommitMachine> real_;
};

/// A site keeps what it has been told to itself.
struct KeepsIt {
  void operator()(const Input& /*input*/, Outbox& real, Outbox& out) const {
    std::copy_if(real.begin(), real.end(), std::back_inserter(out), [](const Output& output) {
      const auto* send = std::get_if<Send>(&output);
      return send == nullptr || send->message.kind != raw(easy_commit::Kind::decision);
    });
  }
};

/// A coordinator that restarts without an outcome presumes abort, as 2PC's may.
struct PresumesAbort {
  void operator()(const Input& input, Outbox& real, Outbox& out) const {
    if (std::holds_alternative<Recovered>(input)) {
      out.emplace_back(Decide{Outcome::abort, Reason::recovery});
      out.emplace_back(Forget{});
      return;
    }
    out.insert(out.end(), real.begin(), real.end());
  }
};

/// A restarted coordinator takes the first restarted site's ignorance for everybody's.
struct FirstInDoubtDecides {
  void operator()(Input& input) const {
    if (auto* in = std::get_if<Received>(&input);
        in != nullptr && in->message.kind == raw(easy_commit::Kind::in_doubt)) {
      in->message.kind = raw(easy_commit::Kind::answer);
      in->message.outcome = Outcome::abort;
      in->message.state = SiteState::aborted;
    }
  }
};

/// A restarted site takes a commit that was sent to its earlier life, as if it were durable with its sender.
struct TakesTheStale {
  void operator()(Input& input) const {
    if (auto* in = std::get_if<Received>(&input); in != nullptr &&
                                                  in->message.kind == raw(easy_commit::Kind::decision) &&
                                                  in->message.outcome == Outcome::commit) {
      in->message.kind = raw(easy_commit::Kind::answer);
      in->message.state = SiteState::committed;
    }
  }
};

template <class Change, Role kRole>
Protocol mislead_easy_commit() {
  Protocol row = *find_protocol("easy-commit");
  row.make = [](Role role, const TxnContext& context) -> std::unique_ptr<CommitMachine> {
    auto real = easy_commit::make(role, context);
    if (role != kRole) {
      return real;
    }
    return std::make_unique<Misled<Change>>(std::move(real));
  };
  return row;
}

// C tells P1 alone and dies; P1 commits, and dies.
constexpr const char* kOnlyOneTold =
    "> use easy-commit 3\n> at C decision-sent-to-one crash C\n> begin\n> run 40\n> crash P1\n> run 3000\n> finish\n";
// C dies with its record lost; the sites commit.
constexpr const char* kRecordLost =
    "> use easy-commit 2\n> begin\n> run 25\n> crash C\n> run 200\n> restart C\n> run\n> finish\n";
// ... and P1 with it, before it hears anything.
constexpr const char* kOneInDoubt =
    "> use easy-commit 2\n> begin\n> run 25\n> crash C\n> crash P1\n> run 75\n> restart P1\n> restart C\n> run\n"
    "> finish\n";
// C tells P1 alone, and both die; P2 concludes abort. P1 is back before what was sent to it arrives.
constexpr const char* kStale =
    "> use easy-commit 2\n> hold DECISION C P1 1\n> at C decision-sent-to-one crash C\n> begin\n> run 100\n> crash P1\n"
    "> run 3000\n> restart P1\n> release\n> run\n> finish\n";

constexpr const char* kHappy = "> use 2pc 3\n> begin\n> run\n> finish\n";
constexpr const char* kLostDecision = "> use 2pc 3\n> drop DECISION C P3\n> begin\n> run 2000\n> finish\n";
constexpr const char* kInDoubt = "> use 2pc 3\n> at C decision-sent-to-one crash C\n> begin\n> run 2000\n> finish\n";
constexpr const char* kErased =
    "> use 2pc 3\n> hold DECISION C P3 1\n> begin\n> run 100\n> erase P3\n> restart P3\n> finish blocked\n";

// P1 alone is in PC and down; P2 leads, forces abort, and dies before it tells; then P1 is back when P3 leads.
constexpr const char* kRestartedInPc =
    "> use 3pc 3\n> at C precommit-sent-to-one crash C\n> at P2 decision-forced crash P2\n> begin\n> run 45\n"
    "> crash P1\n> run 1100\n> restart P1\n> run 6000\n> finish\n";

/// Locks that nobody lets go of, but for the session that had them first.
class KeptLocks final : public LockManager {
 public:
  using LockManager::LockManager;
  Held release(TxnId txn, Instant now, Effects& effects) override {
    return txn.coordinator == NodeId{1001} ? Held{} : LockManager::release(txn, now, effects);
  }
};

/// Balances that a commit leaves as they are.
class Unchanged final : public ResourceManager {
 public:
  explicit Unchanged(std::unique_ptr<ResourceManager> real) : real_(std::move(real)) {}
  Executed execute(const TxnDescriptor& transaction) override { return real_->execute(transaction); }
  void commit(TxnId /*txn*/, const std::vector<Operation>& /*operations*/) override {}
  void undo(const std::vector<Operation>& operations, const std::vector<TxnId>& versions) override {
    real_->undo(operations, versions);
  }
  [[nodiscard]] std::vector<TxnId> versions(const std::vector<Operation>& operations) const override {
    return real_->versions(operations);
  }
  [[nodiscard]] std::int64_t balance(Entity entity) const override { return real_->balance(entity); }
  [[nodiscard]] const std::vector<std::int64_t>& balances() const override { return real_->balances(); }
  [[nodiscard]] const std::vector<TxnId>& writers() const override { return real_->writers(); }
  void restore(std::vector<std::int64_t> balances, std::vector<TxnId> writers) override {
    real_->restore(std::move(balances), std::move(writers));
  }

 private:
  std::unique_ptr<ResourceManager> real_;
};

std::vector<std::string> violations_with(const EngineParts& parts) {
  const ScriptResult result = run_script(kHappy, nullptr, parts);
  REQUIRE(result.errors.empty());
  return result.violations;
}

bool caught(const char* script, const Protocol& mutant) {
  const ScriptResult result = run_script(script, &mutant);
  REQUIRE(result.errors.empty());
  return !result.violations.empty();
}

}  // namespace

TEST_CASE("the real machines pass the scripts that the mutants fail") {
  for (const char* script :
       {kHappy, kLostDecision, kInDoubt, kErased, kRestartedInPc, kOnlyOneTold, kRecordLost, kOneInDoubt, kStale}) {
    const ScriptResult result = run_script(script);
    CAPTURE(result.text);
    CHECK(result.errors.empty());
    CHECK(result.violations.empty());
  }
}

TEST_CASE("a vote before the force is caught") {
  CHECK(caught(kHappy, mutate<BeforeForce<1>, Role::participant>("2pc")));
}

TEST_CASE("an acknowledgement before the force is caught") {
  CHECK(caught(kHappy, mutate<BeforeForce<2>, Role::participant>("2pc")));
}

TEST_CASE("a decision before the force is caught") {
  CHECK(caught(kHappy, mutate<DecisionBeforeForce, Role::coordinator>("2pc")));
  CHECK(caught("> use 3pc 3\n> begin\n> run\n> finish\n", mutate<DecisionBeforeForce, Role::coordinator>("3pc")));
}

TEST_CASE("an acknowledgement of a commit that the site knows nothing of is caught") {
  Protocol mutant = *find_protocol("2pc");
  mutant.orphan = [](const Message& message, const Remembered& remembered) {
    OrphanRule rule = two_phase_commit::orphan(message, remembered);
    if (message.outcome == Outcome::commit && rule.action == OrphanAction::ignore) {
      rule.action = OrphanAction::reply;
      rule.reply.kind = static_cast<std::uint8_t>(two_phase_commit::Kind::ack);
      rule.reply.to_role = Role::coordinator;
    }
    return rule;
  };
  CHECK(caught(kErased, mutant));
}

TEST_CASE("an abort alone in doubt is caught") {
  CHECK(caught(kInDoubt, mutate<AbortsAlone, Role::participant>("2pc")));
}

TEST_CASE("a release in doubt is caught") { CHECK(caught(kHappy, mutate<ReleasesInDoubt, Role::participant>("2pc"))); }

TEST_CASE("a coordinator that forgets before every site has acknowledged is caught") {
  CHECK(caught(kLostDecision, mutate<ForgetsEarly, Role::coordinator>("2pc")));
}

// Mutant locks-kept: a lock manager does not let go when it is told to. Caught by: the locks that its engine reports at
// the end of a trace.
TEST_CASE("an engine that keeps its locks is caught") {
  EngineParts parts;
  parts.locks = [](LockingPolicy policy) -> std::unique_ptr<LockManager> {
    return std::make_unique<KeptLocks>(policy);
  };
  CHECK(violations_with(parts) ==
        std::vector<std::string>{"P1 still holds locks", "P2 still holds locks", "P3 still holds locks"});
}

// Mutant commit-without-change: a site commits, and its balance stays. Caught by: the balances against the logs at the
// end of a trace.
TEST_CASE("an engine that does not carry out what it commits is caught") {
  EngineParts parts;
  parts.resources = [](const Directory& directory, std::int64_t balance) -> std::unique_ptr<ResourceManager> {
    return std::make_unique<Unchanged>(make_locked_before_prepare(directory, balance));
  };
  CHECK(violations_with(parts).size() == 3);
  CHECK(violations_with(parts).front() == "P1 has a balance that its log does not explain");
}

TEST_CASE("a 2PC that presumes commit for what it has forgotten is caught") {
  Protocol mutant = *find_protocol("2pc");
  mutant.orphan = [](const Message& message, const Remembered& remembered) {
    OrphanRule rule = two_phase_commit::orphan(message, remembered);
    if (rule.action == OrphanAction::reply && message.to_role == Role::coordinator) {
      rule.reply.outcome = Outcome::commit;
      rule.reply.state = SiteState::committed;
    }
    return rule;
  };
  CHECK(caught("> use 2pc 2\n> at C votes-collected crash C\n> begin\n> run 800\n> finish\n", mutant));
}

TEST_CASE("a 3PC that counts the states of restarted sites is caught") {
  Protocol mutant = *find_protocol("3pc");
  mutant.make = [](Role role, const TxnContext& context) -> std::unique_ptr<CommitMachine> {
    auto real = three_phase_commit::make(role, context);
    if (role == Role::coordinator) {
      return real;
    }
    return std::make_unique<CountsRestarted>(std::move(real));
  };
  CHECK(caught(kRestartedInPc, mutant));
}

// Mutant commit-not-forwarded: an EasyCommit site commits and does not send the decision on. Caught by: a split, when
// whoever was told dies.
TEST_CASE("an EasyCommit site that does not send the decision on is caught") {
  CHECK(caught(kOnlyOneTold, mutate<KeepsIt, Role::participant>("easy-commit")));
}

// Mutant easy-commit-presumes-abort: a restarted EasyCommit coordinator without an outcome aborts. Caught by: a split,
// its record having been lost behind its decision.
TEST_CASE("an EasyCommit coordinator that presumes abort is caught") {
  CHECK(caught(kRecordLost, mutate<PresumesAbort, Role::coordinator>("easy-commit")));
}

// Mutant first-in-doubt-decides: a restarted EasyCommit coordinator aborts when one site is in doubt. Caught by: a
// split from the site that has committed.
TEST_CASE("an EasyCommit coordinator that does not hear everybody is caught") {
  CHECK(caught(kOneInDoubt, mislead_easy_commit<FirstInDoubtDecides, Role::coordinator>()));
}

// Mutant stale-commit-taken: a restarted EasyCommit site takes a commit that was sent to its earlier life. Caught by: a
// split from the site that has concluded abort meanwhile.
TEST_CASE("an EasyCommit site that takes what was sent to its earlier life is caught") {
  CHECK(caught(kStale, mislead_easy_commit<TakesTheStale, Role::participant>()));
}

}  // namespace geocommit::trace
