// DurableRecord and Checkpoint <-> bytes (runtime/wire/log.proto). Framing and checksums are runtime/log's.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/record.h"

namespace geocommit {

/// Reuses its memory between records.
class RecordEncoder {
 public:
  RecordEncoder();
  ~RecordEncoder();
  /// Appends the encoding to `out`; its size in bytes.
  std::size_t append(const DurableRecord& record, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Strict, as for messages: an Error says what is wrong with the contents.
[[nodiscard]] Result<DurableRecord> decode_record(std::string_view bytes);

/// What protobuf can hold in one message, less what the file around it takes.
inline constexpr std::size_t kCheckpointBytesMax = (std::size_t{1} << 31U) - 1024;
/// Error: it would be larger than `bytes_max`.
[[nodiscard]] Result<std::string> encode_checkpoint(const Checkpoint& checkpoint,
                                                    std::size_t bytes_max = kCheckpointBytesMax);
[[nodiscard]] Result<Checkpoint> decode_checkpoint(std::string_view bytes);

}  // namespace geocommit
