// The measured cost of the happy path is the row's closed form, which is its README's.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/protocols/rows.h"
#include "tests/trace/world.h"

namespace geocommit::trace {

TEST_CASE("the happy path costs what the table says") {
  for (const Protocol& protocol : rows_under_test()) {
    for (std::uint32_t n = 1; n <= 5; ++n) {
      CAPTURE(protocol.name, n);
      World world(protocol, n);
      world.begin();
      REQUIRE(world.run_until_quiet(60s));
      REQUIRE(world.violations().empty());
      for (const Node& node : world.nodes()) {
        REQUIRE(node.decided == Outcome::commit);
        REQUIRE_FALSE(node.locks());
        REQUIRE_FALSE(node.machine().has_value());
      }
      const CostRow row = protocol.commit_cost(n);
      CHECK(world.cost().messages == row.messages);
      CHECK(world.cost().forced_writes == row.forced_writes);
      CHECK(world.cost().delays_to_decision == row.delays_to_decision);
    }
  }
}

TEST_CASE("an abort when all are prepared costs what the presumption says") {
  struct Published {
    const char* protocol;
    std::uint32_t messages, forced_writes;  // With three sites.
  };
  for (const Published& cost :
       {Published{"2pc", 9, 3}, Published{"2pc-presumed-nothing", 12, 7}, Published{"2pc-presumed-commit", 12, 7}}) {
    CAPTURE(cost.protocol);
    World world(*find_protocol(cost.protocol), 3);
    world.set_timeouts({100ms, 10s, 10s});
    world.add_rule({LinkRule::Action::drop, "VOTE", NodeId{3}, world.nodes().front().id, 1});
    world.begin();
    REQUIRE(world.run_until_quiet(60s));
    REQUIRE(world.violations().empty());
    for (const Node& node : world.nodes()) {
      REQUIRE(node.decided == Outcome::abort);
      REQUIRE_FALSE(node.machine().has_value());
    }
    CHECK(world.cost().messages == cost.messages);
    CHECK(world.cost().forced_writes == cost.forced_writes);
  }
}

// Gray and Lamport 2006, table I, co-located: N(F+3)-3 messages. There the leader is beside a site, and ACK is not
// counted: here it is a node of its own (PREPARE, VOTE and DECISION of one site more), and each site acknowledges, by a
// record of its own.
TEST_CASE("Paxos Commit costs what the paper says, for each f that its sites allow") {
  const Protocol& protocol = *find_protocol("paxos-commit");
  for (std::uint32_t n = 1; n <= 5; ++n) {
    for (std::uint32_t f = 0; f <= 2; ++f) {
      CAPTURE(n, f);
      ProtocolOptions options;
      options.set(protocol.options.front(), static_cast<std::int32_t>(f));
      World world(protocol, n, {}, options);
      world.begin();
      REQUIRE(world.run_until_quiet(60s));
      REQUIRE(world.violations().empty());
      const std::uint32_t faults = std::min(f, n / 2);
      const std::uint32_t published = n * (faults + 3) - 3;
      CHECK(world.cost().messages == published + 3 + n);
      CHECK(world.cost().forced_writes == n + faults + 1 + n);
      CHECK(world.cost().delays_to_decision == (faults == 0 ? 2 : 3));
      if (faults == 0) {
        const CostRow two = find_protocol("2pc")->commit_cost(n);
        CHECK(world.cost().messages == two.messages);
        CHECK(world.cost().forced_writes == two.forced_writes);
        CHECK(world.cost().delays_to_decision == two.delays_to_decision);
      }
    }
  }
}

TEST_CASE("the closed forms are the published ones") {
  const CostRow two = find_protocol("2pc")->commit_cost(3);
  CHECK(two.messages == 12);
  CHECK(two.forced_writes == 7);
  CHECK(two.delays_to_decision == 2);
  const CostRow nothing =
      find_protocol("2pc-presumed-nothing")->commit_cost(3);  // Mohan et al. 1986: presumed abort's.
  CHECK(nothing.messages == 12);
  CHECK(nothing.forced_writes == 7);
  CHECK(nothing.delays_to_decision == 2);
  const CostRow presumed = find_protocol("2pc-presumed-commit")->commit_cost(3);
  CHECK(presumed.messages == 9);
  CHECK(presumed.forced_writes == 5);
  CHECK(presumed.delays_to_decision == 2);
  const CostRow three = find_protocol("3pc")->commit_cost(3);
  CHECK(three.messages == 18);
  CHECK(three.forced_writes == 11);
  CHECK(three.delays_to_decision == 4);
  const CostRow easy =
      find_protocol("easy-commit")->commit_cost(3);  // N^2 + 3N; and a record before the decision leaves.
  CHECK(easy.messages == 18);
  CHECK(easy.forced_writes == 8);
  CHECK(easy.delays_to_decision == 2);
}

}  // namespace geocommit::trace
