// Canonical bytes: what an explorer takes for the same state, or message, again.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"

namespace geocommit::canonical {

inline void put(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xffU));
  }
}

inline void put(std::string& out, const TxnId& txn) {
  put(out, txn.coordinator.value);
  put(out, txn.epoch.value);
  put(out, txn.counter);
}

}  // namespace geocommit::canonical
