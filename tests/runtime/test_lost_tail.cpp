// A power loss played on a process that was really killed: the log's own mark says what had been synced, the rest goes.
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>

#include "runtime/event_loop.h"
#include "runtime/faults/fault_disk.h"
#include "runtime/log/commit_log.h"
#include "runtime/log/frame.h"
#include "runtime/log/segmented_log.h"
#include "runtime/log/synced_mark.h"
#include "tests/runtime/temporary_directory.h"

namespace geocommit {
namespace {

const NodeId kNode{7};
constexpr std::size_t kSegment = 2'048;

DurableRecord numbered(std::uint64_t n) {
  ShipAckedRecord record;
  record.sequence = n;
  return record;
}

std::vector<std::uint64_t> history(const std::filesystem::path& directory) {
  std::vector<std::uint64_t> numbers;
  const Result<LogHistory> read = read_log_history(directory.string(), [&](std::uint64_t, const DurableRecord& record) {
    if (const auto* acked = std::get_if<ShipAckedRecord>(&record)) {
      numbers.push_back(acked->sequence);
    }
  });
  INFO((read ? "" : read.error().message));
  REQUIRE(read.ok());
  return numbers;
}

struct Work {
  DurabilityKind kind{DurabilityKind::fsync};
  std::uint64_t first{1};        // numbers from here on
  std::uint64_t before_stall{};  // so many are forced and acknowledged before the disk stalls; 0: it never does
  bool checkpoints{};
};

/// The child: appends numbered records, all forced in random batches, tells each acknowledged one through the pipe.
[[noreturn]] void work(const std::string& directory, const Work& what, int tell, std::uint64_t seed) {
  const std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  FaultDisk disk{posix_storage(), what.kind == DurabilityKind::fsync};
  CommitLog::Options options{directory, kNode, {what.kind, 2ms}, kSegment, &disk, true};
  Result<CommitLog::Opened> opened = CommitLog::open(*loop, options);
  if (!opened) {
    ::_exit(3);
  }
  CommitLog& log = *opened.value().log;
  std::uint64_t acknowledged = what.first - 1, next = what.first;
  log.start({[&](WriteToken token) {
               acknowledged = token;
               (void)!::write(tell, &token, sizeof token);
             },
             {},
             [](const std::string&) { ::_exit(4); }});
  std::mt19937_64 random{seed};
  bool stalled = false;
  while (true) {
    if (what.before_stall > 0 && !stalled && next > what.before_stall) {
      while (acknowledged + 1 < next) {
        loop->run_once(1ms);
      }
      stalled = true;
      disk.set({true, false, false});
      log.hold(true);
    }
    for (std::uint64_t n = 0; n <= random() % 5 && (!stalled || next < what.before_stall + 40); ++n, ++next) {
      log.append(numbered(next), next);
    }
    if (what.checkpoints && next % 50 == 0 && !log.checkpoint_in_progress()) {
      Checkpoint checkpoint;
      checkpoint.epoch = opened.value().epoch;
      log.checkpoint(std::move(checkpoint));
    }
    loop->run_once(random() % 3 == 0 ? 1ms : 0ms);
    if (stalled && next >= what.before_stall + 40) {
      for (int step = 0; step < 30; ++step) {
        loop->run_once(1ms);
      }
      ::kill(::getpid(), SIGKILL);  // mid-batch: written or gathered, never forced
    }
  }
}

/// Runs the child until it kills itself, or kills it once `acks` have come. The last number that it acknowledged.
std::uint64_t run(const std::filesystem::path& directory, const Work& what, std::uint64_t acks, std::uint64_t seed) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::close(pipe[0]);
    work(directory.string(), what, pipe[1], seed);
  }
  ::close(pipe[1]);
  std::uint64_t last = 0, token = 0, count = 0;
  while (::read(pipe[0], &token, sizeof token) == sizeof token) {
    last = token;
    if (acks > 0 && ++count == acks) {
      (void)::kill(pid, SIGKILL);
    }
  }
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFSIGNALED(status));
  return last;
}

TEST_CASE(
    "killed while the disk stalls: the written tail goes, exactly the forced records are left, and it starts again") {
  const TemporaryDirectory directory;
  const std::uint64_t forced = run(directory.path, {DurabilityKind::fsync, 1, 100, false}, 0, 1);
  REQUIRE(forced >= 100);
  CHECK(history(directory.path).size() >
        forced);  // else nothing is shown below: the kill alone loses no written record
  const Result<LostTail> lost = lose_unsynced(directory.path);
  REQUIRE(lost.ok());
  CHECK(lost.value().bytes > 0);
  const std::vector<std::uint64_t> kept = history(directory.path);
  REQUIRE(kept.size() == forced);
  CHECK(kept.back() == forced);
  const std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  Result<CommitLog::Opened> again = CommitLog::open(
      *loop, {directory.path.string(), kNode, {DurabilityKind::fsync, 0ms}, kSegment, &posix_storage(), true});
  REQUIRE(again.ok());
  CHECK(again.value().epoch == Epoch{2});
  CHECK(lose_unsynced(directory.path).value().bytes == 0);  // the new epoch is forced already
}

