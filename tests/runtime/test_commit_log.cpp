// The log as the event loop sees it: forces in order, nothing after a failure, a disk that fills up.
#include <sys/mount.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "runtime/event_loop.h"
#include "runtime/log/commit_log.h"
#include "runtime/log/synced_mark.h"
#include "tests/runtime/log_world.h"
#include "tests/runtime/samples.h"

namespace geocommit {
namespace {

struct Node {
  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  std::unique_ptr<CommitLog> log;
  DurableState state;
  Epoch epoch;
  std::vector<WriteToken> forced;
  std::string failure;
  std::vector<Duration> took;

  Result<void> open(const CommitLog::Options& options) {
    Result<CommitLog::Opened> opened = CommitLog::open(*loop, options);
    if (!opened) {
      return opened.error();
    }
    log = std::move(opened.value().log);
    state = std::move(opened.value().state);
    epoch = opened.value().epoch;
    log->start({[this](WriteToken token) { forced.push_back(token); },
                [this](Duration duration) { took.push_back(duration); },
                [this](const std::string& why) {
                  failure = why;
                  loop->stop(1);
                }});
    return {};
  }
  template <class Done>
  bool run_until(Done done) {
    for (int step = 0; step < 20'000 && !done(); ++step) {
      loop->run_once(1ms);
    }
    return done();
  }
};

CommitLog::Options commit_options(Storage& storage, DurabilityKind kind, const std::string& directory = "/log") {
  return {directory, kNode, {kind, 2ms}, 2'048, &storage};
}

TEST_CASE("a log that is closed and gone is asked nothing more by its loop") {
  for (const DurabilityKind kind : {DurabilityKind::fsync, DurabilityKind::none, DurabilityKind::fixed}) {
    FaultyStorage storage;
    Node node;
    REQUIRE(node.open(commit_options(storage, kind)).ok());
    node.log->append(numbered(1), 1);
    node.log->append(numbered(2), 0);
    REQUIRE(node.log->close().ok());
    node.log.reset();
    const std::size_t told = node.forced.size();
    const Instant end = node.loop->now() + 50ms;
    while (node.loop->now() < end) node.loop->run_once(1ms);
    CHECK(node.forced.size() == told);
    CHECK(node.failure.empty());
  }
}

TEST_CASE("forces complete in order, once, in every kind of durability; a clean end leaves the whole history") {
  for (const DurabilityKind kind : {DurabilityKind::fsync, DurabilityKind::none, DurabilityKind::fixed}) {
    FaultyStorage storage;
    Node node;
    REQUIRE(node.open(commit_options(storage, kind)).ok());
    CHECK(node.epoch == Epoch{1});
    std::vector<WriteToken> asked;
    for (std::uint64_t n = 1; n <= 300; ++n) {
      const WriteToken token = n % 3 == 0 ? 0 : n;
      node.log->append(numbered(n), token);
      if (token != 0) {
        asked.push_back(token);
      }
      if (n % 10 == 0) {
        node.loop->run_once(0ms);
      }
    }
    CHECK(node.run_until([&] { return node.forced.size() >= asked.size(); }));
    CHECK(node.forced == asked);
    if (kind == DurabilityKind::fixed) {
      CHECK(*std::min_element(node.took.begin(), node.took.end()) >= 2ms);
    }
    node.log->append(numbered(301), 0);
    REQUIRE(node.log->close().ok());
    CHECK(history(storage).size() == 302);
    CHECK(history(storage).back() == 301);
    Node again;
    REQUIRE(again.open(commit_options(storage, kind)).ok());
    CHECK(again.epoch == Epoch{2});
    CHECK(again.state.records.size() == 302);
  }
}

TEST_CASE("the epoch grows with every start, also when everything unsynced is lost, and past a checkpoint") {
  FaultyStorage storage;
  for (std::uint32_t start = 1; start <= 1'000; ++start) {
    const std::unique_ptr<EventLoop> loop = EventLoop::create().value();
    Result<CommitLog::Opened> opened = CommitLog::open(*loop, commit_options(storage, DurabilityKind::fsync));
    INFO((opened ? "" : opened.error().message));
    REQUIRE(opened.ok());
    REQUIRE(opened.value().epoch == Epoch{start});
    if (start % 100 == 0) {
      opened.value().log->start({[](WriteToken) {}, {}, [](const std::string&) {}});
      Checkpoint checkpoint;
      checkpoint.epoch = opened.value().epoch;
      opened.value().log->checkpoint(checkpoint);
      REQUIRE(opened.value().log->close().ok());
    }
    storage.crash();
  }
}

TEST_CASE("the k-th sync fails, for every k: nothing is acknowledged after it, and what was acknowledged is there") {
  bool reached_the_end = false;
  for (std::uint64_t k = 1; k < 200 && !reached_the_end; ++k) {
    FaultyStorage storage;
    storage.fail_sync(k);
    Node node;
    const Result<void> opened = node.open(commit_options(storage, DurabilityKind::fsync));
    std::size_t acknowledged_at_failure = 0;
    if (opened) {
      for (std::uint64_t n = 1; n <= 60 && !node.loop->stopped(); ++n) {
        node.log->append(numbered(n), n);
        if (n == 30) {
          node.log->checkpoint({});
        }
        const bool done = node.run_until([&] { return node.forced.size() >= n || !node.failure.empty(); });
        REQUIRE(done);
      }
      acknowledged_at_failure = node.forced.size();
      if (!node.failure.empty()) {
        storage.fail_sync(std::nullopt);  // the disk would answer again: it must not be asked
        node.log->append(numbered(61), 61);
        for (int step = 0; step < 20; ++step) {
          node.loop->run_once(1ms);
        }
        CHECK(node.forced.size() == acknowledged_at_failure);
        CHECK(node.failure.find("cannot sync") != std::string::npos);
        CHECK_FALSE(node.log->close().ok());
      } else {
        reached_the_end = node.log->close().ok() && !storage.has_failed();
      }
    }
    node.log.reset();
    storage.fail_sync(std::nullopt);
    storage.crash();
    const std::vector<std::uint64_t> kept = history(storage);
    CHECK(std::count_if(kept.begin(), kept.end(), [](std::uint64_t n) { return n != 0; }) >=
          static_cast<std::ptrdiff_t>(acknowledged_at_failure));
  }
  CHECK(reached_the_end);
}

TEST_CASE("after a failed sync nothing more is written, also with a checkpoint and more batches behind it") {
  FaultyStorage storage;
  Node node;
  REQUIRE(node.open(commit_options(storage, DurabilityKind::fsync)).ok());
  node.log->append(numbered(1), 1);
  REQUIRE(node.run_until([&] { return node.forced.size() == 1; }));
  storage.stall(true);
  const std::uint64_t begun = storage.syncs_begun();
  node.log->append(numbered(2), 2);
  node.loop->run_once(0ms);
  REQUIRE(node.run_until([&] { return storage.syncs_begun() > begun; }));
  // The log thread stands in its sync: what follows gathers, and is taken in one go.
  node.log->append(numbered(3), 3);
  node.log->checkpoint(samples::checkpoint());
  for (std::uint64_t n = 4; n <= 6; ++n) {
    node.log->append(numbered(n), n);
    node.loop->run_once(0ms);
  }
  storage.fail_sync(2);  // 2 is durable; the batch with the checkpoint is not
  storage.stall(false);
  REQUIRE(node.run_until([&] { return !node.failure.empty(); }));
  CHECK_FALSE(node.log->close().ok());
  CHECK(storage.used_after_failure() == 0);
  CHECK(node.forced.size() <= 2);
  node.log.reset();
  CHECK(storage.used_after_failure() == 0);
}

// The files of the log remember that one of them failed; a checkpoint has a file of its own.
TEST_CASE(
    "after a checkpoint that could not be stored nothing more is written, whoever was waiting for the modelled disk") {
  FaultyStorage storage;
  CommitLog::Options options = commit_options(storage, DurabilityKind::fixed);
  options.durability.fixed_force = 500ms;
  Node node;
  Result<CommitLog::Opened> opened = CommitLog::open(*node.loop, options);
  REQUIRE(opened.ok());
  CommitLog& log = *opened.value().log;
  log.start({[&](WriteToken token) { node.forced.push_back(token); },
             {},
             [&](const std::string& why) { node.failure = why; }});  // the loop goes on
  log.append(numbered(1), 1);
  node.loop->run_once(0ms);
  storage.fail_rename("/log/" + std::string{kCheckpointName});
  log.checkpoint(samples::checkpoint());
  REQUIRE(node.run_until([&] { return !node.failure.empty(); }));
  log.append(numbered(2), 2);
  const Instant due = steady_now() + 2 * options.durability.fixed_force;
  REQUIRE(node.run_until([&] { return steady_now() > due; }));
  CHECK_FALSE(log.close().ok());
  CHECK(storage.used_after_failure() == 0);
  CHECK(node.forced.empty());
}

TEST_CASE("what gathers behind a sync is forced if any of it is, also when a lazy batch comes last") {
  FaultyStorage storage;
  Node node;
  REQUIRE(node.open(commit_options(storage, DurabilityKind::fsync)).ok());
  const std::uint64_t begun = storage.syncs_begun();
  storage.stall(true);
  node.log->append(numbered(1), 1);
  REQUIRE(node.run_until([&] { return storage.syncs_begun() > begun; }));
  node.log->append(numbered(2), 2);
  (void)node.log->submit();
  std::uint64_t last = 2;
  for (std::size_t lazy = 0; lazy < (300U << 10U); lazy += frame_of(last, numbered(last)).size()) {
    node.log->append(numbered(++last), 0);
  }
  (void)node.log->submit();  // more than is kept back of lazy records alone
  storage.stall(false);
  CHECK(node.run_until([&] { return node.forced.size() == 2; }));
  CHECK(node.log->stats().batches == 2);
  storage.crash();
  CHECK(history(storage).size() >= 3);  // the epoch, 1 and 2
  CHECK(node.failure.empty());
}

TEST_CASE("a killed process with a modelled disk loses only what had not completed") {
  FaultyStorage storage;
  Node node;
  REQUIRE(node.open(commit_options(storage, DurabilityKind::fixed)).ok());
  node.log->append(numbered(1), 1);
  CHECK(node.run_until([&] { return node.forced.size() == 1; }));
  node.log->append(numbered(2), 2);
  const std::vector<std::uint64_t> kept = history(storage);  // as a kill -9 now would leave it
  CHECK(kept == std::vector<std::uint64_t>{0, 1});
  REQUIRE(node.log->close().ok());
}

TEST_CASE("a full disk is fatal, and leaves a log that can be read", "[root]") {
  if (::geteuid() != 0) {
    WARN("skipped: mounting a small tmpfs needs root");
    return;
  }
  const TemporaryDirectory directory;
  if (::mount("none", directory.path.c_str(), "tmpfs", 0, "size=1m") != 0) {
    WARN("skipped: this root may not mount a tmpfs");
    return;
  }
  std::uint64_t acknowledged = 0;
  {
    Node node;
    CommitLog::Options small = commit_options(posix_storage(), DurabilityKind::fsync, directory.path.string());
    small.segment_bytes = 128U << 10U;
    REQUIRE(node.open(small).ok());
    for (std::uint64_t n = 1; n <= 100'000 && node.failure.empty(); ++n) {
      node.log->append(numbered(n), n);
      if (n % 100 == 0) {
        CHECK(node.run_until([&] { return node.forced.size() >= n || !node.failure.empty(); }));
      }
    }
    CHECK(node.failure.find("No space left on device") != std::string::npos);
    CHECK(node.failure.find(directory.path.string()) != std::string::npos);
    acknowledged = node.forced.size();
    CHECK(acknowledged > 1'000);
  }
  const std::vector<std::uint64_t> kept = history(posix_storage(), directory.path.string());
  CHECK(kept.size() >= acknowledged + 1);
  CHECK(::umount(directory.path.c_str()) == 0);
}

TEST_CASE("a disk without room for the mark is an error, not a signal at the first force", "[root]") {
  if (::geteuid() != 0) {
    WARN("skipped: mounting a small tmpfs needs root");
    return;
  }
  const TemporaryDirectory directory;
  if (::mount("none", directory.path.c_str(), "tmpfs", 0, "size=64k") != 0) {
    WARN("skipped: this root may not mount a tmpfs");
    return;
  }
  {
    std::ofstream filler{directory.path / "filler", std::ios::binary};
    filler << std::string(65'536, 'x');
  }
  const Result<std::unique_ptr<SyncedMark>> mark = SyncedMark::open(directory.path);
  CHECK_FALSE(mark.ok());
  CHECK((mark.ok() || mark.error().message.find("No space left on device") != std::string::npos));
  CHECK(::umount(directory.path.c_str()) == 0);
}

TEST_CASE("real files: checkpoint under way while appending, restart, archive") {
  const TemporaryDirectory directory;
  for (int life = 0; life < 3; ++life) {
    Node node;
    REQUIRE(node.open(commit_options(posix_storage(), DurabilityKind::fsync, directory.path.string())).ok());
    CHECK(node.state.checkpoint.has_value() == (life > 0));
    for (std::uint64_t n = 1; n <= 200; ++n) {
      node.log->append(numbered(n), n);
      if (n == 100) {
        node.log->checkpoint(samples::checkpoint());
      }
    }
    CHECK(node.run_until([&] { return node.forced.size() == 200 && !node.log->checkpoint_in_progress(); }));
    REQUIRE(node.log->close().ok());
  }
  CHECK(history(posix_storage(), directory.path.string()).size() == 603);
  CHECK_FALSE(std::filesystem::is_empty(directory.path / "archive"));
}

}  // namespace
}  // namespace geocommit
