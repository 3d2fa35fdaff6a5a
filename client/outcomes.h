// outcomes.bin: what a client was told, transaction by transaction. Written while the load runs, read by the runner for
// the verdict and the summary.
//
// Little-endian. A header of 16 bytes: "GCOUTC01", client node id (u32), origin region (u32). Then records: payload
// length (u16), FNV-1a of the payload (u32), payload:
//   sequence u64 | txn: coordinator u32, epoch u32, counter u64 | outcome u8 | reason u8 |
//   flags u8 (1: measured, 2: it has read) | operations n u8 | intended start i64 ns | latency i64 ns |
//   n x (entity u64, delta i64, read u8) |
//   with flag 2: reads m u8 | m x (site u32, entity u64, version: as txn, value i64)
// One record per request, once its outcome is final; requests without one at the end get an undecided one. A record cut
// short at the end is a client that was killed: the reader drops it and says so. Anything else wrong is an error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "verdict/history.h"

namespace geocommit {

inline constexpr const char* kOutcomesFile = "outcomes.bin";
inline constexpr std::size_t kOperationsInRecord = 255;  ///< Also of reads. More are left out: a record then has none.

class OutcomeWriter {
 public:
  /// Creates the file (an old one is overwritten).
  [[nodiscard]] static Result<std::unique_ptr<OutcomeWriter>> create(const std::filesystem::path& file, NodeId client,
                                                                     RegionId origin);
  ~OutcomeWriter();
  OutcomeWriter(const OutcomeWriter&) = delete;
  OutcomeWriter& operator=(const OutcomeWriter&) = delete;

  /// Collects; writes by itself when much has come together. Errors are kept for flush().
  void append(const ClientOutcome& outcome);
  /// Hands everything to the kernel. An error (disk full) is the first that happened, and stays.
  [[nodiscard]] Result<void> flush();

 private:
  OutcomeWriter(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  void write_out();
  int fd_;
  std::string path_;
  std::string buffer_;
  std::string problem_;
};

struct OutcomeFile {
  NodeId client;
  RegionId origin;
  std::vector<ClientOutcome> outcomes;
  bool cut_short{};  ///< The last record was not whole.
};
[[nodiscard]] Result<OutcomeFile> read_outcomes(const std::filesystem::path& file);

}  // namespace geocommit
