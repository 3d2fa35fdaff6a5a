#include "config/arguments.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "config/strict_yaml.h"

namespace geocommit {
namespace {

/// The subcommand that the words chose, or the program itself.
const CLI::App& chosen(const CLI::App& app) {
  const auto used = app.get_subcommands();
  return used.empty() ? app : *used.front();
}

int refuse(const CLI::App& app, const std::string& why) {
  const std::string own = chosen(app).get_name();
  const std::string command = &chosen(app) == &app ? own : app.get_name() + " " + own;
  std::fprintf(stderr, "error: %s\nTry %s --help\n", why.c_str(), command.c_str());
  return 1;
}

}  // namespace

std::string unexpected_argument(const std::string& word, const CLI::App& command,
                                const std::vector<std::string>& settings) {
  if (!word.starts_with('-')) return "\"" + word + "\" is one word more than " + command.get_name() + " takes";
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

std::optional<int> parse_arguments(CLI::App& app, int argc, const char* const* argv,
                                   const std::vector<std::string>& settings) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(chosen(app).help().c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& problem) {
    if (problem.get_exit_code() == 0) return app.exit(problem);
    for (const std::string& word : app.remaining(true)) {
      if (word.starts_with('-')) return refuse(app, unexpected_argument(word, chosen(app), settings));
    }
    return refuse(app, problem.what());
  }
  return std::nullopt;
}

}  // namespace geocommit
