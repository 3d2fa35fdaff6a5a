// `geocommit-sim bench`: events per second on one core.
#pragma once

namespace geocommit::sim {
/// argv[0] is "bench".
int bench_main(int argc, char** argv);
}  // namespace geocommit::sim
