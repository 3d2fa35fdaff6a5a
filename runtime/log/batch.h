// What goes to the disk in one piece: the records of a step of the loop, and those that join them before it is written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/record.h"
#include "runtime/wire/record_codec.h"

namespace geocommit {

struct LogBatch {
  std::string frames;
  std::uint64_t records{}, last_sequence{};
  bool force{};
  std::optional<Checkpoint> checkpoint;  ///< Covers through last_sequence: nothing may join behind it.

  /// `later` follows directly. Forced if either is.
  void join(LogBatch later);
};

/// Frames and numbers what is appended, and gathers it until it is taken.
class BatchBuilder {
 public:
  explicit BatchBuilder(std::uint64_t next_sequence) : next_sequence_(next_sequence) {}
  /// Its size in bytes, framed.
  std::size_t append(const DurableRecord& record, bool force);
  [[nodiscard]] LogBatch take();
  [[nodiscard]] bool empty() const { return gathered_.frames.empty(); }
  [[nodiscard]] bool force() const { return gathered_.force; }
  [[nodiscard]] std::size_t bytes() const { return gathered_.frames.size(); }
  /// Of the newest record that was appended, ever.
  [[nodiscard]] std::uint64_t last_sequence() const { return next_sequence_ - 1; }

 private:
  RecordEncoder encoder_;
  LogBatch gathered_;
  std::uint64_t next_sequence_;
};

}  // namespace geocommit
