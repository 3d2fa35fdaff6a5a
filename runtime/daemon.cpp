#include "runtime/daemon.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "runtime/bind_policy.h"
#include "runtime/child_path.h"
#include "runtime/control_server.h"
#include "runtime/directory_lock.h"
#include "runtime/transport.h"

namespace geocommit {
namespace {

constexpr const char* kVersion = "geocommit 0.1.0";
constexpr const char* kStoredConfig = "cell.json";

struct Options {
  std::string config, listen, control, metrics, log_file;
  std::string data_directory;
  bool insecure{};
  bool serve_stored{};
  int lock_fd{-1};
};

std::filesystem::path cells(const Options& options) { return std::filesystem::path{options.data_directory} / "cells"; }
std::filesystem::path stored(const Options& options) {
  return std::filesystem::path{options.data_directory} / kStoredConfig;
}

/// Where a deployed daemon keeps the files of a cell; parse_node_config() has checked the names.
std::filesystem::path cell_folder(const Options& options, const NodeConfig& config) {
  return child_path(cells(options), {config.run_id + "-" + config.cell}).value();
}

/// The daemon's own addresses, directory and permissions stand above what came over the wire.
void impose(const Options& options, NodeConfig& config) {
  config.addresses[config.self] = {options.listen, options.control, options.metrics};
  config.data_directory = cell_folder(options, config);
  config.insecure = options.insecure;
  config.own_namespace = false;
}

std::optional<Error> wrong_kind(const NodeConfig& config, NodeKind kind) {
  const Directory directory = config.directory();
  const NodeInfo& self = *directory.find(config.self);
  if (self.kind != kind) {
    return Error{"node " + std::to_string(config.self.value) + " is " + self.name + ": another program serves it"};
  }
  return std::nullopt;
}

/// Takes a configuration for a new cell. The files of the cell before it are removed: they were there to be fetched.
Result<void> accept_cell(const Options& options, NodeKind kind, const std::string& json) {
  Result<NodeConfig> config = parse_node_config(json, "configuration");
  if (!config) {
    return config.error();
  }
  if (std::optional<Error> problem = wrong_kind(config.value(), kind)) {
    return *problem;
  }
  impose(options, config.value());
  std::error_code problem;
  std::filesystem::remove_all(cells(options), problem);
  std::filesystem::create_directories(config.value().data_directory, problem);
  if (problem) {
    return Error{cells(options).string() + ": cannot be made anew: " + problem.message()};
  }
  return store_node_config(stored(options), config.value());
}

/// Files of the cell that was served last.
std::filesystem::path last_cell(const Options& options) {
  const Result<NodeConfig> config = load_node_config(stored(options));
  return config ? cell_folder(options, config.value()) : std::filesystem::path{};
}

/// Each cell removes the one before it. In a folder that no daemon had before, "cells" is somebody else's.
Result<void> may_keep_cells(const Options& options) {
  std::error_code ignored;
  for (const std::filesystem::path& mine : {cells(options), stored(options)}) {
    if (!DirectoryLock::was_taken(options.data_directory) && std::filesystem::exists(mine, ignored)) {
      return Error{mine.string() +
                   " is there, no daemon has made it, and it would be removed; choose another --data-dir"};
    }
  }
  return {};
}

enum class IdleEnd : std::uint8_t { shut_down, configured };

Result<IdleEnd> serve_idle(const DaemonProgram& program, const Options& options) {
  for (const std::string& address : {options.listen, options.metrics}) {
    if (Result<void> allowed = may_bind(address, options.insecure); !allowed) {
      return allowed.error();
    }
  }
  if (Result<void> allowed = may_be_commanded_on(options.control, options.insecure); !allowed) {
    return allowed.error();
  }
  Result<std::unique_ptr<EventLoop>> made = EventLoop::create();
  if (!made) {
    return made.error();
  }
  EventLoop& loop = *made.value();
  if (Result<void> watched = loop.handle_signals([&loop](int) { loop.stop(0); }); !watched) {
    return watched.error();
  }
  const std::unique_ptr<zmq::context_t> context = make_zmq_context();
  ControlVerbs verbs;
  verbs.status = [] {
    NodeStatus status;
    status.idle = true;
    status.waiting_for = "a configuration";
    return status;
  };
  verbs.configure = [&](const std::string& json) -> Result<void> {
    if (Result<void> accepted = accept_cell(options, program.kind, json); !accepted) {
      return accepted;
    }
    loop.stop(1);
    return {};
  };
  verbs.release = [] { return Result<void>{}; };
  verbs.shutdown = [&loop]() -> Result<void> {
    loop.stop(0);
    return {};
  };
  verbs.files = [&options] { return last_cell(options); };
  auto control = ControlServer::open(*context, loop, options.control, verbs);
  if (!control) {
    return control.error();
  }
  spdlog::info("{}: idle, waiting for a configuration on {}", program.name, options.control);
  return loop.run() == 0 ? IdleEnd::shut_down : IdleEnd::configured;
}

/// Starts this program anew: the memory of one cell cannot leak into the next. Returns only if it fails.
Error start_anew(const Options& options, const std::string& self, bool serve_stored, DirectoryLock& lock) {
  std::vector<std::string> arguments{
      self, "--listen", options.listen, "--control", options.control, "--data-dir", options.data_directory};
  if (!options.metrics.empty()) {
    arguments.insert(arguments.end(), {"--metrics", options.metrics});
  }
  if (!options.log_file.empty()) {
    arguments.insert(arguments.end(), {"--log-file", options.log_file});
  }
  if (options.insecure) {
    arguments.emplace_back("--insecure");
  }
  if (serve_stored) {
    arguments.emplace_back("--serve-stored");
  }
  arguments.push_back("--lock-fd=" + std::to_string(lock.keep_over_exec()));
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  ::execv("/proc/self/exe", argv.data());
  return Error{std::string{"cannot start anew: "} + std::strerror(errno)};
}

Result<int> serve_cell(const DaemonProgram& program, const NodeConfig& config, bool deployed) {
  if (std::optional<Error> problem = wrong_kind(config, program.kind)) {
    return *problem;
  }
  Result<std::unique_ptr<EventLoop>> loop = EventLoop::create();
  if (!loop) {
    return loop.error();
  }
  return program.serve(*loop.value(), config, deployed);
}

Result<int> serve(const DaemonProgram& program, const Options& options, const char* self) {
  if (!options.config.empty()) {
    const Result<NodeConfig> config = load_node_config(options.config);
    if (!config) {
      return config.error();
    }
    NodeConfig effective = config.value();
    effective.insecure = effective.insecure || options.insecure;
    if (effective.data_directory.empty()) {
      return Error{options.config + ": data_directory: a directory for what must last was expected"};
    }
    const Result<DirectoryLock> lock = DirectoryLock::take(effective.data_directory);
    if (!lock) {
      return lock.error();
    }
    return serve_cell(program, effective, false);
  }
  if (Result<void> ours = may_keep_cells(options); !ours) {
    return ours.error();
  }
  Result<DirectoryLock> lock = options.lock_fd >= 0 ? DirectoryLock::adopt(options.lock_fd, options.data_directory)
                                                    : DirectoryLock::take(options.data_directory);
  if (!lock) {
    return lock.error();
  }
  if (!options.serve_stored) {
    const Result<IdleEnd> end = serve_idle(program, options);
    if (!end) {
      return end.error();
    }
    return end.value() == IdleEnd::shut_down ? Result<int>{0}
                                             : Result<int>{start_anew(options, self, true, lock.value())};
  }
  Result<NodeConfig> config = load_node_config(stored(options));
  if (!config) {
    return config.error();
  }
  impose(options, config.value());
  const Result<int> code = serve_cell(program, config.value(), true);
  if (code && code.value() == NodeHost::kExitRelease) {
    return start_anew(options, self, false, lock.value());
  }
  return code;
}

void set_up_logging(const Options& options) {
  auto logger = options.log_file.empty() ? spdlog::stderr_logger_mt("geocommit")
                                         : spdlog::basic_logger_mt("geocommit", options.log_file);
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

constexpr rlim_t kFilesMin = 128;  // with fewer ZeroMQ ends the process where it could not make a socket

/// Many regions mean many sockets.
Result<void> raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return Error{std::string{"cannot see how many files may be open: "} + std::strerror(errno)};
  }
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_max < kFilesMin) {
    return Error{"a process may have only " + std::to_string(limit.rlim_max) + " files open here, and a node needs " +
                 std::to_string(kFilesMin) + " or more: raise the limit (ulimit -n 1024)"};
  }
  return {};
}

}  // namespace

