// The daemon's end of the control plane: a ROUTER of its own in the event loop. One request, one reply.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/control.h"
#include "runtime/event_loop.h"

namespace zmq {
class context_t;
}

namespace geocommit {

/// What the verbs do. A verb that is empty is answered with an error that says so.
struct ControlVerbs {
  std::function<NodeStatus()> status;
  std::function<NodeReport()> report;
  std::function<NodeReport()> metrics;  ///< Only `live`.
  std::function<Result<void>(const std::string& config_json)> configure;
  std::function<Result<void>()> start_load;
  std::function<Result<void>(const FaultOrder& order)> arm_fault;
  std::function<Result<void>(const HomeOrder& order)> move_home;
  std::function<Result<void>()> quiesce;
  std::function<Result<void>(const std::string& run_id)> renew;
  std::function<Result<void>(std::uint32_t id)> end_fault;  ///< 0: all of them.
  std::function<Result<void>()> release, shutdown;          ///< Answered first, then acted on in the loop's next steps.
  std::function<std::filesystem::path()> files;             ///< The directory of list_files and read_file; empty: none.
};

class ControlServer {
 public:
  /// Error: the address is taken or not ours; it is named.
  [[nodiscard]] static Result<std::unique_ptr<ControlServer>> open(zmq::context_t& context, EventLoop& loop,
                                                                   const std::string& address, ControlVerbs verbs);
  ~ControlServer();

 private:
  class Impl;
  explicit ControlServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Regular files directly in `directory` or in its archive/, as "name" or "archive/name".
[[nodiscard]] std::vector<ControlClient::RemoteFile> list_node_files(const std::filesystem::path& directory);
/// Up to kFilePieceBytes from `offset`; `end`: nothing follows. Only names that list_node_files gives.
[[nodiscard]] Result<std::string> read_node_file(const std::filesystem::path& directory, const std::string& name,
                                                 std::uint64_t offset, bool& end);

}  // namespace geocommit
