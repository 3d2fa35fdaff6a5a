// Exhaustive where it fits: every order of events of one transaction with few sites and crashes; beyond that the first
// states of a depth-first search. GEOCOMMIT_EXPLORE_STATES=5000000 searches further.
#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/protocols/explorer.h"

namespace geocommit::explore {
namespace {

std::size_t bound(std::size_t usual) {
  const char* wanted = std::getenv("GEOCOMMIT_EXPLORE_STATES");  // NOLINT: one thread
  return wanted == nullptr ? usual : std::strtoull(wanted, nullptr, 10);
}

Report expect_safe(const Protocol& protocol, const Options& options) {
  const Report report = explore(protocol, options);
  CAPTURE(protocol.name, options.sites, options.crashes, options.early_timers, report.states);
  INFO(report.violation);
  CHECK(report.violation.empty());
  return report;
}

}  // namespace

TEST_CASE("all orders of few sites and crashes") {
  for (const Protocol& protocol : all_protocols()) {
    for (const auto& [sites, crashes] : {std::pair{1U, 0U}, {1U, 2U}, {2U, 0U}, {2U, 1U}, {3U, 0U}}) {
      if (protocol.make == nullptr) {
        continue;
      }
      Options options;
      options.sites = sites;
      options.crashes = crashes;
      const Report report = expect_safe(protocol, options);
      CHECK(report.complete);
      CHECK(report.commit_seen);
      CHECK(report.abort_seen == (crashes > 0));
      // A NO vote, and one with nothing to write.
      options.votes.assign(sites, Vote::yes);
      options.votes.back() = Vote::no;
      const Report no = expect_safe(protocol, options);
      CHECK(no.complete);
      CHECK_FALSE(no.commit_seen);
      options.votes.back() = Vote::read_only;
      CHECK(expect_safe(protocol, options).complete);
    }
  }
}

TEST_CASE("the first states of larger searches") {
  for (const Protocol& protocol : all_protocols()) {
    for (const auto& [sites, crashes] : {std::pair{2U, 2U}, {2U, 3U}, {3U, 1U}, {3U, 3U}}) {
      if (protocol.make != nullptr) {
        Options options;
        options.sites = sites;
        options.crashes = crashes;
        options.states_max = bound(5'000);
        expect_safe(protocol, options);
      }
    }
  }
}

TEST_CASE("timeouts that fire too early split what claims crashes alone, and nothing else") {
  for (const Protocol& protocol : all_protocols()) {
    if (protocol.make == nullptr) {
      continue;
    }
    Options options;
    options.crashes = 0;
    options.early_timers = 2;
    if (protocol.safe_under == FaultModel::crashes_and_partitions) {
      CHECK(expect_safe(protocol, options).complete);
    } else {
      const Report report = explore(protocol, options);
      CAPTURE(protocol.name);
      CHECK(report.violation.rfind("split outcome", 0) == 0);  // PITFALLS 16: it must be found.
    }
  }
}

}  // namespace geocommit::explore
