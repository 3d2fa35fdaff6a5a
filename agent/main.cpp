// The participant daemon: a resource manager behind a commit engine. All of it is in runtime/ and engine/.
#include "runtime/daemon.h"

int main(int argc, char** argv) {
  return geocommit::daemon_main(
      {"geocommit-agent", "A participant: holds one site's data, votes, and obeys the decision.",
       geocommit::NodeKind::agent, geocommit::serve_engine},
      argc, argv);
}
