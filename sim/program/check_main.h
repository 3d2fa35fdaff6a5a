// `check RESULTS`: judges a results folder again, long after its run, from the nodes' durable logs and the clients'
// outcome logs alone.
#pragma once

#include <filesystem>

namespace geocommit {

/// Prints a line per cell and what is wrong. The exit status: 0 pass, 2 violation, 3 unknown, 1 the folder cannot be
/// read. allow_expected: a violation that the protocol's fault model predicts exits 0.
int check_results(const std::filesystem::path& results, bool allow_expected);
/// argv[0] is "check".
int check_main(int argc, char** argv);

}  // namespace geocommit
