// What the commit log is made of, each part alone: batches, the modelled disk, the disk's answer.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "runtime/log/batch.h"
#include "runtime/log/frame.h"
#include "runtime/log/log_disk.h"
#include "runtime/log/log_thread.h"
#include "runtime/log/modelled_disk.h"
#include "tests/runtime/log_world.h"
#include "tests/runtime/samples.h"

namespace geocommit {
namespace {

LogBatch batch(std::string frames, std::uint64_t last, bool force) {
  LogBatch out;
  out.frames = std::move(frames);
  out.records = 1;
  out.last_sequence = last;
  out.force = force;
  return out;
}

TEST_CASE("a batch that joins another is forced if either is, and its end is the later one's") {
  LogBatch first = batch("ab", 7, true);
  LogBatch second = batch("c", 8, false);
  second.checkpoint = Checkpoint{};
  first.join(std::move(second));
  CHECK(first.frames == "abc");
  CHECK(first.records == 2);
  CHECK(first.last_sequence == 8);
  CHECK(first.force);
  CHECK(first.checkpoint);
  LogBatch lazy = batch("", 1, false);
  lazy.join(batch("", 2, false));
  CHECK_FALSE(lazy.force);
}

TEST_CASE("a frame is read if every byte of it is there, and each byte matters; one without payload is one too") {
  std::string frames;
  for (const std::string& payload : {std::string(), std::string("x"), std::string(300, 'y')}) {
    std::string one;
    begin_frame(one, 7);
    one += payload;
    end_frame(one, 0);
    finish_frames(one, 5);
    const std::size_t at = frames.size();
    frames += one;
    const auto frame = frame_at(frames, at);
    REQUIRE(frame);
    CHECK(frame->payload == payload);
    CHECK(frame->sequence == 7);
    CHECK(frame->durable_before == 5);
    CHECK(frame->bytes == one.size());
    for (std::size_t length = 0; length < one.size(); ++length) CHECK_FALSE(frame_at(one.substr(0, length), 0));
    for (std::size_t byte = 0; byte < one.size(); ++byte) {
      std::string harmed = one;
      harmed[byte] = static_cast<char>(harmed[byte] ^ 0x10);
      CHECK_FALSE(frame_at(harmed, 0));
    }
  }
}

TEST_CASE("a builder numbers without gaps, across batches, and says what it gathers") {
  BatchBuilder builder{5};
  CHECK(builder.empty());
  CHECK(builder.last_sequence() == 4);
  const std::size_t bytes = builder.append(numbered(1), false);
  CHECK(bytes == builder.bytes());
  CHECK_FALSE(builder.force());
  const std::size_t more = builder.append(numbered(2), true);
  CHECK(more == builder.bytes() - bytes);
  CHECK(builder.append(numbered(3), false) > 0);
  CHECK(builder.force());
  const LogBatch taken = builder.take();
  CHECK(taken.records == 3);
  CHECK(taken.last_sequence == 7);
  CHECK(taken.force);
  CHECK(builder.empty());
  CHECK_FALSE(builder.force());
  (void)builder.append(numbered(4), false);
  CHECK(builder.take().last_sequence == 8);
}

TEST_CASE("a modelled disk completes each force in its own time, in order, and not before") {
  const Instant start{1s};
  ModelledDisk disk{2ms};
  CHECK_FALSE(disk.next());
  CHECK_FALSE(disk.complete(start + 1h));
  disk.ask(batch("a", 1, true), start);
  disk.ask(batch("b", 2, false), start + 1ms);
  disk.ask(batch("c", 3, true), start + 2ms);
  REQUIRE(disk.next() == start + 2ms);
  CHECK_FALSE(disk.complete(start + 1ms));
  const std::optional<LogBatch> two = disk.complete(start + 3ms);
  REQUIRE(two);
  CHECK(two->frames == "ab");
  CHECK(two->records == 2);
  CHECK(two->last_sequence == 2);
  CHECK(disk.next() == start + 4ms);
  disk.ask(batch("d", 4, false), start + 5ms);
  CHECK(disk.complete(start + 4ms)->frames == "c");
  CHECK(disk.complete(start + 7ms)->force);  // also of lazy records alone
}

TEST_CASE("what a modelled disk is made to write early still completes in its time, and is written once") {
  const Instant start{1s};
  ModelledDisk disk{2ms};
  disk.ask(batch("a", 1, true), start);
  disk.ask(batch("b", 2, true), start + 1ms);
  const LogBatch early = disk.write_early();
  CHECK(early.frames == "ab");
  CHECK(early.records == 2);
  CHECK(disk.write_early().frames.empty());
  REQUIRE(disk.next() == start + 2ms);
  const std::optional<LogBatch> done = disk.complete(start + 3ms);
  REQUIRE(done);
  CHECK(done->frames.empty());
  CHECK(done->records == 0);
  CHECK(done->last_sequence == 2);
}

TEST_CASE("a disk answers what it has forced; after a failure it writes nothing, and keeps the first reason") {
  FaultyStorage storage;
  SegmentedLog::Opened opened = open_log(storage);
  BatchBuilder builder{opened.log->next_sequence()};
  LogDisk disk{options(storage), nullptr, std::move(opened.log)};
  REQUIRE(disk.news().valid());
  const auto write = [&](std::uint64_t n, bool force) {
    (void)builder.append(numbered(n), force);
    LogBatch batch = builder.take();
    disk.write(batch);
  };
  write(1, true);
  CHECK(disk.durable() == 1);
  write(2, false);
  CHECK(disk.durable() == 1);
  write(3, true);
  CHECK(disk.durable() == 3);
  CHECK(disk.batches() == 3);
  CHECK(disk.batch_records() == 3);
  disk.answered_only(1);
  CHECK(disk.durable() == 1);
  storage.fail_sync(1);
  write(4, true);
  REQUIRE(disk.failure());
  const std::string first = *disk.failure();
  storage.fail_sync(std::nullopt);
  write(5, true);
  CHECK(disk.durable() == 1);
  CHECK(disk.batches() == 3);
  CHECK(*disk.failure() == first);
  const Result<void> closed = disk.close({});
  REQUIRE_FALSE(closed.ok());
  CHECK(closed.error().message == first);
}

/// The signals that each thread of this process blocks: a bit each, the lowest is signal 1.
std::map<std::string, std::uint64_t> blocked_signals() {
  std::map<std::string, std::uint64_t> all;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("SigBlk:")) {
        all[task.path().filename()] = std::stoull(line.substr(7), nullptr, 16);
      }
    }
  }
  return all;
}

