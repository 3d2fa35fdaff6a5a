// geocommit-runner, started by ./geocommit.
#include <cstdio>

#include "experiment/protocol_list.h"
#include "runner/environment.h"
#include "runner/options.h"
#include "runner/run.h"
#include "wan/run_state.h"

int main(int argc, char** argv) {
  using namespace geocommit;  // NOLINT: a main
  const ParsedCommandLine parsed = parse_command_line(argc, argv);
  if (!parsed.command_line) return parsed.status;
  const CommandLine& line = *parsed.command_line;
  switch (line.command) {
    case Command::run: {
      std::string words = "geocommit";
      for (int i = 1; i < argc; ++i) words += std::string(" ") + argv[i];
      return run_experiment(line.run, words);
    }
    case Command::probe:
      return run_probe(line.probe);
    case Command::topology:
      return run_topology(line.topology);
    case Command::protocols: {
      const auto text = print_protocols(line.protocol);
      if (!text) {
        std::fprintf(stderr, "error: %s\n", text.error().message.c_str());
        return kFailed;
      }
      std::fputs(text.value().c_str(), stdout);
      return kPass;
    }
    case Command::clean:
      return run_clean();
    case Command::validate:
      return validate_experiment(line.run.file);
    case Command::predict:
      return predict_experiment(line.run);
    case Command::replay:
      return run_replay(line.replay);
    case Command::version:
      std::printf("%s\n", version_line().c_str());
      return kPass;
  }
  return kFailed;
}
