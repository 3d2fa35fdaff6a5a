// The measured cost of the happy path is the row's closed form, which is its README's.
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

TEST_CASE("the closed forms are the published ones") {
  const CostRow two = find_protocol("2pc")->commit_cost(3);
  CHECK(two.messages == 12);
  CHECK(two.forced_writes == 7);
  CHECK(two.delays_to_decision == 2);
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
