#include "runner/simulator.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "os/process.h"

namespace geocommit {
namespace {

/// Of a twin: seconds are usual, and it can be had by hand.
constexpr std::chrono::minutes kMost{2};

std::filesystem::path simulator() {
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return self.parent_path().parent_path() / "sim" / "geocommit-sim";
}

}  // namespace

Error become_simulator(const RunOptions& options) {
  const char* command = std::getenv("GEOCOMMIT_COMMAND");
  const std::filesystem::path program = command != nullptr ? std::filesystem::path(command) : simulator();
  std::vector<std::string> words{program.string()};
  if (command != nullptr) words.emplace_back("sim");
  words.push_back(options.file.string());
  if (!options.output.empty()) words.insert(words.end(), {"--output", options.output.string()});
  for (const Override& o : options.overrides) words.insert(words.end(), {"--set", o.key + "=" + o.value});
  if (options.allow_expected) words.emplace_back("--allow-expected");
  if (options.quiet) words.emplace_back("--quiet");
  if (options.events) words.insert(words.end(), {"--progress", "json"});
  if (!options.junit.empty()) words.insert(words.end(), {"--junit", options.junit.string()});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  return Error{"emulation sim: cannot start " + program.string() + ": " + std::strerror(errno)};
}

Result<std::string> simulate_twin(const std::filesystem::path& results) {
  const auto program = simulator();
  const auto by_hand = "./geocommit twin " + results.string();
  std::error_code ignored;
  if (!std::filesystem::exists(program, ignored)) {
    return Error{"the simulator is not built; " + by_hand + " builds it, and makes one"};
  }
  const auto log = results / "logs" / "twin.log";
  Fleet fleet;
  if (auto started = fleet.start({"twin", program, {"twin", results.string(), "--apart"}, log}); !started) {
    return started.error();
  }
  const auto until = std::chrono::steady_clock::now() + kMost;
  while (!interrupted() && std::chrono::steady_clock::now() < until) {
    for (const Death& death : fleet.poll_ended(std::chrono::milliseconds{100})) {
      if (!death.clean()) {
        return Error{death.describe()};
      }
      std::ifstream in(log);
      std::stringstream said;
      said << in.rdbuf();
      return said.str();
    }
  }
  (void)fleet.stop(std::chrono::milliseconds{0});
  return Error{interrupted() ? "interrupted" : "it took longer than two minutes; " + by_hand + " waits"};
}

}  // namespace geocommit
