// How much of a log has been synced, kept where a SIGKILL cannot lose it: a small mapped file beside the segments,
// written after each completed force. Recovery holds the log against it: what had been durable and is not readable is
// damage, never a torn tail. And a power loss can be played on a killed node exactly: what was written and not forced
// is taken away before the restart.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace geocommit {

inline constexpr const char* kSyncedMarkName = "synced";

/// Everything before this place is durable; nothing behind it was ever acknowledged.
struct SyncedPlace {
  std::uint64_t segment{}, offset{}, sequence{};
  friend bool operator==(const SyncedPlace&, const SyncedPlace&) = default;
};

/// Of the mark's file. Nullopt: nothing has been marked. Error: it is too short to be one.
[[nodiscard]] Result<std::optional<SyncedPlace>> decode_mark(std::string_view file);

class SyncedMark {
 public:
  /// Makes the file if need be, with its block reserved: a mapped hole on a full disk would be a SIGBUS later.
  [[nodiscard]] static Result<std::unique_ptr<SyncedMark>> open(const std::filesystem::path& directory);
  ~SyncedMark();
  SyncedMark(const SyncedMark&) = delete;
  SyncedMark& operator=(const SyncedMark&) = delete;
  /// From one thread. Survives a SIGKILL at any moment: two slots, each with a checksum.
  void set(const SyncedPlace& place);
  /// Nullopt: nothing has been marked.
  [[nodiscard]] static Result<std::optional<SyncedPlace>> read(const std::filesystem::path& directory);

 private:
  explicit SyncedMark(void* memory) : memory_(memory) {}
  void* memory_;
  std::uint64_t count_{};
};

struct LostTail {
  std::uint64_t bytes{};     ///< Written, not synced, and gone (without reserved zeros).
  std::uint64_t segments{};  ///< Whole segments whose name was not durable yet.
};
/// To be called on the data directory (NodeConfig::data_directory) of a node that is dead, before it is started again:
/// takes away what was written and not forced, so that the restart begins from exactly what had been forced.
/// `torn_seed`: keeps a prefix of it, drawn from the seed (Tail::torn); without: nothing is kept (Tail::lost).
/// A checkpoint needs nothing: it covers forced records only, and is renamed into place when it is durable itself.
[[nodiscard]] Result<LostTail> lose_unsynced(const std::filesystem::path& directory,
                                             std::optional<std::uint64_t> torn_seed = std::nullopt);

}  // namespace geocommit
