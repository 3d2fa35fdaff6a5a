// The log on disk against the disk's habits: it loses what was not synced, it fails syncs, it flips bits.
#include <catch2/catch.hpp>
#include <random>

#include "runtime/log/crc32c.h"
#include "runtime/log/synced_mark.h"
#include "tests/runtime/log_world.h"
#include "tests/runtime/samples.h"

namespace geocommit {
namespace {

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

/// Puts the mark of a log that is durable up to `place` beside it.
void mark_synced(FaultyStorage& storage, const SyncedPlace& place) {
  const TemporaryDirectory directory;
  SyncedMark::open(directory.path).value()->set(place);
  const std::string bytes = posix_storage().read((directory.path / kSyncedMarkName).string()).value();
  const std::unique_ptr<StorageFile> file = storage.create(std::string{"/log/"} + kSyncedMarkName, 0).value();
  REQUIRE((file->write_at(0, bytes).ok() && file->sync().ok() && storage.sync_directory("/log").ok()));
}

TEST_CASE("with its mark, a log that lacks what had been durable is refused: last batch flipped, cut, emptied, gone") {
  FaultyStorage pristine;
  {
    SegmentedLog::Opened opened = open_log(pristine);
    REQUIRE(append(*opened.log, 1, 3, true).ok());
    REQUIRE(append(*opened.log, 4, 2, true).ok());
    REQUIRE(append(*opened.log, 6, 1, false).ok());
    pristine.crash([](const std::string&, const std::string& now) { return now; });  // also what was not synced
  }
  const std::string path = "/log/" + segment_name(1);
  const std::size_t one = frame_of(1, numbered(1)).size();
  const SyncedPlace place{1, kSegmentHeaderBytes + 5 * one, 5};
  const std::string whole = pristine.contents(path);
  const auto judge = [&](const std::string& left, bool marked) {
    FaultyStorage storage;
    const std::unique_ptr<StorageFile> file = storage.create(path, 0).value();
    REQUIRE((file->write_at(0, left).ok() && file->sync().ok() && storage.sync_directory("/log").ok()));
    if (marked) {
      mark_synced(storage, place);
    }
    const Result<LogHistory> read = read_log_history(
        "/log", [](std::uint64_t, const DurableRecord&) {}, storage);
    const Result<SegmentedLog::Opened> opened = SegmentedLog::open(options(storage));
    CHECK(read.ok() == opened.ok());
    return opened ? std::string{} : opened.error().message;
  };
  CHECK(judge(whole, true).empty());
  for (std::size_t offset = kSegmentHeaderBytes; offset < place.offset; ++offset) {
    std::string flipped = whole;
    flipped[offset] = static_cast<char>(flipped[offset] ^ 0x10);
    const std::string refused = judge(flipped, true);
    INFO(offset);
    CHECK(refused.find(path) != std::string::npos);
    CHECK(refused.find("had been durable") != std::string::npos);
  }
  for (std::size_t kept = 1; kept <= 4; ++kept) {  // cut where a record ends: nothing torn is to be seen
    CHECK(judge(whole.substr(0, kSegmentHeaderBytes + kept * one), true).find("is missing") != std::string::npos);
    CHECK(judge(whole.substr(0, kSegmentHeaderBytes + kept * one), false).empty());
  }
  CHECK(judge(whole.substr(0, place.offset), true).empty());  // record 6 had not been durable
  FaultyStorage gone;
  mark_synced(gone, place);
  CHECK_FALSE(SegmentedLog::open(options(gone)).ok());
  CHECK_FALSE(read_log_history(
                  "/log", [](std::uint64_t, const DurableRecord&) {}, gone)
                  .ok());
}

TEST_CASE("what a failed sync left in the page cache alone is written again before a restart acts on it") {
  for (const bool marked : {false, true}) {
    FaultyStorage storage;
    {
      SegmentedLog::Opened opened = open_log(storage);
      REQUIRE(append(*opened.log, 1, 3, true).ok());
      storage.fail_sync(1);
      CHECK_FALSE(append(*opened.log, 4, 2, true).ok());
    }
    storage.fail_sync(std::nullopt);
    if (marked) {
      mark_synced(storage, {1, kSegmentHeaderBytes + 3 * frame_of(1, numbered(1)).size(), 3});
    }
    std::size_t seen = 0;
    {
      SegmentedLog::Opened opened = open_log(storage);  // the process died, the machine did not
      seen = opened.state.records.size();
      REQUIRE(append(*opened.log, seen + 1, 1, true).ok());
    }
    CHECK(seen == 5);
    storage.crash();  // now the machine too
    const SegmentedLog::Opened opened = open_log(storage);
    CHECK(numbers(opened.state.records) == up_to(seen + 1));
  }
}

TEST_CASE("a log that has failed once touches the disk no more") {
  FaultyStorage storage;
  SegmentedLog::Opened opened = open_log(storage);
  REQUIRE(append(*opened.log, 1, 1, true).ok());
  storage.fail_sync(1);
  CHECK_FALSE(append(*opened.log, 2, 1, true).ok());
  storage.fail_sync(std::nullopt);
  CHECK(append(*opened.log, 3, 1, true).error().message.find("cannot sync") != std::string::npos);
  CHECK_FALSE(opened.log->rotate().ok());
  CHECK_FALSE(opened.log->close().ok());
  CHECK(storage.used_after_failure() == 0);
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

}  // namespace
}  // namespace geocommit
