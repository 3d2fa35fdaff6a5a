// A history in the form that Elle (Kingsbury and Alvaro, VLDB 2020) and the Jepsen checkers read, so that somebody
// else's checker can judge the same run: elle.rw-register, with {:wfr-keys? true}, or elle.list-append.
//
// One operation a line, in the order of time: `invoke`, then `ok` (commit), `fail` (abort) or `info` (its client never
// learned). A key is an entity. What is written is the number of the writing transaction, so that every value is
// written once. Every write reads first: it adds to a balance. Requests of one client overlap, and a process may not:
// each takes the lowest that is free.
//
// As a register: [:r key value] and [:w key value]; nil is the initial version. As a list: [:r key [values]] and
// [:append key value]; the list at a version is the list at the version that its writer saw, and its writer. Where
// copies of an entity showed a transaction different versions, it reads each; what no log and no client names is left
// out.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "verdict/history.h"

namespace geocommit::verdict {

enum class ElleModel : std::uint8_t { rw_register, list_append };
enum class ElleFormat : std::uint8_t { edn, json };
/// Error: the lists that were read hold more values than anybody could check (kElleValuesMax).
inline constexpr std::size_t kElleValuesMax = 20'000'000;
[[nodiscard]] Result<std::string> elle_history(const History& history, ElleModel model, ElleFormat format);

}  // namespace geocommit::verdict
