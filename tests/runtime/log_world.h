// What the tests of the log share: numbered records, written to and read back from a faulty disk.
#pragma once

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/log/frame.h"
#include "runtime/log/segmented_log.h"
#include "runtime/wire/record_codec.h"
#include "tests/runtime/faulty_storage.h"
#include "tests/runtime/temporary_directory.h"

namespace geocommit {

inline const NodeId kNode{7};

inline DurableRecord numbered(std::uint64_t n) { return ShipAckedRecord{n, {}}; }
inline std::uint64_t number_of(const DurableRecord& record) {
  const auto* acked = std::get_if<ShipAckedRecord>(&record);
  return acked == nullptr ? 0 : acked->sequence;
}
inline std::string frame_of(std::uint64_t sequence, const DurableRecord& record) {
  std::string frame;
  begin_frame(frame, sequence);
  (void)RecordEncoder{}.append(record, frame);
  end_frame(frame, 0);
  return frame;
}

inline SegmentedLog::Options options(FaultyStorage& storage, std::size_t segment_bytes = 4'096) {
  return {"/log", kNode, segment_bytes, true, &storage};
}
inline SegmentedLog::Opened open_log(FaultyStorage& storage, std::size_t segment_bytes = 4'096) {
  Result<SegmentedLog::Opened> opened = SegmentedLog::open(options(storage, segment_bytes));
  INFO((opened ? "" : opened.error().message));
  REQUIRE(opened.ok());
  return std::move(opened).value();
}
/// Appends n, n+1, ..., one batch.
inline Result<void> append(SegmentedLog& log, std::uint64_t first, std::uint64_t count, bool force) {
  std::string frames;
  for (std::uint64_t n = first; n < first + count; ++n) {
    frames += frame_of(log.next_sequence() + (n - first), numbered(n));
  }
  return log.write(std::move(frames), force);
}
inline std::vector<std::uint64_t> numbers(const std::vector<DurableRecord>& records) {
  std::vector<std::uint64_t> result;
  for (const DurableRecord& record : records) {
    result.push_back(number_of(record));
  }
  return result;
}
inline std::vector<std::uint64_t> up_to(std::uint64_t n) {
  std::vector<std::uint64_t> result;
  for (std::uint64_t i = 1; i <= n; ++i) {
    result.push_back(i);
  }
  return result;
}
inline std::vector<std::uint64_t> history(Storage& storage, const std::string& directory = "/log") {
  std::vector<std::uint64_t> result;
  const Result<LogHistory> read = read_log_history(
      directory, [&](std::uint64_t, const DurableRecord& record) { result.push_back(number_of(record)); }, storage);
  INFO((read ? "" : read.error().message));
  REQUIRE(read.ok());
  return result;
}

}  // namespace geocommit
