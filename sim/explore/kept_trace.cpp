#include "sim/explore/kept_trace.h"

#include <sstream>

namespace geocommit::explore {

GoldenResult run_kept_trace(const std::string& file, std::string_view keyword,
                            const std::function<bool(const std::string& line)>& parse,
                            const std::function<Replayed(const std::vector<std::string>& steps)>& replay) {
  GoldenResult result;
  std::vector<std::string> steps;
  bool bounded = false;
  std::istringstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#")) {
      result.text += line + "\n";
    } else if (line.starts_with(std::string(keyword) + " ")) {
      result.text += line + "\n";
      bounded = true;
      if (!parse(line)) {
        result.error = "not understood: " + line;
        return result;
      }
    } else if (line.starts_with("> ")) {
      steps.push_back(line.substr(2));
    }
  }
  if (!bounded) {
    result.error = "no `" + std::string(keyword) + " ...` line";
    return result;
  }
  const Replayed replayed = replay(steps);
  result.error = replayed.understood ? "" : "a step is not possible";
  result.violation = replayed.violation;
  result.diagram = replayed.diagram;
  result.text += replayed.transcript;
  return result;
}

}  // namespace geocommit::explore
