#include "runtime/faults/wall_clock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

namespace geocommit {

std::int64_t true_wall_ns() {
  timespec now{};
  (void)::syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Defined in runtime/faults/stepped_clock.cpp, which only daemons link.
__attribute__((weak)) void add_to_wall_clock(std::int64_t ns);

bool step_wall_clock(Duration by) {
  if (add_to_wall_clock == nullptr) {
    return false;
  }
  add_to_wall_clock(by.count());
  return true;
}

}  // namespace geocommit
