// geocommit-router: the process that holds packets for the tun backend. Started by the runner, never by hand.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>

#include "wan/router.h"

int main() {
  // The runner handles the terminal's signals, and closes the control socket when it is done.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_NAME, "gc-router");
  if (::fcntl(geocommit::kRouterControlFd, F_GETFD) < 0) {
    std::fprintf(stderr, "geocommit-router is started by geocommit, not by hand: it needs a control socket on fd 3\n");
    return 1;
  }
  geocommit::Router router(geocommit::kRouterControlFd);
  return router.run();
}
