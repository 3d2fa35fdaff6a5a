// What a crash takes with it is a value of the row, and of the search: the same machines, judged under both.
#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <sstream>

#include "protocols/two_phase_commit/two_phase_commit.h"
#include "sim/explore/conflict/conflict.h"
#include "sim/explore/explore.h"
#include "tests/explore/mutants/changes.h"

namespace geocommit::explore {
namespace {

using DecidesUnforced = DoesNotWait<raw(two_phase_commit::Record::commit_chosen)>;

/// All votes YES: every site is sent the decision, then the client is told; the record is lazy.
struct TellsFirst {
  void operator()(CommitMachine& real, const TxnContext& context, Instant now, const Input& input, Outbox& out) const {
    Outbox steps;
    DecidesUnforced{}(real, context, now, input, steps);
    std::stable_partition(steps.begin(), steps.end(), [](const Output& output) {
      const auto* send = std::get_if<Send>(&output);
      return send != nullptr && send->message.outcome == Outcome::commit;
    });
    out.insert(out.end(), steps.begin(), steps.end());
  }
};

/// First transmit, then commit (Gupta and Sadoghi: EasyCommit, EDBT 2018, section 3): a site sends what it has been
/// told on to all others.
struct TellsOn {
  void operator()(CommitMachine& real, const TxnContext& context, Instant now, const Input& input, Outbox& out) const {
    const Message* in = message_in(input);
    if (in != nullptr && in->outcome == Outcome::commit && real.site_state() == SiteState::prepared) {
      for (const Member& member : context.cohort) {
        if (member.node != context.self) {
          Message on = *in;
          on.kind = raw(two_phase_commit::Kind::decision);
          on.to = member.node;
          out.emplace_back(Send{on});
        }
      }
    }
    real.step(now, input, out);
  }
};

struct AsItIs {
  void operator()(CommitMachine& real, const TxnContext&, Instant now, const Input& input, Outbox& out) const {
    real.step(now, input, out);
  }
};

/// 2PC but for what each role does.
template <class Coordinator, class Site = AsItIs>
Protocol two_phase_commit_with() {
  Protocol row = *find_protocol("2pc");
  row.make = [](Role role, const TxnContext& context) -> std::unique_ptr<CommitMachine> {
    auto real = two_phase_commit::make(role, context);
    if (role == Role::coordinator) {
      return std::make_unique<Mutated<Coordinator>>(std::move(real), context);
    }
    return std::make_unique<Mutated<Site>>(std::move(real), context);
  };
  return row;
}

/// With a row that says that the coordinator's word is the commit.
template <class Coordinator, class Site = AsItIs>
Protocol commits_by_sending() {
  Protocol row = two_phase_commit_with<Coordinator, Site>();
  row.safe_under = FaultModel::crashes_where_sent_arrives;
  row.commit_point = CommitPoint::sent;
  return row;
}

Options options_of(const Protocol& row, std::uint32_t crashes) {
  Options options;
  options.protocol = &row;
  options.participants = 2;
  options.lost_tail = true;
  options.bounds.crashes = crashes;
  return options;
}

void same_without_reductions(Options options, const Report& report) {
  options.reduce = options.leave_out_inert = options.symmetry = false;
  const Report whole = explore(options);
  CHECK(whole.ending == report.ending);
  CHECK(whole.states >= report.states);
}

}  // namespace

TEST_CASE("who commits by sending is safe where what was sent arrives, and splits where a crash takes it along") {
  const Protocol row = commits_by_sending<TellsFirst, TellsOn>();
  Options options = options_of(row, 1);
  const Report claimed = explore(options);  // Its row says that what was sent arrives.
  CHECK(claimed.ending == Ending::exhausted);
  CHECK(claimed.violations.empty());
  CHECK(claimed.commits);
  CHECK(beyond_claim(options).empty());
  same_without_reductions(options, claimed);
  options.read_only = 1;
  CHECK(explore(options).ending == Ending::exhausted);
  options.read_only = 0;

  options.sent_arrives = false;
  const Report lossy = explore(options);
  REQUIRE(lossy.violations.size() == 1);
  CHECK(lossy.violations[0].what == "both outcomes");
  const std::vector<std::string>& steps = lossy.violations[0].steps;
  CHECK(std::any_of(steps.begin(), steps.end(),
                    [](const std::string& s) { return s.find("C crashes") == 0 && s.find("lost:") != s.npos; }));
  CHECK(replay(options, steps).violation == "both outcomes");
  same_without_reductions(options, lossy);
  std::ostringstream out;
  CHECK(run_explore(options, {out, [] { return 0.0; }, {}, {}}) == kViolation);
  CHECK(out.str().find("2pc claims to be safe under crashes, sent arrives; beyond it, and allowed here: a crash that "
                       "loses what was sent\n") != std::string::npos);
  options.sent_arrives = true;
  CHECK_FALSE(replay(options, steps).understood);
}

TEST_CASE("between two sends of a step a crash may come, and splits who is the only one to tell") {
  const Protocol row = commits_by_sending<TellsFirst>();  // Its sites do not tell each other.
  const Options options = options_of(row, 1);
  const Report report = explore(options);
  REQUIRE(report.violations.size() == 1);
  CHECK(report.violations[0].what == "both outcomes");
  const std::vector<std::string>& steps = report.violations[0].steps;
  CHECK(std::any_of(steps.begin(), steps.end(),
                    [](const std::string& s) { return s.find("; crashes after 1 of its sends, keeps 0") != s.npos; }));
  CHECK(std::none_of(steps.begin(), steps.end(), [](const std::string& s) { return s.find("lost:") != s.npos; }));
  CHECK(replay(options, steps).violation == "both outcomes");
  CHECK(beyond_claim(options).empty());  // What it claims is wrong.
  same_without_reductions(options, report);
}

TEST_CASE("a partition splits who commits by sending, and that is beyond its claim") {
  const Protocol row = commits_by_sending<TellsFirst, TellsOn>();
  Options options = options_of(row, 0);
  options.bounds.partitions = 1;
  options.bounds.crashes = 1;
  const Report report = explore(options);
  REQUIRE(report.violations.size() == 1);
  CHECK(report.violations[0].what == "both outcomes");
  CHECK(beyond_claim(options) == "messages lost or late between the living");
}

TEST_CASE("the commit point is the row's: forced, or sent to every site before") {
  const Protocol forced = two_phase_commit_with<TellsFirst>();
  const Report told = explore(options_of(forced, 0));
  REQUIRE(told.violations.size() == 1);
  CHECK(told.violations[0].what == "C: DECISION commit before it is durable");

  const Protocol sent = commits_by_sending<DecidesUnforced>();  // It tells the client, then the sites.
  const Report decided = explore(options_of(sent, 0));
  REQUIRE(decided.violations.size() == 1);
  CHECK(decided.violations[0].what == "C: commit is decided before it is durable, or sent to every site");
}

TEST_CASE("a protocol that stands the loss is searched with it, and has more to search") {
  Options options = options_of(*find_protocol("2pc"), 1);
  options.symmetry = false;  // Where what was sent arrives, there is none.
  CHECK_FALSE(sent_arrives(options.sent_arrives, *options.protocol));
  const Report with = explore(options);
  options.sent_arrives = false;
  CHECK(explore(options).states == with.states);
  options.sent_arrives = true;
  const Report without = explore(options);
  CHECK(without.ending == Ending::exhausted);
  CHECK(without.states < with.states);
  same_without_reductions(options, without);
  options.limits.losses = 0;  // A restart still loses what was on its way there.
  CHECK(explore(options).ending == Ending::losses);
}

// The record that refuses the lock is the search's own: a crash between the sends of that step does not leave it.
TEST_CASE("a crash in the step that refuses a lock leaves what is the transaction's") {
  Options options = options_of(*find_protocol("2pc"), 1);
  options.sent_arrives = true;
  options.bounds.denials = 1;
  const Report report = explore(options);
  CHECK(report.ending == Ending::exhausted);
  CHECK(report.violations.empty());
  CHECK(report.aborts);
}

TEST_CASE("a kept trace says whether what was sent arrives") {
  Options options = options_of(*find_protocol("2pc"), 2);
  options.sent_arrives = true;
  const Report report = explore(options);
  REQUIRE_FALSE(report.blocked.empty());
  const std::string kept = golden_trace(options, report.blocked[0]);
  CHECK(kept.find(" sent-arrives 1\n") != std::string::npos);
  CHECK(run_golden_trace(kept).error.empty());
  CHECK(run_golden_trace(kept).text == kept);
}

TEST_CASE("of two transactions in conflict too, what was sent arrives if that is asked for, or all that is claimed") {
  Protocol row = *find_protocol("2pc");
  ConflictOptions options;
  options.protocol = &row;
  options.sites = 1;
  options.crashes = 1;
  const ConflictReport lossy = explore_conflict(options);
  options.sent_arrives = true;
  const ConflictReport arrives = explore_conflict(options);
  CHECK(arrives.ending == Ending::exhausted);
  CHECK(arrives.states < lossy.states);
  options.sent_arrives.reset();
  row.safe_under = FaultModel::crashes_where_sent_arrives;
  CHECK(explore_conflict(options).states == arrives.states);
}

}  // namespace geocommit::explore
