#include "runtime/log/frame.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/check.h"
#include "runtime/log/crc32c.h"

namespace geocommit {
namespace {

constexpr std::string_view kSegmentMagic = "GEOCLOG\n";
constexpr std::string_view kCheckpointMagic = "GEOCCKP\n";
constexpr std::string_view kFrameMarker = "GCR1";
constexpr std::size_t kCheckpointHeaderBytes = 48;

// Offsets in a frame header.
constexpr std::size_t kCrcAt = 4, kLengthAt = 8, kReservedAt = 12, kSequenceAt = 16, kDurableAt = 24;

void put32(std::string& bytes, std::size_t at, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) {
    bytes[at + i] = static_cast<char>(value >> (8 * i));
  }
}
void put64(std::string& bytes, std::size_t at, std::uint64_t value) {
  put32(bytes, at, static_cast<std::uint32_t>(value));
  put32(bytes, at + 4, static_cast<std::uint32_t>(value >> 32U));
}
std::uint32_t get32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) {
    value |= std::uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  }
  return value;
}
std::uint64_t get64(std::string_view bytes, std::size_t at) {
  return get32(bytes, at) | std::uint64_t{get32(bytes, at + 4)} << 32U;
}

}  // namespace

// ---- Segment header: magic 8, version 4, node 4, number 8, first sequence 8, zero 28, crc 4 -------------------------

std::string encode_header(const SegmentHeader& header) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  bytes.replace(0, kSegmentMagic.size(), kSegmentMagic);
  put32(bytes, 8, kLogVersion);
  put32(bytes, 12, header.node.value);
  put64(bytes, 16, header.number);
  put64(bytes, 24, header.first_sequence);
  put32(bytes, 60, crc32c(std::string_view{bytes}.substr(0, 60)));
  return bytes;
}

Result<SegmentHeader> decode_header(std::string_view segment) {
  if (segment.size() < kSegmentHeaderBytes || segment.substr(0, 8) != kSegmentMagic) {
    return Error{"offset 0: not a segment of a geocommit log"};
  }
  if (get32(segment, 60) != crc32c(segment.substr(0, 60))) {
    return Error{"offset 0: the segment's header is corrupt"};
  }
  if (get32(segment, 8) != kLogVersion) {
    return Error{"offset 8: version " + std::to_string(get32(segment, 8)) + " of the log, this program reads version " +
                 std::to_string(kLogVersion)};
  }
  return SegmentHeader{NodeId{get32(segment, 12)}, get64(segment, 16), get64(segment, 24)};
}

// ---- Frames
// ----------------------------------------------------------------------------------------------------------

void begin_frame(std::string& out, std::uint64_t sequence) {
  const std::size_t at = out.size();
  out.append(kFrameHeaderBytes, '\0');
  out.replace(at, kFrameMarker.size(), kFrameMarker);
  put64(out, at + kSequenceAt, sequence);
}

void end_frame(std::string& out, std::size_t at) {
  const std::size_t payload = out.size() - at - kFrameHeaderBytes;
  GC_CHECK(payload <= kRecordBytesMax);
  put32(out, at + kLengthAt, static_cast<std::uint32_t>(payload));
}

std::size_t frame_bytes(std::string_view frames) { return kFrameHeaderBytes + get32(frames, kLengthAt); }

void finish_frames(std::string& frames, std::uint64_t durable_before) {
  for (std::size_t at = 0; at < frames.size();) {
    const std::size_t size = frame_bytes(std::string_view{frames}.substr(at));
    put64(frames, at + kDurableAt, durable_before);
    put32(frames, at + kCrcAt, crc32c(std::string_view{frames}.substr(at + kLengthAt, size - kLengthAt)));
    at += size;
  }
}

