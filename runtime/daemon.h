// The command line of the three programs that a run is made of. `main` of each is one call.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "engine/engine.h"
#include "protocols/directory.h"
#include "runtime/event_loop.h"
#include "runtime/node_host.h"

namespace geocommit {

/// Serves one cell with this config, on this loop, to the end: opens a NodeHost (after whatever must be durable before
/// the sockets open), runs it, returns its exit status. Errors become the last line on stderr and status 1.
using ServeCell = std::function<Result<int>(EventLoop& loop, const NodeConfig& config, bool deployed)>;

struct DaemonProgram {
  const char* name;         ///< "geocommit-agent"
  const char* description;  ///< For --help, with examples.
  NodeKind kind{NodeKind::agent};
  ServeCell serve;
};

/// Parses the command line, serves a cell from `--config FILE`, or waits for one over control (`--listen ...`).
int daemon_main(const DaemonProgram& program, int argc, char** argv);

/// ServeCell of agents and coordinators: log, epoch, sockets, engine.
[[nodiscard]] Result<int> serve_engine(EventLoop& loop, const NodeConfig& config, bool deployed);
/// The same with other parts in its engine: for tests.
[[nodiscard]] ServeCell serve_engine_of(EngineParts parts);

}  // namespace geocommit
