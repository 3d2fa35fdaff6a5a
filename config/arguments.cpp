#include "config/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "config/strict_yaml.h"

namespace geocommit {
namespace {

/// The subcommand that the words chose, or the program itself.
const CLI::App& chosen(const CLI::App& app) {
  const auto used = app.get_subcommands();
  return used.empty() ? app : *used.front();
}

/// "./geocommit run"
std::string called(const CLI::App& app) {
  return &chosen(app) == &app ? app.get_name() : app.get_name() + " " + chosen(app).get_name();
}

/// Of an option that nothing takes: an error text with what could have been meant.
std::string unexpected_option(const std::string& word, const CLI::App& command,
                              const std::vector<std::string>& settings) {
  const std::string name = word.substr(0, word.find('='));
  const std::string bare = name.substr(std::min(name.find_first_not_of('-'), name.size()));
  std::vector<std::string> options;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& known : option->get_lnames()) options.push_back("--" + known);
  }
  for (const std::string& setting : settings) {
    if (setting == bare || setting.ends_with("." + bare))
      return name + ": no such option, did you mean --set " + setting + "=...?";
  }
  if (const std::string guess = yaml::closest(name, options); !guess.empty()) {
    return name + ": no such option, did you mean " + guess + "?";
  }
  if (const std::string guess = yaml::closest(bare, settings); !guess.empty()) {
    return name + ": no such option, did you mean --set " + guess + "=...?";
  }
  std::string all;
  for (const std::string& known : options) all += " " + known;
  return name + ": no such option; there are:" + all;
}

}  // namespace

int refuse_arguments(const std::string& command, const std::string& why) {
  std::fprintf(stderr, "error: %s\nTry %s --help\n", why.c_str(), command.c_str());
  return 1;
}

std::optional<int> parse_arguments(CLI::App& app, int argc, const char* const* argv,
                                   std::vector<std::string> (*settings)()) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(chosen(app).help().c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& problem) {
    if (problem.get_exit_code() == 0) return app.exit(problem);
    const std::vector<std::string> left = app.remaining(true);
    const auto option = std::find_if(left.begin(), left.end(), [](const auto& word) { return word.starts_with('-'); });
    const std::vector<std::string> known = settings != nullptr ? settings() : std::vector<std::string>{};
    return refuse_arguments(called(app),
                            option == left.end() ? problem.what() : unexpected_option(*option, chosen(app), known));
  }
  return std::nullopt;
}

}  // namespace geocommit
