#include "engine/memory.h"

#include <catch2/catch.hpp>

using namespace geocommit;

namespace {
TxnId txn(std::uint32_t epoch, std::uint64_t counter) { return {NodeId{1001}, Epoch{epoch}, counter}; }
}  // namespace

TEST_CASE("an outcome is remembered until its coordinator's watermark passes it") {
  FinishedMemory memory;
  memory.remember({txn(1, 5), Outcome::commit, false});
  memory.remember({txn(1, 7), Outcome::abort, false});
  REQUIRE(memory.find(txn(1, 5))->outcome == Outcome::commit);
  memory.raise(NodeId{1001}, {Epoch{1}, 6});
  REQUIRE(memory.find(txn(1, 5)) == nullptr);
  REQUIRE(memory.below_watermark(txn(1, 5)));
  REQUIRE(memory.find(txn(1, 7)) != nullptr);
  REQUIRE(memory.size() == 1);
  memory.raise(NodeId{1001}, {Epoch{2}, 1});
  REQUIRE(memory.size() == 0);
}

TEST_CASE("a watermark never falls, and one coordinator's says nothing of another's") {
  FinishedMemory memory;
  memory.raise(NodeId{1001}, {Epoch{2}, 10});
  memory.raise(NodeId{1001}, {Epoch{1}, 99});
  REQUIRE(memory.watermark_of(NodeId{1001}) == Watermark{Epoch{2}, 10});
  REQUIRE_FALSE(memory.below_watermark({NodeId{1002}, Epoch{1}, 1}));
}

TEST_CASE("what is below the watermark is not remembered again") {
  FinishedMemory memory;
  memory.raise(NodeId{1001}, {Epoch{1}, 10});
  memory.remember({txn(1, 9), Outcome::abort, false});
  REQUIRE(memory.size() == 0);
}

TEST_CASE("requests are remembered up to the limit, the oldest go first") {
  RequestMemory memory(2);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    memory.remember({{NodeId{2001}, i}, txn(1, i), Outcome::commit});
  }
  REQUIRE(memory.find({NodeId{2001}, 1}) == nullptr);
  REQUIRE(memory.find({NodeId{2001}, 3}) != nullptr);
  REQUIRE(memory.all().size() == 2);
  // What is remembered again keeps its place, with the newer answer.
  memory.remember({{NodeId{2001}, 2}, txn(1, 9), Outcome::abort});
  REQUIRE(memory.find({NodeId{2001}, 2})->outcome == Outcome::abort);
  REQUIRE(memory.find({NodeId{2001}, 2})->txn == txn(1, 9));
  REQUIRE(memory.find({NodeId{2001}, 3})->outcome == Outcome::commit);
  REQUIRE(memory.all().size() == 2);
  memory.remember({{NodeId{2002}, 3}, txn(1, 4), Outcome::commit});  // another client's third
  REQUIRE(memory.find({NodeId{2001}, 2}) == nullptr);
  REQUIRE(memory.find({NodeId{2001}, 3})->txn == txn(1, 3));
  REQUIRE(memory.find({NodeId{2002}, 3})->txn == txn(1, 4));
}

TEST_CASE("what was let go of is forgotten, by client and across a checkpoint; what comes after it was never seen") {
  RequestMemory memory(2);
  const auto of = [](std::uint32_t client, std::uint64_t sequence) { return RequestId{NodeId{client}, sequence}; };
  for (const std::uint64_t sequence : {1U, 4U, 3U, 7U}) {  // In the order of their ends.
    memory.remember({of(2001, sequence), txn(1, sequence), Outcome::commit});
  }
  const auto check = [&](const RequestMemory& in) {
    CHECK(in.forgotten(of(2001, 1)));
    CHECK(in.forgotten(of(2001, 2)));  // Never seen, as far as it goes: nobody can say.
    CHECK_FALSE(in.forgotten(of(2001, 3)));
    CHECK(in.forgotten(of(2001, 4)));
    CHECK_FALSE(in.forgotten(of(2001, 5)));
    CHECK_FALSE(in.forgotten(of(2001, 7)));
    CHECK_FALSE(in.forgotten(of(2002, 1)));
  };
  check(memory);
  RequestMemory restored(2);
  restored.restore_dropped(memory.dropped());
  for (const FinishedRequest& one : memory.all()) {
    restored.remember(one);
  }
  check(restored);
  restored.restore_dropped({{NodeId{2001}, 2}});  // Never less.
  check(restored);
}
