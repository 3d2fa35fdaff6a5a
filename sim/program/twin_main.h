// `geocommit-sim twin`: a real run's cells once more in virtual time, and how far apart the two are.
#pragma once

namespace geocommit::sim {

/// argv[0] is the verb.
int twin_main(int argc, char** argv);

}  // namespace geocommit::sim
