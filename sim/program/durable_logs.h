// The nodes' logs and the clients' outcomes of a simulated cell as files: what a real run leaves, written by the same
// writers, so that `check` and every other reader of a results folder has them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "runtime/log/segmented_log.h"
#include "runtime/wire/record_codec.h"
#include "sim/world.h"

namespace geocommit::sim {

class DurableLogs {
 public:
  /// Everything goes to `folder`/NODE/. The directory outlives it.
  DurableLogs(std::filesystem::path folder, const Directory& directory)
      : folder_(std::move(folder)), directory_(directory) {}
  /// Of a node whose log is not there yet, too. Errors are kept for finish().
  void append(NodeId node, const DurableRecord& record);
  [[nodiscard]] Result<void> finish(const World& world);

 private:
  struct Log {
    std::unique_ptr<SegmentedLog> file;
    std::string frames;  ///< Not written yet.
    std::uint64_t next{};
  };
  Result<Log*> log_of(NodeId node);
  Result<void> write(Log& log);

  std::filesystem::path folder_;
  const Directory& directory_;
  std::map<NodeId, Log> logs_;
  RecordEncoder encoder_;
  std::string problem_;
};

}  // namespace geocommit::sim
