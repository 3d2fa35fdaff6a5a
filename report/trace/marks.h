// Faults as marks in time: `faults.jsonl` beside the nodes' folders of a cell, a line for each beginning and end.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace geocommit {

inline constexpr const char* kFaultMarksFile = "faults.jsonl";

struct FaultMark {
  Instant at;  ///< On the machine-wide steady clock, as the nodes' events.
  bool begins{};
  std::string kind;    ///< "partition", "crash", ...
  std::string target;  ///< "us-east-1 | eu-west-1", "agent@eu-west-1"
};

/// Appends a line; written at once, so that a killed runner loses none.
[[nodiscard]] Result<void> append_fault_mark(const std::filesystem::path& file, const FaultMark& mark);
/// Those that can be read, in order; a torn last line is left out. Empty without a file.
[[nodiscard]] std::vector<FaultMark> read_fault_marks(const std::filesystem::path& file);

}  // namespace geocommit
