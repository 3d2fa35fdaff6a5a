// The C library's clocks, seen through a step: daemons link this, and every caller in the process, in whatever library,
// gets the wall clock that a fault ordered. A sanitizer has its own definitions, so there it is left out.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <dlfcn.h>
#include <sys/time.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>

namespace geocommit {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
std::atomic<std::int64_t> offset_ns{0};

int real_clock(clockid_t id, timespec* out) {
  using Clock = int (*)(clockid_t, timespec*);
  static const Clock next = reinterpret_cast<Clock>(::dlsym(RTLD_NEXT, "clock_gettime"));
  if (next == nullptr) {
    errno = ENOSYS;
    return -1;
  }
  return next(id, out);
}

}  // namespace

void add_to_wall_clock(std::int64_t ns);
void add_to_wall_clock(std::int64_t ns) { offset_ns += ns; }

}  // namespace geocommit

extern "C" {

int clock_gettime(clockid_t id, timespec* out) noexcept {
  const int result = geocommit::real_clock(id, out);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
    const std::int64_t ns = std::int64_t{out->tv_sec} * geocommit::kSecond + out->tv_nsec +
                            geocommit::offset_ns.load(std::memory_order_relaxed);
    out->tv_sec = static_cast<time_t>(ns / geocommit::kSecond);
    out->tv_nsec = static_cast<long>(ns % geocommit::kSecond);
  }
  return result;
}

int gettimeofday(timeval* out, void* /*zone*/) noexcept {
  timespec now{};
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = static_cast<suseconds_t>(now.tv_nsec / 1000);
  return result;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) {
    *out = now.tv_sec;
  }
  return now.tv_sec;
}

}  // extern "C"

#endif
