// evidence.json of a cell: what its logs and outcome files were when they were collected, so that evidence that is
// gone, cut or another's never reads as evidence of less. Written when the cell is judged, compared when it is judged
// again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "protocols/directory.h"
#include "verdict/history.h"

namespace geocommit {

inline constexpr const char* kExperimentFile = "experiment.yaml";
inline constexpr const char* kManifestFile = "evidence.json";
inline constexpr const char* kBalancesFile = "balances.bin";  ///< An agent's at the end: each an i64, little-endian.

/// What a file was.
struct FileSeal {
  std::uintmax_t bytes{};
  std::uint32_t crc32c{};
  friend bool operator==(const FileSeal&, const FileSeal&) = default;
};

/// One node of the cell.
struct NodeSeal {
  NodeId id;
  Epoch start;                            ///< Of its life that reported its balances; 0: not known.
  std::map<std::string, FileSeal> files;  ///< By name in the node's folder.
};

struct Manifest {
  std::string run_id, cell;
  FileSeal experiment;  ///< experiment.yaml
  bool drained{};
  std::string why_not_drained;
  Instant load_began{};  ///< By the steady clock that `clock` names; Instant{}: not known.
  std::uint64_t clock{};
  std::vector<FaultSpan> beyond_model;  ///< CheckOptions::beyond_model
  std::vector<std::string> incomplete;  ///< Nodes whose files could not be had, and why.
  std::map<std::string, NodeSeal> nodes;
};

/// The seals of what the verdict reads of a node: its segments, archived ones too, and the mark beside them; a client's
/// outcomes; balances. Empty if there is nothing.
[[nodiscard]] Result<std::map<std::string, FileSeal>> seal_files(const std::filesystem::path& node_folder);
[[nodiscard]] Result<FileSeal> seal_file(const std::filesystem::path& file);

/// Its own checksum, which summary.json repeats.
[[nodiscard]] Result<std::string> write_manifest(const std::filesystem::path& file, const Manifest& manifest);
/// An error: it is missing, or not as it was written, or its checksum is not `expected`.
[[nodiscard]] Result<Manifest> read_manifest(const std::filesystem::path& file, const std::string& expected);

[[nodiscard]] Result<void> write_balances(const std::filesystem::path& file, const std::vector<std::int64_t>& balances);
[[nodiscard]] Result<std::vector<std::int64_t>> read_balances(const std::filesystem::path& file);

/// How the node's files differ from what they were: the first of them, and why; empty if they do not.
[[nodiscard]] std::string altered(const std::filesystem::path& node_folder, const NodeSeal& seal);

}  // namespace geocommit
