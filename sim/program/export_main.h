// `export RESULTS --history`: what the clients of a run asked and were told, for other checkers than our own.
#pragma once

namespace geocommit {

/// argv[0] is "export".
int export_main(int argc, char** argv);

}  // namespace geocommit
