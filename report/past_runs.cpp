#include "report/past_runs.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "os/console.h"

namespace geocommit {
namespace {

namespace fs = std::filesystem;

std::uintmax_t size_of(const fs::path& folder) {
  std::uintmax_t bytes = 0;
  std::error_code failure;
  for (fs::recursive_directory_iterator at(folder, failure), end; at != end && !failure; at.increment(failure)) {
    std::error_code none;
    if (at->is_regular_file(none) && !at->is_symlink(none)) bytes += at->file_size(none);
  }
  return bytes;
}

int badness(std::string_view verdict) { return verdict == "violation" ? 3 : verdict == "unknown" ? 2 : 1; }

/// Text of a file that anybody may have written, for a terminal: without control characters.
std::string text_in(const nlohmann::json& map, const char* key) {
  const auto found = map.find(key);
  std::string text = found != map.end() && found->is_string() ? found->get<std::string>() : "";
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

void read_cells(const nlohmann::json& summary, PastRun& run) {
  const auto cells = summary.find("cells");
  if (cells == summary.end() || !cells->is_array()) return;
  run.cells = cells->size();
  run.expected = true;
  for (const auto& cell : *cells) {
    const std::string verdict = cell.is_object() ? text_in(cell, "verdict") : "unknown";
    if (run.verdict.empty() || badness(verdict) > badness(run.verdict)) run.verdict = verdict;
    const bool expected = cell.is_object() && cell.contains("expected") && cell["expected"] == true;
    if (verdict == "violation" && !expected) run.expected = false;
  }
}

/// Nothing for a folder that no run has made.
std::optional<PastRun> read_run(const fs::path& folder) {
  std::error_code failure;
  const fs::path summary = folder / "summary.json";
  const bool has_summary = fs::exists(summary, failure);
  if (!has_summary && !fs::exists(folder / "experiment.yaml", failure)) return std::nullopt;
  PastRun run;
  run.folder = folder;
  run.written = fs::last_write_time(has_summary ? summary : folder, failure);
  std::ifstream in(summary);
  const auto json = in ? nlohmann::json::parse(in, nullptr, false) : nlohmann::json();
  if (json.is_object() && json.contains("cells")) {
    run.finished = true;
    run.name = text_in(json, "name");
    run.emulation = text_in(json, "emulation");
    const auto planned = json.find("cells_planned");
    if (planned != json.end() && planned->is_number_unsigned()) run.cells_planned = planned->get<std::size_t>();
    read_cells(json, run);
  }
  run.bytes = size_of(folder);
  return run;
}

std::string when(fs::file_time_type written) {
  const auto wall = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::file_clock::to_sys(written));
  const std::time_t at = std::chrono::system_clock::to_time_t(wall);
  std::tm local{};
  localtime_r(&at, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &local);
  return text.data();
}

std::string size_text(std::uintmax_t bytes) {
  const double mib = static_cast<double>(bytes) / (1024.0 * 1024.0);
  return mib < 1024.0 ? figure(mib) + " MiB" : figure(mib / 1024.0) + " GiB";
}

std::string cells_text(const PastRun& run) {
  if (!run.finished) return "-";
  const bool all = run.cells >= run.cells_planned;
  return std::to_string(run.cells) + (all ? "" : "/" + std::to_string(run.cells_planned));
}

std::string verdict_text(const PastRun& run) {
  if (!run.finished) return "unfinished";
  if (run.verdict.empty()) return "-";
  return run.verdict == "violation" && run.expected ? "expected" : run.verdict;
}

Colour colour_of(std::string_view verdict) {
  return verdict == "pass" ? Colour::green : verdict == "violation" ? Colour::red : Colour::yellow;
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

}  // namespace

Result<std::vector<PastRun>> past_runs(const fs::path& folder) {
  std::error_code failure;
  fs::directory_iterator entries(folder, failure);
  if (failure) {
    return Error{folder.string() + ": " + failure.message() +
                 "; runs leave theirs in results/, below the folder in which they were started"};
  }
  std::vector<PastRun> runs;
  for (const auto& entry : entries) {
    if (!entry.is_directory(failure) || entry.is_symlink(failure)) continue;
    if (auto run = read_run(entry.path())) runs.push_back(std::move(*run));
  }
  std::sort(runs.begin(), runs.end(), [](const PastRun& a, const PastRun& b) {
    return a.written != b.written ? a.written > b.written : a.folder < b.folder;
  });
  return runs;
}

std::string print(const std::vector<PastRun>& runs, bool colour) {
  if (runs.empty()) return "No runs yet: ./geocommit run quickstart makes the first.\n";
  std::uintmax_t bytes = 0;
  std::string out = left("when", 18) + left("experiment", 24) + left("world", 10) + right("cells", 7) + "  " +
                    left("verdict", 11) + right("size", 10) + "  folder\n";
  for (const PastRun& run : runs) {
    bytes += run.bytes;
    const std::string verdict = verdict_text(run);
    out += left(when(run.written), 18) + left(or_dash(run.name), 24) + left(or_dash(run.emulation), 10) +
           right(cells_text(run), 7) + "  " + paint(left(verdict, 11), colour_of(verdict), colour) +
           right(size_text(run.bytes), 10) + "  " + run.folder.string() + "\n";
  }
  return out + std::to_string(runs.size()) + (runs.size() == 1 ? " run, " : " runs, ") + size_text(bytes) + "\n";
}

Result<std::vector<PastRun>> remove_old_runs(const fs::path& folder, std::size_t keep, bool dry) {
  auto runs = past_runs(folder);
  if (!runs) return runs.error();
  std::vector<PastRun> old;
  std::size_t finished = 0;
  for (PastRun& run : *runs) {
    if (run.finished && ++finished > keep) old.push_back(std::move(run));
  }
  for (const PastRun& run : old) {
    std::error_code failure;
    if (!dry) fs::remove_all(run.folder, failure);
    if (failure) return Error{run.folder.string() + ": cannot be removed: " + failure.message()};
  }
  return old;
}

}  // namespace geocommit
