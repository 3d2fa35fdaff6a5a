// The transaction-manager daemon of one region. All of it is in runtime/ and engine/.
#include "runtime/daemon.h"

int main(int argc, char** argv) {
  return geocommit::daemon_main(
      {"geocommit-coordinator", "A transaction manager: takes clients' requests and drives them to a decision.",
       geocommit::NodeKind::coordinator, geocommit::serve_engine},
      argc, argv);
}
