// The bytes of segment and checkpoint files (runtime/log/README.md has the tables). Pure: works on strings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace geocommit {

inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kFrameHeaderBytes = 32;
inline constexpr std::size_t kRecordBytesMax = 16U << 20U;
inline constexpr std::uint32_t kLogVersion = 1;         ///< Of segments.
inline constexpr std::uint32_t kCheckpointVersion = 2;  ///< 1: without the requests that were let go of.

struct SegmentHeader {
  NodeId node;
  std::uint64_t number{};          ///< 1, 2, 3, ...: the order of segments.
  std::uint64_t first_sequence{};  ///< Of the first record in it.
};
[[nodiscard]] std::string encode_header(const SegmentHeader& header);
/// Error: what is wrong with it.
[[nodiscard]] Result<SegmentHeader> decode_header(std::string_view segment);

/// Appends a frame without its checksum to `out`: finish_frames() completes it just before it is written.
void begin_frame(std::string& out, std::uint64_t sequence);
/// To be called after the payload was appended behind begin_frame(); `at`: where the frame begins.
void end_frame(std::string& out, std::size_t at);
/// Fills in durable_before and the checksum of every frame in `frames`.
void finish_frames(std::string& frames, std::uint64_t durable_before);
/// Length of the first frame of `frames`, header included.
[[nodiscard]] std::size_t frame_bytes(std::string_view frames);

struct Frame {
  std::uint64_t sequence{};
  std::uint64_t durable_before{};  ///< Every record up to this one was durable before this frame was written.
  std::string_view payload;
  std::size_t bytes{};  ///< With the header.
};
/// The frame at `offset`, or nullopt if there is none that is whole and unharmed.
[[nodiscard]] std::optional<Frame> frame_at(std::string_view segment, std::size_t offset);

/// What a segment holds, from `sequence` on.
struct SegmentEnd {
  std::size_t offset{};  ///< Behind the last good frame.
  std::uint64_t next_sequence{};
  bool torn{};               ///< Something that is not a frame follows: the torn tail of a crash.
  std::size_t corrupt_at{};  ///< Not 0: the place where a record that had been durable is no longer readable.
};

/// Finds the end. A bad place is the torn tail of a crash, unless a good frame behind it proves by its durable_before
/// that the bad one had been durable (pitfall 21).
template <class Visit>
[[nodiscard]] SegmentEnd scan_segment(std::string_view segment, std::uint64_t first_sequence, Visit visit);
[[nodiscard]] SegmentEnd judge_end(std::string_view segment, std::size_t offset, std::uint64_t next_sequence);

template <class Visit>
SegmentEnd scan_segment(std::string_view segment, std::uint64_t first_sequence, Visit visit) {
  std::size_t offset = kSegmentHeaderBytes;
  std::uint64_t sequence = first_sequence;
  while (const std::optional<Frame> frame = frame_at(segment, offset)) {
    if (frame->sequence != sequence) {
      break;
    }
    visit(*frame, offset);
    offset += frame->bytes;
    ++sequence;
  }
  return judge_end(segment, offset, sequence);
}

/// Checkpoint file: header, then the encoded checkpoint. `through`: the last record that it covers.
[[nodiscard]] std::string encode_checkpoint_file(NodeId node, std::uint64_t through, std::string_view payload);
struct CheckpointFile {
  NodeId node;
  std::uint64_t through{};
  std::string_view payload;
};
[[nodiscard]] Result<CheckpointFile> decode_checkpoint_file(std::string_view bytes);

/// "log-00000012.seg"
[[nodiscard]] std::string segment_name(std::uint64_t number);
[[nodiscard]] std::optional<std::uint64_t> segment_number(std::string_view name);
inline constexpr std::string_view kCheckpointName = "checkpoint";
inline constexpr std::string_view kArchiveName = "archive";

}  // namespace geocommit
