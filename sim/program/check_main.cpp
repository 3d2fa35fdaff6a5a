#include "sim/program/check_main.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "config/arguments.h"
#include "os/exit_status.h"
#include "report/manifest.h"
#include "sim/program/kept_results.h"
#include "verdict/check.h"

namespace geocommit {
namespace {

int failed(const std::string& why) {
  std::cerr << "geocommit check: " << why << "\n";
  return 1;
}

void print(const Cell& cell, const Verdict& verdict) {
  std::cout << cell.id << "  " << name_of(verdict.judgement)
            << (verdict.judgement == Judgement::violation && verdict.expected ? " (expected)" : "") << "  "
            << verdict.transactions << " transactions: " << verdict.committed << " committed, " << verdict.aborted
            << " aborted, " << verdict.unresolved << " unresolved, " << verdict.unknown_to_client
            << " unknown to their clients\n";
  for (std::size_t i = 0; i < kViolationClasses; ++i) {
    if (verdict.counts[i] > 0) {
      std::cout << "  " << name_of(static_cast<ViolationClass>(i)) << ": " << verdict.counts[i] << "\n";
    }
  }
  for (const Violation& one : verdict.examples) {
    std::cout << "    " << one.txn.coordinator.value << "." << one.txn.epoch.value << "." << one.txn.counter << ": "
              << one.what << "\n";
  }
  for (const std::string& reason : verdict.unknown_reasons) {
    std::cout << "  not judged: " << reason << "\n";
  }
}

/// Whether anything says that there are, or were, logs: a manifest, or the summary's checksum of one.
bool has_logs(const KeptResults& kept) {
  return std::any_of(kept.cells.begin(), kept.cells.end(), [&](const auto& cell) {
    std::error_code failure;
    return cell.second.has_value() ||
           std::filesystem::exists(kept.folder / "nodes" / cell.first / kManifestFile, failure);
  });
}

}  // namespace

int check_results(const std::filesystem::path& results, bool allow_expected) {
  const auto kept = read_results(results);
  if (!kept) {
    return failed(kept.error().message);
  }
  if (!has_logs(*kept)) {
    std::cout << results.string()
              << ": unknown: it was simulated without its logs (./geocommit sim FILE --logs keeps them), or made by an "
                 "older version\n";
    return kUnknown;
  }
  bool violation = false;
  bool unknown = false;
  for (const Cell& cell : kept->plan.cells) {
    if (!kept->cells.contains(cell.id)) {
      continue;
    }
    const Directory directory = kept->plan.directory(cell);
    const KeptEvidence evidence = kept->evidence(cell, directory);
    const Verdict verdict = check(evidence.history, evidence.options);
    print(cell, verdict);
    violation = violation || (verdict.judgement == Judgement::violation && !(verdict.expected && allow_expected));
    unknown = unknown || verdict.judgement == Judgement::unknown;
  }
  return violation ? kViolation : unknown ? kUnknown : kPass;
}

int check_main(int argc, char** argv) {
  CLI::App app{
      "Judges a results folder again, from its durable logs and what its clients were told.\n"
      "  ./geocommit check results/quickstart-2026-01-01T00-00-00",
      "./geocommit check"};
  std::filesystem::path results;
  bool allow_expected = false;
  app.add_option("results", results, "the folder")->required();
  app.add_flag("--allow-expected", allow_expected, "a violation that the fault model predicts exits 0");
  if (const auto refused = parse_arguments(app, argc, argv)) {
    return *refused;
  }
  return check_results(results, allow_expected);
}

}  // namespace geocommit
