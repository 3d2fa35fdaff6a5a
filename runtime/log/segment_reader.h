// Reading a log back, for recovery and for the verdict: one segment after the other, each held against the one before
// it, and the end against the mark.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "engine/record.h"
#include "runtime/log/frame.h"
#include "runtime/log/storage.h"
#include "runtime/log/synced_mark.h"
#include "runtime/wire/record_codec.h"

namespace geocommit {

[[nodiscard]] Error damage_at(const std::string& path, std::size_t offset, const std::string& what);

/// Numbers of the segments among file names, ascending (the names are sorted, but 10^8 segments would not be).
[[nodiscard]] std::vector<std::uint64_t> segments_among(const std::vector<std::string>& names);

/// What the mark beside the log says had been durable; nullopt where there is none. `names`: of the directory, sorted.
[[nodiscard]] Result<std::optional<SyncedPlace>> marked(Storage& storage, const std::string& directory,
                                                        const std::vector<std::string>& names);

/// Holds the log's end against the mark: `last` is the newest segment ("": there is none).
[[nodiscard]] Result<void> against_mark(const std::optional<SyncedPlace>& mark, const std::string& directory,
                                        const std::string& last, const SegmentEnd& end);

/// One segment: checks its header against what must follow, visits its records, finds its end.
struct SegmentReader {
  std::optional<std::uint64_t> number;         // of the one before
  std::optional<std::uint64_t> next_sequence;  // after the one before
  std::optional<NodeId> node;

  /// `last`: only its tail may be torn.
  template <class Visit>
  Result<SegmentEnd> read(const std::string& path, std::string_view bytes, bool last, Visit visit) {
    const Result<SegmentHeader> header = decode_header(bytes);
    if (!header) {
      return Error{path + ": " + header.error().message};
    }
    if (node && header.value().node != *node) {
      return Error{path + ": is the log of node " + std::to_string(header.value().node.value) + ", not of node " +
                   std::to_string(node->value)};
    }
    if ((number && header.value().number != *number + 1) ||
        (next_sequence && header.value().first_sequence != *next_sequence)) {
      return Error{path + ": begins with record " + std::to_string(header.value().first_sequence) + ", but record " +
                   std::to_string(next_sequence.value_or(0)) + " was expected: part of the log is missing"};
    }
    node = header.value().node;
    number = header.value().number;
    std::optional<Error> undecodable;
    const SegmentEnd end = scan_segment(bytes, header.value().first_sequence, [&](const Frame& frame, std::size_t at_) {
      Result<DurableRecord> record = undecodable ? Result<DurableRecord>{*undecodable} : decode_record(frame.payload);
      if (record) {
        visit(frame.sequence, std::move(record).value());
      } else if (!undecodable) {
        undecodable = damage_at(path, at_, record.error().message);
      }
    });
    if (undecodable) {
      return *undecodable;
    }
    if (end.corrupt_at != 0 || (end.torn && !last)) {
      return damage_at(path, end.offset,
                       "record " + std::to_string(end.next_sequence) +
                           " had been durable and is corrupt; refusing to go on without it");
    }
    next_sequence = end.next_sequence;
    return end;
  }
};

}  // namespace geocommit
