// The command line, parsed. Words only: nothing is run here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiment/experiment.h"
#include "os/exit_status.h"
#include "runner/prometheus/replay.h"
#include "wan/probe.h"

namespace geocommit {

enum class Command : std::uint8_t { run, probe, topology, protocols, clean, validate, version, replay, predict };

struct RunOptions {
  std::filesystem::path file;
  bool dry_run{};
  std::string topology;          ///< predict: in place of a file.
  std::filesystem::path output;  ///< Empty: results/<name>-<time>.
  std::filesystem::path junit;   ///< Empty: none is written.
  std::vector<Override> overrides;
  bool allow_expected{}, quiet{}, verbose{};
  bool events{};  ///< --progress json
  bool quick{};
  bool no_twin{};  ///< Not simulated besides.
  std::optional<std::uint16_t> base_port;
  bool prometheus{};  ///< A Prometheus scrapes the run.
  std::optional<std::uint16_t> prometheus_port;
};

struct CommandLine {
  Command command{Command::run};
  RunOptions run;
  ProbeOptions probe;
  ReplayOptions replay;
  std::string topology;  ///< topology FILE
  std::string protocol;  ///< protocols [NAME]
};

/// The command line, or the exit status with which the program should end (help was printed, or an error).
struct ParsedCommandLine {
  std::optional<CommandLine> command_line;
  int status{};
};
[[nodiscard]] ParsedCommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace geocommit
