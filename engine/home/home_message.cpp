#include "engine/home/home_message.h"

namespace geocommit {

std::string_view name_of(HomeMessageKind kind) {
  switch (kind) {
    case HomeMessageKind::renew:
      return "RENEW";
    case HomeMessageKind::grant:
      return "GRANT";
    case HomeMessageKind::claim:
      return "CLAIM";
    case HomeMessageKind::promise:
      return "PROMISE";
    case HomeMessageKind::refuse:
      return "REFUSE";
    case HomeMessageKind::handoff:
      return "HANDOFF";
    case HomeMessageKind::open:
      return "OPEN";
    case HomeMessageKind::fetch:
      return "FETCH";
    case HomeMessageKind::probe:
      return "PROBE";
    case HomeMessageKind::idle:
      return "IDLE";
  }
  return "?";
}

}  // namespace geocommit
