// The results folder: summary.json, summary.csv and histograms/, written again after each cell, so that Ctrl-C loses
// nothing. docs/results.md documents every field.
#pragma once

#include <string>
#include <vector>

#include "report/judge.h"

namespace geocommit {

inline constexpr const char* kSummarySchema = "geocommit/summary/1";

class Results {
 public:
  /// All references must outlive it. `emulation` names the world that was run in: "tun", "sim", ...
  Results(const Plan& plan, const RunPaths& paths, std::string emulation, std::string run_id);

  [[nodiscard]] const std::string& run_id() const { return run_id_; }
  [[nodiscard]] const std::vector<CellResult>& cells() const { return cells_; }
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }
  void add(CellResult result);
  /// Sentences: what of the run had no authentication.
  void note_insecure(std::vector<std::string> what) { insecure_ = std::move(what); }
  /// A cell that could not start at all, or a WAN.
  void note_failure(const std::string& why) { failures_.push_back(why); }
  /// summary.json and summary.csv of all cells, and the histograms of the newest.
  [[nodiscard]] Result<void> write() const;

 private:
  const Plan& plan_;
  const RunPaths& paths_;
  std::string emulation_;
  std::string run_id_;
  std::vector<CellResult> cells_;
  std::vector<std::string> failures_;
  std::vector<std::string> insecure_;
};

}  // namespace geocommit
