// A history in the form that Elle (Kingsbury and Alvaro, VLDB 2020) and the Jepsen checkers read, so that somebody
// else's checker can judge the same run: elle.rw-register, with {:wfr-keys? true}.
//
// One operation a line, in the order of time: `invoke`, then `ok` (commit), `fail` (abort) or `info` (its client never
// learned). A value is a list of [:r key value] and [:w key value]. A key is an entity. What is written is the number
// of the writing transaction, so that every value is written once; nil is the initial version. Every write reads first:
// it adds to a balance. Requests of one client overlap, and a process may not: each takes the lowest that is free.
#pragma once

#include <string>

#include "verdict/history.h"

namespace geocommit::verdict {

enum class ElleFormat : std::uint8_t { edn, json };
[[nodiscard]] std::string elle_history(const History& history, ElleFormat format);

}  // namespace geocommit::verdict