TEST_CASE("none and fixed: what a kill leaves is what had completed, so there is nothing more to lose") {
  for (const DurabilityKind kind : {DurabilityKind::none, DurabilityKind::fixed}) {
    const TemporaryDirectory directory;
    const std::uint64_t forced = run(directory.path, {kind, 1, 100, false}, 0, 2);
    REQUIRE(forced >= 100);
    const Result<LostTail> lost = lose_unsynced(directory.path);
    REQUIRE(lost.ok());
    CHECK(lost.value().bytes == 0);
    const std::vector<std::uint64_t> kept = history(directory.path);
    CHECK(kept.size() == forced);
  }
}

TEST_CASE(
    "killed at any moment, over rotations, checkpoints and restarts: nothing that was acknowledged is ever lost") {
  const TemporaryDirectory directory;
  std::mt19937_64 random{3};
  std::uint64_t first = 1, lost_bytes = 0;
  for (int life = 0; life < 25; ++life) {
    INFO("life " << life);
    const std::uint64_t forced =
        run(directory.path, {DurabilityKind::fsync, first, 0, true}, 1 + random() % 120, random());
    const bool torn = life % 2 == 1;
    const Result<LostTail> lost =
        lose_unsynced(directory.path, torn ? std::optional<std::uint64_t>{random()} : std::nullopt);
    INFO((lost ? "" : lost.error().message));
    REQUIRE(lost.ok());
    lost_bytes += lost.value().bytes;
    const std::vector<std::uint64_t> kept = history(directory.path);
    REQUIRE(kept.size() >= forced);
    CHECK(std::is_sorted(kept.begin(), kept.end()));
    first = kept.back() + 1;
    CHECK(kept.back() == kept.size());
  }
  CHECK(lost_bytes > 0);
}

TEST_CASE("how much of a torn tail is kept is drawn from its seed: the same on every machine and in every version") {
  for (const auto& [seed, kept] : {std::pair<std::uint64_t, std::uint64_t>{1, 15}, {2, 43}, {12345, 39}}) {
    const TemporaryDirectory directory;
    SyncedMark::open(directory.path).value()->set({1, 64, 0});
    const std::filesystem::path segment = directory.path / segment_name(1);
    std::ofstream(segment) << std::string(64 + 100, 'x');
    const Result<LostTail> lost = lose_unsynced(directory.path, seed);
    REQUIRE(lost.ok());
    CHECK(lost.value().bytes == 100 - kept);
    CHECK(std::filesystem::file_size(segment) == 64 + kept);
  }
}

TEST_CASE("the mark: two slots, and a half-written one does not count") {
  const TemporaryDirectory directory;
  CHECK_FALSE(SyncedMark::read(directory.path).value().has_value());
  {
    const std::unique_ptr<SyncedMark> mark = SyncedMark::open(directory.path).value();
    mark->set({1, 64, 0});
    mark->set({1, 128, 2});
  }
  CHECK(SyncedMark::read(directory.path).value() == SyncedPlace{1, 128, 2});
  const std::filesystem::path file = directory.path / kSyncedMarkName;
  {
    std::fstream damage{file, std::ios::in | std::ios::out | std::ios::binary};
    damage.seekp(8);  // slot 0 holds the newer one: its segment number
    damage.put('\x7f');
  }
  CHECK(SyncedMark::read(directory.path).value() == SyncedPlace{1, 64, 0});
  const std::unique_ptr<SyncedMark> mark = SyncedMark::open(directory.path).value();
  mark->set({2, 64, 9});
  CHECK(SyncedMark::read(directory.path).value() == SyncedPlace{2, 64, 9});
}

TEST_CASE("a disk that fails a sync or is full ends the log at once, and nothing is acknowledged after it") {
  for (const DurabilityKind kind : {DurabilityKind::fsync, DurabilityKind::none, DurabilityKind::fixed}) {
    for (const bool full : {false, true}) {
      const TemporaryDirectory directory;
      const std::unique_ptr<EventLoop> loop = EventLoop::create().value();
      FaultDisk disk{posix_storage(), kind == DurabilityKind::fsync};
      Result<CommitLog::Opened> opened =
          CommitLog::open(*loop, {directory.path.string(), kNode, {kind, 1ms}, 1U << 20U, &disk, true});
      REQUIRE(opened.ok());
      CommitLog& log = *opened.value().log;
      std::vector<WriteToken> forced;
      std::string failure;
      log.start(
          {[&](WriteToken token) { forced.push_back(token); }, {}, [&](const std::string& why) { failure = why; }});
      const auto run_until = [&](auto done) {
        for (int step = 0; step < 5'000 && !done(); ++step) {
          loop->run_once(1ms);
        }
        return done();
      };
      log.append(numbered(1), 1);
      REQUIRE(run_until([&] { return forced.size() == 1; }));
      disk.set({false, !full, full});
      log.append(numbered(2), 2);
      REQUIRE(run_until([&] { return !failure.empty(); }));
      CHECK(failure.find(full ? "No space left on device" : "Input/output error") != std::string::npos);
      CHECK(failure.find(directory.path.string()) != std::string::npos);
      disk.set({});
      log.append(numbered(3), 3);
      for (int step = 0; step < 20; ++step) {
        loop->run_once(1ms);
      }
      CHECK(forced == std::vector<WriteToken>{1});
    }
  }
}

}  // namespace
}  // namespace geocommit
