#include "runtime/fetch.h"

#include <algorithm>

#include "runtime/child_path.h"

namespace geocommit {
namespace {

/// Nothing outside the folder, whatever the name.
Result<std::filesystem::path> place_of(const std::filesystem::path& folder, const std::string& name) {
  constexpr std::string_view kArchive = "archive/";
  return name.starts_with(kArchive) ? child_path(folder, {"archive", std::string_view(name).substr(kArchive.size())})
                                    : child_path(folder, {name});
}

}  // namespace

std::vector<std::string> fetch_node_files(ControlClient& control, NodeId node, const std::filesystem::path& folder,
                                          const FetchLimits& limits) {
  const auto files = control.list_files(node, std::min<Duration>(limits.patience, 5s));
  if (!files) {
    return {files.error().message};
  }
  if (files->size() > limits.files_max) {
    return {"has " + std::to_string(files->size()) + " files; at most " + std::to_string(limits.files_max) +
            " are taken"};
  }
  std::vector<std::string> problems;
  std::uint64_t left = limits.bytes_max;
  for (const ControlClient::RemoteFile& file : *files) {
    if (limits.give_up && limits.give_up()) {
      problems.push_back("given up before " + file.name);
      break;
    }
    const auto to = place_of(folder, file.name);
    if (!to) {
      problems.push_back("refused a file: " + to.error().message);
      continue;
    }
    std::error_code problem;
    std::filesystem::create_directories(to->parent_path(), problem);
    const auto got = control.fetch_file(node, file.name, *to, {limits.patience, left, limits.give_up});
    if (!got) {
      problems.push_back(file.name + ": " + got.error().message);
      // What came of it is no file of the node; and nothing more is asked of who sends without end or not at all.
      std::filesystem::remove(*to, problem);
      break;
    }
    left -= *got;
  }
  return problems;
}

}  // namespace geocommit
