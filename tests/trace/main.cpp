// Runs every protocols/<folder>/traces/*.trace and compares; --rewrite writes what came out, for review with git diff.
//   trace_runner [--rewrite] [PROTOCOL]      PROTOCOL: the name of a row; only its traces
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "tests/trace/script.h"

namespace {

namespace fs = std::filesystem;

/// Prints the first line that differs.
void explain(const std::string& expected, const std::string& actual) {
  std::istringstream left(expected);
  std::istringstream right(actual);
  std::string a;
  std::string b;
  for (int n = 1; n < 100'000; ++n) {
    const bool more_left = static_cast<bool>(std::getline(left, a));
    const bool more_right = static_cast<bool>(std::getline(right, b));
    if (!more_left && !more_right) {
      return;
    }
    if (!more_left || !more_right || a != b) {
      std::cout << "  line " << n << "\n    expected: " << (more_left ? a : "(end)")
                << "\n    actual:   " << (more_right ? b : "(end)") << "\n";
      return;
    }
  }
}

bool check(const fs::path& path, bool rewrite) {
  std::ifstream in(path);
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  const geocommit::trace::ScriptResult result = geocommit::trace::run_script(file);
  bool good = true;
  const auto complain = [&](const std::string& what) {
    std::cout << path.string() << ": " << what << "\n";
    good = false;
  };
  for (const std::string& error : result.errors) {
    complain(error);
  }
  for (const std::string& violation : result.violations) {
    complain("invariant: " + violation);
  }
  if (!result.finished) {
    complain("does not end with `> finish`");
  }
  if (result.text != file) {
    if (rewrite && result.errors.empty()) {
      std::ofstream(path) << result.text;
      std::cout << "rewritten: " << path.string() << "\n";
    } else {
      complain("differs");
      explain(file, result.text);
    }
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  const bool rewrite = argc > 1 && std::strcmp(argv[1], "--rewrite") == 0;
  const std::string only = argc > (rewrite ? 2 : 1) ? argv[argc - 1] : "";
  if (!only.empty() && geocommit::find_protocol(only) == nullptr) {
    std::cout << "no protocol has the name " << only << "\n";
    return 1;
  }
  std::vector<fs::path> files;
  bool good = true;
  for (const geocommit::Protocol& protocol : geocommit::all_protocols()) {
    if (!only.empty() && protocol.name != only) {
      continue;
    }
    const fs::path folder = fs::path(GEOCOMMIT_SOURCE_DIR) / "protocols" / protocol.folder / "traces";
    const std::size_t before = files.size();
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".trace") {
        files.push_back(entry.path());
      }
    }
    if (files.size() == before) {
      std::cout << "no traces in " << folder.string() << "\n";
      good = false;
    }
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    good = check(file, rewrite) && good;
  }
  std::cout << files.size() << " traces, " << (good ? "all as written" : "NOT all as written") << "\n";
  return good ? 0 : 1;
}