TEST_CASE("the log's thread takes no signal: whoever waits for one has it to itself") {
  constexpr std::uint64_t kEnd = (1U << (SIGTERM - 1)) | (1U << (SIGINT - 1));
  FaultyStorage storage;
  SegmentedLog::Opened opened = open_log(storage);
  LogDisk disk{options(storage), nullptr, std::move(opened.log)};
  LogThread thread{disk};
  const std::map<std::string, std::uint64_t> before = blocked_signals();
  REQUIRE((before.at(std::to_string(::gettid())) & kEnd) ==
          0);  // Else it would inherit that. (A sanitizer's thread may.)
  thread.start();
  bool blocks = false;
  for (int looks = 0; looks < 10'000 && !blocks; ++looks) {  // It blocks them when it begins to run.
    const std::map<std::string, std::uint64_t> now = blocked_signals();
    blocks = std::any_of(now.begin(), now.end(),
                         [&](const auto& one) { return !before.contains(one.first) && (one.second & kEnd) == kEnd; });
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  CHECK(blocks);
  thread.stop();
}

TEST_CASE("the log thread writes all that it was handed before it ends, and nothing joins behind a checkpoint") {
  FaultyStorage storage;
  SegmentedLog::Opened opened = open_log(storage);
  BatchBuilder builder{opened.log->next_sequence()};
  LogDisk disk{options(storage), nullptr, std::move(opened.log)};
  LogThread thread{disk};
  const auto append = [&](std::uint64_t n) {
    (void)builder.append(numbered(n), true);
    return builder.take();
  };
  thread.hand_over(append(1));  // it gathers: the thread does not run yet
  LogBatch covered = append(2);
  covered.checkpoint = Checkpoint{};
  disk.checkpoints().begin();
  thread.hand_over(std::move(covered));
  thread.hand_over(append(3));
  thread.hand_over(append(4));
  thread.start();
  thread.stop();
  CHECK(disk.durable() == 4);
  CHECK(disk.batches() == 2);
  CHECK(disk.batch_records() == 4);
  REQUIRE(disk.close({}).ok());
  CHECK(disk.checkpoints().stored() == 1);
  CHECK_FALSE(disk.checkpoints().in_progress());
  const DurableState state = open_log(storage).state;
  CHECK(state.checkpoint);
  CHECK(state.records.size() == 2);
}

}  // namespace
}  // namespace geocommit
