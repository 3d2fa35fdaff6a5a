// `geocommit-sim fuzz`: seeds in child processes (a broken invariant aborts), failures shrunk and printed.
#pragma once

namespace geocommit::sim {
/// argv as after "geocommit-sim": argv[0] is "fuzz". Exit status 0, 1 (usage) or 2 (a seed failed).
int fuzz_main(int argc, char** argv);
}  // namespace geocommit::sim