std::optional<Frame> frame_at(std::string_view segment, std::size_t offset) {
  if (offset + kFrameHeaderBytes > segment.size()) {
    return std::nullopt;
  }
  const std::string_view rest = segment.substr(offset);
  if (rest.substr(0, 4) != kFrameMarker) {
    return std::nullopt;
  }
  const std::size_t length = get32(rest, kLengthAt);
  if (length > kRecordBytesMax || kFrameHeaderBytes + length > rest.size() || get32(rest, kReservedAt) != 0 ||
      get32(rest, kCrcAt) != crc32c(rest.substr(kLengthAt, kFrameHeaderBytes - kLengthAt + length))) {
    return std::nullopt;
  }
  return Frame{get64(rest, kSequenceAt), get64(rest, kDurableAt), rest.substr(kFrameHeaderBytes, length),
               kFrameHeaderBytes + length};
}

SegmentEnd judge_end(std::string_view segment, std::size_t offset, std::uint64_t next_sequence) {
  SegmentEnd end;
  end.offset = offset;
  end.next_sequence = next_sequence;
  const std::size_t dirt = segment.find_first_not_of('\0', std::min(offset, segment.size()));
  end.torn = dirt != std::string_view::npos;
  for (std::size_t at = segment.find(kFrameMarker, std::min(offset, segment.size())); at != std::string_view::npos;
       at = segment.find(kFrameMarker, at + 1)) {
    const std::optional<Frame> frame = frame_at(segment, at);
    if (frame && frame->durable_before >= next_sequence) {
      end.corrupt_at = offset;
      break;
    }
  }
  return end;
}

// ---- Checkpoint file: magic 8, version 4, node 4, through 8, payload length 8, payload crc 4, zero 8, header crc 4 --

std::string encode_checkpoint_file(NodeId node, std::uint64_t through, std::string_view payload) {
  std::string bytes(kCheckpointHeaderBytes, '\0');
  bytes.replace(0, kCheckpointMagic.size(), kCheckpointMagic);
  put32(bytes, 8, kCheckpointVersion);
  put32(bytes, 12, node.value);
  put64(bytes, 16, through);
  put64(bytes, 24, payload.size());
  put32(bytes, 32, crc32c(payload));
  put32(bytes, 44, crc32c(std::string_view{bytes}.substr(0, 44)));
  return bytes.append(payload);
}

Result<CheckpointFile> decode_checkpoint_file(std::string_view bytes) {
  if (bytes.size() < kCheckpointHeaderBytes || bytes.substr(0, 8) != kCheckpointMagic ||
      get32(bytes, 44) != crc32c(bytes.substr(0, 44))) {
    return Error{"offset 0: not a checkpoint of a geocommit log, or its header is corrupt"};
  }
  if (get32(bytes, 8) != kCheckpointVersion) {
    return Error{"offset 8: version " + std::to_string(get32(bytes, 8)) +
                 " of the checkpoint, this program reads version " + std::to_string(kCheckpointVersion)};
  }
  const CheckpointFile file{NodeId{get32(bytes, 12)}, get64(bytes, 16), bytes.substr(kCheckpointHeaderBytes)};
  if (file.payload.size() != get64(bytes, 24) || crc32c(file.payload) != get32(bytes, 32)) {
    return Error{"offset " + std::to_string(kCheckpointHeaderBytes) + ": the checkpoint is corrupt"};
  }
  return file;
}

std::string segment_name(std::uint64_t number) {
  std::array<char, 32> name{};
  (void)std::snprintf(name.data(), name.size(), "log-%08llu.seg", static_cast<unsigned long long>(number));
  return name.data();
}

std::optional<std::uint64_t> segment_number(std::string_view name) {
  constexpr std::string_view kPrefix = "log-", kSuffix = ".seg";
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix) || name.size() <= kPrefix.size() + kSuffix.size()) {
    return std::nullopt;
  }
  const std::string_view digits = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (problem != std::errc{} || end != digits.data() + digits.size() || segment_name(number) != name) {
    return std::nullopt;
  }
  return number;
}

}  // namespace geocommit