int daemon_main(const DaemonProgram& program, int argc, char** argv) {
  Options options;
  CLI::App app{program.description, program.name};
  app.set_version_flag("--version", kVersion);
  auto* config =
      app.add_option("--config", options.config, "Serve the cell in this file (JSON, as the runner writes it)");
  auto* listen = app.add_option("--listen", options.listen, "Deployed: where other nodes reach this one");
  app.add_option("--control", options.control,
                 "Deployed: where the runner reaches this daemon; ipc://PATH in a folder of yours with mode 0700")
      ->needs(listen);
  app.add_option("--metrics", options.metrics, "Deployed: HTTP address of /metrics")->needs(listen);
  app.add_option("--data-dir", options.data_directory, "Deployed: where to keep the log")->needs(listen);
  app.add_option("--log-file", options.log_file, "Log there instead of to stderr");
  app.add_flag(
      "--insecure", options.insecure,
      "Permit data off loopback and control over TCP. There is no authentication: whoever reaches them may use "
      "them, and results are marked");
  app.add_flag("--serve-stored", options.serve_stored, "Serve the cell that was configured last")
      ->group("")
      ->needs(listen);
  app.add_option("--lock-fd", options.lock_fd, "The lock of --data-dir, from the program that this one was before")
      ->group("")
      ->needs(listen);
  config->excludes(listen);
  app.footer(std::string{"Examples:\n  "} + program.name +
             " --config results/run/nodes/agent@us-east-1/config.json\n  " + program.name +
             " --listen tcp://127.0.0.2:7001 --control ipc:///var/lib/geocommit/control --metrics 127.0.0.2:7003 "
             "--data-dir /var/lib/geocommit\n\nExit status: 0 after a clean end, 74 if the log cannot be written, 1 on "
             "any other error, which is the last line.");
  try {
    app.parse(argc, argv);
    if (options.config.empty() &&
        (options.listen.empty() || options.control.empty() || options.data_directory.empty())) {
      throw CLI::ValidationError("--config FILE, or --listen, --control and --data-dir together");
    }
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 1;
  }
  set_up_logging(options);
  (void)::signal(SIGPIPE, SIG_IGN);
  int code = 1;
  try {
    const Result<void> enough = raise_file_limit();
    const Result<int> served = enough ? serve(program, options, argv[0]) : Result<int>{enough.error()};
    if (!served) {
      std::cerr << program.name << ": " << served.error().message << std::endl;
    } else {
      code = served.value();
    }
  } catch (const std::exception& problem) {  // bad_alloc and the like: nothing of ours throws this far
    std::cerr << program.name << ": " << problem.what() << std::endl;
  }
  return code;
}

}  // namespace geocommit
