#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace geocommit {

void check_failed(const char* condition, const char* file, int line, const char* note) noexcept {
  std::fprintf(stderr, "%s:%d: broken invariant: %s %s\n", file, line, condition, note);
  std::abort();
}

}  // namespace geocommit
