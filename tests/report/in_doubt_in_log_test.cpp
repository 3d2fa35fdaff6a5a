// A participant that is down at the end is known from its log: what it is in doubt about, and nothing that it is not.
#include "report/in_doubt_in_log.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "protocols/registry.h"
#include "runtime/event_loop.h"
#include "runtime/log/frame.h"
#include "runtime/log/segmented_log.h"
#include "runtime/wire/record_codec.h"

namespace geocommit {
namespace {

const NodeInfo kAgent{NodeId{2}, NodeKind::agent, RegionId{1}, 0, "agent@eu"};
constexpr Instant kNow{std::chrono::hours{1}};

TxnId txn(std::uint32_t counter) { return {NodeId{1001}, Epoch{1}, counter}; }

MachineRecord prepared(std::uint32_t counter, Duration ago) {
  MachineRecord out;
  out.txn = txn(counter);
  out.protocol = find_protocol("2pc")->wire_id;
  out.record.kind = 1;
  out.record.with_descriptor = true;
  out.descriptor.emplace();
  out.descriptor->txn = out.txn;
  out.descriptor->measured = true;
  for (const std::uint64_t entity : {3U, 4U, 3U}) out.descriptor->operations.push_back({Entity{entity}, 1});
  out.written = kNow - ago;
  out.clock = steady_clock_id();
  return out;
}

MachineRecord ended(std::uint32_t counter, Outcome outcome) {
  MachineRecord out;
  out.txn = txn(counter);
  out.protocol = find_protocol("2pc")->wire_id;
  out.record.kind = outcome == Outcome::commit ? 2 : 3;
  out.record.outcome = outcome;
  return out;
}

std::vector<OpenAtEnd> read(const std::vector<DurableRecord>& records) {
  std::string folder = (std::filesystem::temp_directory_path() / "geocommit-in-doubt-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  {
    SegmentedLog::Options options;
    options.directory = folder;
    options.node = kAgent.id;
    options.syncs = false;
    auto opened = SegmentedLog::open(options);
    REQUIRE(opened);
    RecordEncoder encoder;
    std::string frames;
    std::uint64_t next = opened->log->next_sequence();
    for (const DurableRecord& record : records) {
      const std::size_t at = frames.size();
      begin_frame(frames, next++);
      (void)encoder.append(record, frames);
      end_frame(frames, at);
    }
    REQUIRE(opened->log->write(std::move(frames), false));
    REQUIRE(opened->log->close());
  }
  auto out = in_doubt_in_log(folder, kAgent, 1s, kNow);
  std::filesystem::remove_all(folder);
  return out;
}

}  // namespace

TEST_CASE("in doubt by the log: prepared, and neither committed nor aborted since") {
  const auto open = read({prepared(1, 10s), prepared(2, 9s), prepared(3, 3s), ended(1, Outcome::commit),
                          ended(2, Outcome::abort), prepared(4, 200ms)});
  REQUIRE(open.size() == 2);
  CHECK(open[0].txn == txn(3));
  CHECK(open[0].from_log);
  CHECK(open[0].node == kAgent.id);
  CHECK(open[0].region == kAgent.region);
  CHECK(open[0].in_doubt == 3s);
  CHECK(open[0].blocked == 2s);
  CHECK(open[0].cost.keys == 2);
  CHECK(open[0].cost.lock_time == 4s);
  CHECK(open[1].txn == txn(4));
  CHECK(open[1].in_doubt == 200ms);
  CHECK(open[1].blocked == 0s);
}

TEST_CASE("in doubt by the log: another clock, the warm-up, a coordinator's record") {
  MachineRecord other_clock = prepared(1, 3s);
  other_clock.clock += 1;
  MachineRecord warm_up = prepared(2, 3s);
  warm_up.descriptor->measured = false;
  MachineRecord coordinator = prepared(3, 3s);
  coordinator.role = Role::coordinator;
  const auto open = read({other_clock, warm_up, coordinator});
  REQUIRE(open.size() == 1);
  CHECK(open[0].txn == txn(1));
  CHECK(open[0].in_doubt == 0s);  // a clock that says nothing here: a lower bound
  CHECK(open[0].blocked == 0s);
}

}  // namespace geocommit
