// The commit log against the disk's habits: it loses what was not synced, it fails syncs, it flips bits, it fills up
// (PITFALLS 1, 19-23).
#include <sys/mount.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "runtime/event_loop.h"
#include "runtime/log/commit_log.h"
#include "runtime/log/crc32c.h"
#include "runtime/log/frame.h"
#include "runtime/log/segmented_log.h"
#include "tests/runtime/faulty_storage.h"
#include "tests/runtime/samples.h"

namespace geocommit {
namespace {

const NodeId kNode{7};

struct TemporaryDirectory {
  std::filesystem::path path;
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "geocommit-log-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

DurableRecord numbered(std::uint64_t n) { return ShipAckedRecord{n, {}}; }
std::uint64_t number_of(const DurableRecord& record) {
  const auto* acked = std::get_if<ShipAckedRecord>(&record);
  return acked == nullptr ? 0 : acked->sequence;
}
std::string frame_of(std::uint64_t sequence, const DurableRecord& record) {
  std::string frame;
  begin_frame(frame, sequence);
  (void)RecordEncoder{}.append(record, frame);
  end_frame(frame, 0);
  return frame;
}

SegmentedLog::Options options(FaultyStorage& storage, std::size_t segment_bytes = 4'096) {
  return {"/log", kNode, segment_bytes, true, &storage};
}
SegmentedLog::Opened open_log(FaultyStorage& storage, std::size_t segment_bytes = 4'096) {
  Result<SegmentedLog::Opened> opened = SegmentedLog::open(options(storage, segment_bytes));
  INFO((opened ? "" : opened.error().message));
  REQUIRE(opened.ok());
  return std::move(opened).value();
}
/// Appends n, n+1, ..., one batch.
Result<void> append(SegmentedLog& log, std::uint64_t first, std::uint64_t count, bool force) {
  std::string frames;
  for (std::uint64_t n = first; n < first + count; ++n) {
    frames += frame_of(log.next_sequence() + (n - first), numbered(n));
  }
  return log.write(std::move(frames), force);
}
std::vector<std::uint64_t> numbers(const std::vector<DurableRecord>& records) {
  std::vector<std::uint64_t> result;
  for (const DurableRecord& record : records) {
    result.push_back(number_of(record));
  }
  return result;
}
std::vector<std::uint64_t> up_to(std::uint64_t n) {
  std::vector<std::uint64_t> result;
  for (std::uint64_t i = 1; i <= n; ++i) {
    result.push_back(i);
  }
  return result;
}
std::vector<std::uint64_t> history(Storage& storage, const std::string& directory = "/log") {
  std::vector<std::uint64_t> result;
  const Result<LogHistory> read = read_log_history(
      directory, [&](std::uint64_t, const DurableRecord& record) { result.push_back(number_of(record)); }, storage);
  INFO((read ? "" : read.error().message));
  REQUIRE(read.ok());
  return result;
}

TEST_CASE("CRC-32C matches RFC 3720 appendix B.4") {
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aaU);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43U);
  CHECK(crc32c("123456789") == 0xe3069283U);
  CHECK(crc32c("6789", crc32c("12345")) == crc32c("123456789"));
}

TEST_CASE("a crash keeps every forced record and at most loses the rest, over many segments and restarts") {
  FaultyStorage storage;
  std::mt19937 random{11};
  std::uint64_t forced = 0;
  for (int life = 0; life < 40; ++life) {
    SegmentedLog::Opened opened = open_log(storage, 600);
    const std::vector<std::uint64_t> got = numbers(opened.state.records);
    REQUIRE(got.size() >= forced);
    REQUIRE(got == up_to(got.size()));
    std::uint64_t last = forced = got.size();
    for (unsigned batches = random() % 8; batches > 0; --batches) {
      const std::uint64_t count = 1 + random() % 5;
      const bool force = random() % 2 == 0;
      REQUIRE(append(*opened.log, last + 1, count, force).ok());
      last += count;
      forced = force ? last : forced;
    }
    // Unsynced bytes reach the disk or not, each 64-byte piece for itself, in no order.
    storage.crash([&](const std::string& durable, const std::string& now) {
      std::string left = random() % 2 == 0 ? durable : now;
      left.resize(std::max(durable.size(), now.size()));
      for (std::size_t at = 0; at < left.size(); at += 64) {
        const std::string& from = random() % 2 == 0 ? durable : now;
        for (std::size_t i = at; i < std::min(at + 64, left.size()); ++i) {
          left[i] = i < from.size() ? from[i] : '\0';
        }
      }
      return left;
    });
  }
  CHECK(forced > 20);
  const SegmentedLog::Opened last_opened = open_log(storage, 600);
  CHECK(history(storage) == numbers(last_opened.state.records));
}

TEST_CASE("a torn tail is cut for good: append, crash, append, crash") {
  FaultyStorage storage;
  {
    SegmentedLog::Opened opened = open_log(storage);
    REQUIRE(append(*opened.log, 1, 3, true).ok());
    REQUIRE(append(*opened.log, 4, 1, false).ok());
    REQUIRE(append(*opened.log, 5, 3, false).ok());
  }
  // Of the unsynced batches the first is lost, the second is whole: must not reappear behind new records.
  const std::size_t one = frame_of(1, numbered(1)).size();
  storage.crash([&](const std::string& durable, const std::string& now) {
    std::string left = now;
    for (std::size_t i = kSegmentHeaderBytes + 3 * one; i < kSegmentHeaderBytes + 4 * one; ++i) {
      left[i] = durable[i];
    }
    return left;
  });
  {
    SegmentedLog::Opened opened = open_log(storage);
    CHECK(opened.tail_cut);
    CHECK(numbers(opened.state.records) == up_to(3));
    REQUIRE(append(*opened.log, 4, 1, true).ok());
  }
  storage.crash();
  SegmentedLog::Opened opened = open_log(storage);
  CHECK(numbers(opened.state.records) == up_to(4));
  CHECK(history(storage) == up_to(4));
}

TEST_CASE("a flipped bit before the tail refuses to start and names file and offset; in the tail it is cut") {
  FaultyStorage pristine;
  {
    SegmentedLog::Opened opened = open_log(pristine, 600);
    for (std::uint64_t n = 1; n <= 40; ++n) {
      REQUIRE(append(*opened.log, n, 1, true).ok());
    }
  }
  pristine.crash();
  const std::vector<std::string> paths = pristine.paths();
  REQUIRE(paths.size() == 3);
  std::size_t refused = 0, cut = 0;
  for (const std::string& path : paths) {
    const std::size_t used = pristine.contents(path).find_last_not_of('\0') + 1;
    for (std::size_t offset = 0; offset < used; offset += 7) {
      pristine.flip(path, offset);
      const Result<SegmentedLog::Opened> opened = SegmentedLog::open({"/log", kNode, 600, true, &pristine});
      if (opened) {
        // Only the very last record has no later one to prove that it had been durable.
        CHECK(path == paths.back());
        CHECK(opened.value().tail_cut);
        CHECK(numbers(opened.value().state.records) == up_to(39));
        ++cut;
        SUCCEED();
        return;  // the storage has changed; the last record is the last thing tried
      }
      CHECK(opened.error().message.find(path) != std::string::npos);
      CHECK(opened.error().message.find("offset") != std::string::npos);
      ++refused;
      pristine.flip(path, offset);
    }
  }
  CHECK(refused > 100);
  CHECK(cut == 1);
}

TEST_CASE("a segment that has gone, a gap, another node's log: refused") {
  FaultyStorage storage;
  {
    SegmentedLog::Opened opened = open_log(storage, 600);
    for (std::uint64_t n = 1; n <= 40; ++n) {
      REQUIRE(append(*opened.log, n, 1, true).ok());
    }
  }
  const Result<SegmentedLog::Opened> other = SegmentedLog::open({"/log", NodeId{8}, 600, true, &storage});
  REQUIRE_FALSE(other.ok());
  CHECK(other.error().message.find("node 7, not of node 8") != std::string::npos);
  REQUIRE(storage.remove("/log/" + segment_name(2)).ok());
  CHECK_FALSE(SegmentedLog::open(options(storage)).ok());
  REQUIRE(storage.remove("/log/" + segment_name(1)).ok());
  CHECK_FALSE(SegmentedLog::open(options(storage)).ok());
}

TEST_CASE("a rotated segment survives a crash: its directory entry is synced before it is used") {
  FaultyStorage storage;
  std::uint64_t n = 0;
  {
    SegmentedLog::Opened opened = open_log(storage, 300);
    while (n < 30) {
      REQUIRE(append(*opened.log, ++n, 1, true).ok());
    }
  }
  storage.crash();
  CHECK(numbers(open_log(storage, 300).state.records) == up_to(30));
}

TEST_CASE("a checkpoint shortens recovery, keeps the history, and survives a crash at each of its syncs") {
  for (std::uint64_t k = 1; k <= 12; ++k) {
    FaultyStorage storage;
    bool stored = false;
    {
      SegmentedLog::Opened opened = open_log(storage, 600);
      for (std::uint64_t n = 1; n <= 20; ++n) {
        REQUIRE(append(*opened.log, n, 1, true).ok());
      }
      storage.fail_sync(k);
      const Result<std::uint64_t> first = opened.log->rotate();
      if (first) {
        Checkpoint checkpoint = samples::checkpoint();
        stored = store_checkpoint(options(storage, 600), 20, first.value(), checkpoint).ok();
      }
      if (stored) {
        storage.fail_sync(std::nullopt);
        REQUIRE(append(*opened.log, 21, 5, true).ok());
      }
    }
    storage.fail_sync(std::nullopt);
    storage.crash();
    INFO("sync " << k);
    SegmentedLog::Opened opened = open_log(storage, 600);
    const std::uint64_t total = stored ? 25 : 20;
    if (opened.state.checkpoint) {
      CHECK(opened.state.checkpoint->balances == samples::checkpoint().balances);
      CHECK(opened.state.records.size() == total - 20);
    } else {
      CHECK_FALSE(stored);
      CHECK(numbers(opened.state.records) == up_to(20));
    }
    CHECK(history(storage) == up_to(total));
    REQUIRE(append(*opened.log, total + 1, 1, true).ok());
    CHECK(history(storage) == up_to(total + 1));
  }
}

TEST_CASE("a record larger than a segment gets one of its own; several in one batch are split") {
  FaultyStorage storage;
  MachineRecord large = samples::machine_record();
  large.descriptor->operations.assign(300, Operation{Entity{1}, 1, false});
  {
    SegmentedLog::Opened opened = open_log(storage, 512);
    std::string frames = frame_of(1, numbered(1)) + frame_of(2, large) + frame_of(3, numbered(3)) + frame_of(4, large);
    REQUIRE(opened.log->write(frames, true).ok());
    REQUIRE(opened.log->close().ok());
  }
  storage.crash();
  const SegmentedLog::Opened opened = open_log(storage, 512);
  REQUIRE(opened.state.records.size() == 4);
  CHECK(std::get<MachineRecord>(opened.state.records[3]).descriptor->operations.size() == 300);
}

// ---- CommitLog
// -------------------------------------------------------------------------------------------------------

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
