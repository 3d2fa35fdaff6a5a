#pragma once

#include <cstddef>

namespace geocommit {

/// What of a node's events is kept for timelines (runtime/events/event_log.h).
struct TraceSettings {
  bool on{true};
  double sample{0.01};              ///< Share of transactions that are kept whatever happens to them.
  std::size_t limit{8U << 20U};     ///< Bytes kept a node and cell; a sample may take half of it.
  std::size_t window{32U * 1024U};  ///< Recent events of all transactions.
};

}  // namespace geocommit
