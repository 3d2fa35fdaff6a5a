#include "sim/disk.h"

#include <catch2/catch.hpp>

using namespace geocommit;
using namespace geocommit::sim;

namespace {

DurableRecord commit_of(std::uint64_t counter) {
  MachineRecord record;
  record.txn = {NodeId{1001}, Epoch{1}, counter};
  record.record.outcome = Outcome::commit;
  return record;
}

std::size_t left_after(Tail tail, std::uint64_t seed = 1) {
  Disk disk(true, true);
  Random random(seed, 1);
  for (std::uint64_t i = 1; i <= 10; ++i) {
    disk.write(commit_of(i), i == 4 || i == 8 ? i : 0);
  }
  disk.forced(4);
  disk.crash(tail, random);
  return disk.recover().records.size();
}

}  // namespace

TEST_CASE("a crash takes the unsynced tail, or leaves it, or leaves a part") {
  CHECK(left_after(Tail::kept) == 10);
  CHECK(left_after(Tail::lost) == 4);
  bool between = false;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::size_t left = left_after(Tail::torn, seed);
    REQUIRE(left >= 4);
    REQUIRE(left <= 10);
    between = between || (left > 4 && left < 10);
  }
  CHECK(between);
}

TEST_CASE("a checkpoint counts when it is durable, and then the log before it is gone") {
  Disk disk(true, true);
  Random random(1, 1);
  disk.write(commit_of(1), 0);
  disk.begin_checkpoint(Checkpoint{});
  CHECK(disk.checkpoint_in_progress());
  disk.write(commit_of(2), 0);
  disk.crash(Tail::kept, random);
  auto state = disk.recover();
  CHECK_FALSE(state.checkpoint.has_value());  // It was not durable yet.
  CHECK(state.records.size() == 2);

  disk.begin_checkpoint(Checkpoint{});
  disk.write(commit_of(3), 0);
  disk.checkpoint_durable();
  disk.crash(Tail::lost, random);
  state = disk.recover();
  CHECK(state.checkpoint.has_value());
  CHECK(state.records.empty());         // 3 was not synced.
  CHECK(disk.facts(true).size() == 2);  // A checker still sees what the checkpoint has replaced.
}
