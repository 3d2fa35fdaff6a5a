// What the protocols promise, searched to the end within small bounds; what they do not promise, found and shown.
#include "sim/explore/explore.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "sim/explore/conflict/conflict.h"
#include "tests/explore/same_ends.h"
#include "tests/protocols/rows.h"

namespace geocommit::explore {
namespace {

Options options_of(std::string_view protocol, std::uint32_t participants) {
  Options options;
  options.protocol = find_protocol(protocol);
  options.participants = participants;
  options.lost_tail = true;
  return options;
}

void clean(const Options& options) {
  const Report report = explore(options);
  INFO((report.violations.empty() ? "" : report.violations[0].diagram));
  CHECK(report.ending == Ending::exhausted);
  CHECK(report.violations.empty());
  CHECK(report.settled > 0);
}

const Finding* blocked(const Report& report, std::string_view what) {
  for (const Finding& finding : report.blocked) {
    if (finding.what.find(what) != std::string::npos) {
      return &finding;
    }
  }
  return nullptr;
}

}  // namespace

TEST_CASE("2PC keeps its promises under one fault of each kind") {
  for (const std::uint32_t participants : {1U, 2U}) {
    Options options = options_of("2pc", participants);
    SECTION("crash and partition, sites " + std::to_string(participants)) {
      options.bounds.crashes = 1;
      options.bounds.partitions = 1;
      clean(options);
    }
    SECTION("crash, duplicate, denial, sites " + std::to_string(participants)) {
      options.bounds.crashes = options.bounds.duplicates = options.bounds.denials = 1;
      clean(options);
    }
    SECTION("early timers, drop, wound, sites " + std::to_string(participants)) {
      options.bounds.early_firings = 2;
      options.bounds.drops = options.bounds.wounds = 1;
      clean(options);
    }
  }
}

TEST_CASE("a row with acceptors is refused in words, not searched without them") {
  constexpr Role kRoles[] = {Role::coordinator, Role::participant, Role::acceptor};
  Protocol row = *find_protocol("2pc");
  CHECK(not_driven(row).empty());
  row.roles = kRoles;
  Options options;
  options.protocol = &row;
  ConflictOptions conflict;
  conflict.protocol = &row;
  std::ostringstream out;
  const Host host{out, [] { return 0.0; }, {}, {}};
  CHECK(run_explore(options, host) == kRefused);
  CHECK(run_explore_conflict(conflict, host) == kRefused);
  const std::string why = not_driven(row) + "\n";
  CHECK(why.find("2pc has acceptors") == 0);
  CHECK(out.str() == why + why);
  CHECK(not_driven(*find_protocol("paxos-commit")).find("paxos-commit leads ballot after ballot") == 0);
}

TEST_CASE("every protocol: all orders of few sites and crashes") {
  for (const Protocol& protocol : rows_under_test()) {
    if (!not_driven(protocol).empty()) {
      continue;
    }
    for (const auto& [sites, crashes] : {std::pair{1U, 0U}, {1U, 2U}, {2U, 0U}, {2U, 1U}, {3U, 0U}}) {
      CAPTURE(protocol.name, sites, crashes);
      Options options = options_of(protocol.name, sites);
      options.bounds.crashes = crashes;
      const Report report = explore(options);
      CHECK(report.ending == Ending::exhausted);
      CHECK(report.violations.empty());
      CHECK(report.commits);
      CHECK(report.aborts == (crashes > 0));
      options.bounds.denials = 1;  // A NO vote.
      const Report no = explore(options);
      CHECK(no.ending == Ending::exhausted);
      CHECK(no.violations.empty());
      CHECK(no.aborts);
      options.bounds.denials = 0;
      options.read_only = 1;
      clean(options);
    }
  }
}

TEST_CASE("every protocol: the first states of larger searches") {
  for (const Protocol& protocol : rows_under_test()) {
    if (!not_driven(protocol).empty()) {
      continue;
    }
    for (const auto& [sites, crashes] : {std::pair{2U, 3U}, {3U, 2U}, {3U, 3U}, {4U, 1U}}) {
      CAPTURE(protocol.name, sites, crashes);
      Options options = options_of(protocol.name, sites);
      options.bounds.crashes = crashes;
      options.limits.states = 20'000;
      const Report report = explore(options);
      CHECK(report.violations.empty());
      CHECK(report.ending == Ending::states);
    }
  }
}

TEST_CASE("every protocol: early timers split what claims crashes alone, and nothing else") {
  for (const Protocol& protocol : rows_under_test()) {
    if (!not_driven(protocol).empty()) {
      continue;
    }
    CAPTURE(protocol.name);
    Options options = options_of(protocol.name, 2);
    options.bounds.early_timers = 1;
    const Report report = explore(options);
    if (protocol.safe_under.survives(Failure::partition)) {
      CHECK(report.ending == Ending::exhausted);
      CHECK(report.violations.empty());
    } else {
      REQUIRE(report.violations.size() == 1);  // pitfall 16: it must be found.
      CHECK(report.violations[0].what == "both outcomes");
    }
  }
}

TEST_CASE("2PC with a site that only reads") {
  Options options = options_of("2pc", 3);
  options.read_only = 1;
  options.bounds.crashes = 1;
  options.bounds.drops = 1;
  clean(options);
}

// It voted read-only, restarted, and hears the PREPARE again: whether the transaction committed it cannot say.
TEST_CASE("2PC with a site that only reads, which restarts and gets late copies") {
  Options options = options_of("2pc", 2);
  options.read_only = 1;
  options.bounds.crashes = 2;
  options.bounds.duplicates = 1;
  options.bounds.drops = 1;
  options.lost_tail = true;
  clean(options);
}

TEST_CASE("2PC blocks when the coordinator and a site are dead, and that is shown") {
  Options options = options_of("2pc", 2);
  options.bounds.crashes = 2;
  const Report report = explore(options);
  CHECK(report.violations.empty());
  CHECK(report.blocking > 0);
  const Finding* finding = blocked(report, "all survivors in doubt");
  REQUIRE(finding != nullptr);
  const Replayed again = replay(options, finding->steps);
  CHECK(again.understood);
  CHECK(again.diagram.find("crashes") != std::string::npos);
}

TEST_CASE("a search in which a crash could not lose every message does not call itself exhausted") {
  Options options = options_of("2pc", 2);
  options.bounds.crashes = 1;
  CHECK(explore(options).ending == Ending::exhausted);
  options.limits.losses = 1;
  const Report report = explore(options);
  CHECK(report.ending == Ending::losses);
  std::ostringstream out;
  CHECK(run_explore(options, {out, [] { return 0.0; }, {}, {}}) == kNotExhausted);
  CHECK(out.str().find("lost any subset of the first 1 of a node's messages") != std::string::npos);
}

TEST_CASE("3PC keeps its promises under crashes alone, and no live site blocks behind a single one") {
  Options options = options_of("3pc", 2);
  options.bounds.crashes = 1;
  clean(options);
  CHECK(explore(options).blocking == 0);
  options.bounds.denials = 1;
  options.bounds.duplicates = 1;
  options.participants = 1;
  clean(options);
}

TEST_CASE("3PC, three sites, one of four nodes dead for good: never splits, never blocks") {
  Options options = options_of("3pc", 3);
  options.bounds.crashes = 1;
  options.bounds.restarts = 0;
  options.bounds.denials = 1;
  clean(options);
  CHECK(explore(options).blocking == 0);
}

TEST_CASE("3PC splits under one partition; the trace is short, and replays") {
  Options options = options_of("3pc", 2);
  options.bounds.partitions = 1;
  const Report report = explore(options);
  CHECK(report.ending == Ending::violation);
  REQUIRE(report.violations.size() == 1);
  const Finding& split = report.violations[0];
  CHECK(split.what == "both outcomes");
  CHECK(split.steps.size() <= 14);
  const Replayed again = replay(options, split.steps);
  CHECK(again.understood);
  CHECK(again.violation == "both outcomes");
  const GoldenResult golden = run_golden_trace(golden_trace(options, split));
  CHECK(golden.error.empty());
  CHECK(golden.text == golden_trace(options, split));
}

TEST_CASE("EasyCommit keeps its promises where what was sent arrives, and no live site blocks behind a single crash") {
  Options options = options_of("easy-commit", 2);
  options.bounds.crashes = 1;
  options.bounds.wounds = options.bounds.denials = 1;
  clean(options);
  CHECK(explore(options).blocking == 0);
  options = options_of("easy-commit", 3);
  options.bounds.crashes = 1;
  options.bounds.restarts = 0;
  clean(options);
  CHECK(explore(options).blocking == 0);
}

TEST_CASE("EasyCommit splits under one partition, and where a crash takes along what was sent") {
  Options options = options_of("easy-commit", 2);
  options.bounds.partitions = 1;
  const Report cut = explore(options);
  REQUIRE(cut.violations.size() == 1);
  CHECK(cut.violations[0].what == "both outcomes");
  CHECK(replay(options, cut.violations[0].steps).violation == "both outcomes");
  options.bounds.partitions = 0;
  options.bounds.crashes = 1;
  options.sent_arrives = false;
  const Report lossy = explore(options);
  REQUIRE(lossy.violations.size() == 1);
  CHECK(lossy.violations[0].what == "both outcomes");
}

TEST_CASE("3PC splits under one early timer, that is: one node whose messages outlast the timeouts") {
  for (const std::uint32_t participants : {1U, 2U}) {
    Options options = options_of("3pc", participants);
    options.bounds.early_timers = 1;
    const Report report = explore(options);
    CHECK(report.ending == Ending::violation);
    REQUIRE(report.violations.size() == 1);
    CHECK(report.violations[0].what == "both outcomes");
    const Replayed again = replay(options, report.violations[0].steps);
    CHECK(again.understood);
    CHECK(again.violation == "both outcomes");
  }
}

TEST_CASE("3PC: a single early firing with everything else on time is survived, two split it") {
  Options options = options_of("3pc", 2);
  options.bounds.early_firings = 1;
  clean(options);
  options.bounds.early_firings = 2;
  const Report report = explore(options);
  REQUIRE(report.violations.size() == 1);
  CHECK(report.violations[0].what == "both outcomes");
}

TEST_CASE("2PC: early timers hurt nobody, not even with a crash") {
  Options options = options_of("2pc", 2);
  options.bounds.early_timers = 2;
  clean(options);
  options.participants = 1;
  options.bounds.crashes = 1;
  clean(options);
}

TEST_CASE("the reductions leave out nothing that a check can see") {
  const Compared compared = compare_ends(2, 30'000);
  CHECK(compared.searched > compared.configurations / 4 * 3);
  for (const std::string_view protocol : {"2pc", "3pc"}) {
    Options options = options_of(protocol, 2);
    options.bounds.crashes = 1;
    options.bounds.denials = 1;
    const Report with = explore(options);
    options.reduce = options.leave_out_inert = false;
    options.symmetry = false;
    const Report without = explore(options);
    CHECK(with.reduced > 0);
    CHECK(with.states < without.states);
    CHECK((with.blocking > 0) == (without.blocking > 0));
    CHECK(with.symmetric == (protocol == "2pc"));
  }
}

TEST_CASE("kept traces come out as they are written, and are drawn as they were") {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(GEOCOMMIT_SOURCE_DIR "/tests/explore/golden")) {
    if (entry.path().extension() != ".explored") {
      continue;
    }
    const auto content = [](const std::filesystem::path& path) {
      std::ifstream in(path);
      return std::string{std::istreambuf_iterator<char>(in), {}};
    };
    const std::string file = content(entry.path());
    const GoldenResult result = run_golden_trace(file);
    const auto drawn = std::filesystem::path(entry.path()).replace_extension(".diagram");
    if (std::getenv("GEOCOMMIT_REWRITE") != nullptr) {
      std::ofstream(entry.path()) << result.text;
      std::ofstream(drawn) << result.diagram;
    }
    INFO(entry.path() << "; if this is meant: GEOCOMMIT_REWRITE=1 writes both files anew");
    CHECK(result.error.empty());
    CHECK(result.text == file);
    CHECK(result.diagram == content(drawn));
    ++files;
  }
  CHECK(files >= 6);
}

TEST_CASE("run_explore: what it prints, and its exit codes") {
  double clock = 0;
  std::ostringstream out;
  std::string kept;
  const Host host{out,
                  [&clock] { return clock += 0.25; },
                  {},
                  [&kept](const std::string& name, const std::string& text) {
                    kept = text;
                    return "replay " + name;
                  }};
  Options options = options_of("3pc", 2);
  CHECK(run_explore(options, host) == kClean);
  options.limits.depth = 3;
  CHECK(run_explore(options, host) == kNotExhausted);
  CHECK(out.str().find("NOT exhausted: depth limit") != std::string::npos);
  options.limits = {};
  options.limits.states = 20;
  CHECK(run_explore(options, host) == kNotExhausted);
  options.limits = {};
  options.bounds.partitions = 1;
  CHECK(run_explore(options, host) == kViolation);
  CHECK(out.str().find("VIOLATION: both outcomes") != std::string::npos);
  CHECK(out.str().find("replay it: replay 3pc-violation-1.explored") != std::string::npos);
  CHECK(run_golden_trace(kept).violation == "both outcomes");
}

}  // namespace geocommit::explore
