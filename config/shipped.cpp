#include "config/shipped.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "config/strict_yaml.h"

namespace geocommit {
namespace {

namespace fs = std::filesystem;

/// The first sentence of the comment, or its first line where no sentence ends in the first three.
std::string first_sentence(const fs::path& file) {
  std::ifstream in(file);
  std::string line, text;
  for (int lines = 0; lines < 3 && std::getline(in, line) && line.starts_with('#'); ++lines) {
    const auto begin = line.find_first_not_of("# ");
    if (begin == std::string::npos) break;
    text += (text.empty() ? "" : " ") + line.substr(begin);
    for (std::size_t end = text.find_first_of(".:"); end != std::string::npos;
         end = text.find_first_of(".:", end + 1)) {
      if (end + 1 == text.size() || text[end + 1] == ' ') return text.substr(0, end);
    }
  }
  return text;
}

std::vector<std::string> names_of(const std::vector<ShippedFile>& files) {
  std::vector<std::string> names;
  for (const ShippedFile& file : files) names.push_back(file.name);
  return names;
}

/// "; there are: a b", with what could have been meant before it.
std::string known_names(const std::string& word, const std::vector<std::string>& names) {
  const std::string meant = yaml::did_you_mean(word, names);
  std::string text = meant.empty() ? "; there are:" : meant + " There are:";
  for (const std::string& name : names) text += " " + name;
  return text;
}

/// What a path that leads nowhere could have meant: a file of its folder, or a name.
std::string meant_by(const fs::path& path, const std::vector<std::string>& names) {
  std::vector<std::string> beside;
  std::error_code failure;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    if (entry.path().extension() == ".yaml") beside.push_back(entry.path().filename().string());
  }
  std::sort(beside.begin(), beside.end());
  if (const std::string guess = yaml::closest(path.filename().string(), beside); !guess.empty()) {
    return (path.has_parent_path() ? path.parent_path() / guess : fs::path(guess)).string();
  }
  const std::string stem = path.stem().string();
  return std::find(names.begin(), names.end(), stem) != names.end() ? stem : yaml::closest(stem, names);
}

}  // namespace

std::vector<fs::path> shipped_folders(std::string_view kind) {
  std::vector<fs::path> folders{kind};
  if (const char* home = std::getenv("GEOCOMMIT_HOME"); home != nullptr) folders.push_back(fs::path(home) / kind);
  std::error_code failure;
  auto folder = fs::read_symlink("/proc/self/exe", failure).parent_path();
  for (int up = 0; up < 5 && folder.has_relative_path(); ++up) {
    folders.push_back(folder / kind);
    folder = folder.parent_path();
  }
  return folders;
}

std::vector<ShippedFile> shipped_files(const std::vector<fs::path>& folders) {
  std::map<std::string, fs::path> found;
  std::error_code failure;
  for (const fs::path& folder : folders) {
    for (const auto& entry : fs::directory_iterator(folder, failure)) {
      if (entry.path().extension() == ".yaml") found.emplace(entry.path().stem().string(), entry.path());
    }
  }
  std::vector<ShippedFile> files;
  for (const auto& [name, file] : found) files.push_back({name, file, first_sentence(file)});
  return files;
}

bool is_path(std::string_view words) { return words.find('/') != std::string_view::npos || words.ends_with(".yaml"); }

Result<fs::path> find_shipped(std::string_view what, const std::string& words, const std::vector<fs::path>& folders) {
  std::error_code failure;
  const auto names = [&] { return names_of(shipped_files(folders)); };
  if (is_path(words)) {
    if (fs::exists(words, failure)) return fs::path(words);
    const std::string meant = meant_by(words, names());
    return Error{words + ": no such file" + (meant.empty() ? "" : ", did you mean \"" + meant + "\"?")};
  }
  for (const fs::path& folder : folders) {
    const fs::path file = folder / (words + ".yaml");
    if (fs::is_regular_file(file, failure)) return file;
  }
  return Error{"no " + std::string(what) + " \"" + words + "\"" + known_names(words, names()) +
               "; or give a path to a file"};
}

Result<fs::path> find_experiment(const std::string& words) {
  std::error_code failure;
  if (!is_path(words) && fs::exists(words, failure) && !fs::is_directory(words, failure)) return fs::path(words);
  std::vector<fs::path> folders = shipped_folders("experiments");
  folders.insert(folders.begin(), "");
  return find_shipped("experiment", words, folders);
}

}  // namespace geocommit
