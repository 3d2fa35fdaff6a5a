// What two runs were told differently, from the experiment.yaml that each left behind.
#include <algorithm>
#include <fstream>
#include <sstream>

#include "report/compare/compare.h"

namespace geocommit::compare {
namespace {

constexpr std::size_t kLinesMax = 5000;
constexpr std::size_t kToldMax = 8;

std::string trimmed(std::string text) {
  if (const auto comment = text.find("   # "); comment != std::string::npos) text.erase(comment);
  const auto begin = text.find_first_not_of(' ');
  const auto end = text.find_last_not_of(" \r");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

}  // namespace

std::map<std::string, std::string> read_settings(std::istream& yaml) {
  std::map<std::string, std::string> out;
  std::vector<std::pair<std::size_t, std::string>> parents;  // indentation, key
  std::map<std::string, std::size_t> items;
  std::string line;
  for (std::size_t n = 0; n < kLinesMax && std::getline(yaml, line); ++n) {
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    const std::string text = trimmed(line);
    if (text.empty() || text.front() == '#') continue;
    while (!parents.empty() && parents.back().first >= indent) parents.pop_back();
    std::string path;
    for (const auto& [depth, key] : parents) path += key + ".";
    if (text.starts_with("- ")) {
      out[path + std::to_string(items[path]++)] = text.substr(2);
      continue;
    }
    const auto colon = text.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = text.substr(0, colon);
    const std::string value = trimmed(text.substr(colon + 1));
    if (value.empty()) {
      parents.emplace_back(indent, key);
    } else {
      out[path + key] = value;
    }
  }
  return out;
}

std::map<std::string, std::string> read_settings(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return read_settings(stream);
}

std::vector<std::string> differences(const Source& a, const Source& b) {
  std::vector<std::string> out;
  std::size_t more = 0;
  const auto tell = [&](const std::string& key, const std::string& one, const std::string& other) {
    if (one == other) return;
    if (out.size() >= kToldMax) {
      ++more;
      return;
    }
    out.push_back("The runs differ in " + key + ": " + (one.empty() ? "(none)" : one) + " and " +
                  (other.empty() ? "(none)" : other) + ".");
  };
  for (const char* key : {"name", "emulation", "topology", "seed"}) {
    const auto text = [key](const Source& source) {
      const auto found = source.summary.find(key);
      if (found == source.summary.end()) return std::string();
      return found->is_string() ? found->get<std::string>() : found->dump();
    };
    tell(key, text(a), text(b));
  }
  // A folder without its experiment says nothing about it.
  if (!a.settings.empty() && !b.settings.empty()) {
    std::map<std::string, std::string> all = a.settings;
    all.insert(b.settings.begin(), b.settings.end());
    for (const auto& [key, value] : all) {
      if (key == "name" || key == "emulation" || key == "topology" || key == "seed") continue;
      const auto in = [&key](const Source& source) {
        const auto found = source.settings.find(key);
        return found == source.settings.end() ? std::string() : found->second;
      };
      tell(key, in(a), in(b));
    }
  }
  if (!a.commit.empty() && !b.commit.empty()) tell("the commit of geocommit", a.commit, b.commit);
  if (more > 0) out.push_back("And in " + std::to_string(more) + " settings more: experiment.yaml has them.");
  return out;
}

}  // namespace geocommit::compare
