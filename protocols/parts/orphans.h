// What protocols have in common in their answers about transactions that have no machine (OrphanRule). "Not found" is
// never "done".
#pragma once

#include <cstdint>
#include <string_view>

#include "protocols/registry.h"

namespace geocommit::orphans {

[[nodiscard]] OrphanRule ignore(std::string_view note = {});
[[nodiscard]] OrphanRule make_machine();
[[nodiscard]] OrphanRule reply(const Message& message, std::string_view note = {});
/// A message of that kind, marked as an answer that costs do not count.
[[nodiscard]] Message reply_of(std::uint8_t kind, Role to_role);
/// A late PREPARE never resurrects (pitfalls 4, 5, 34): NO to one that comes behind an abort or is addressed to an
/// earlier start of this site. `vote`: the protocol's kind for votes.
[[nodiscard]] OrphanRule prepare(const Remembered& remembered, std::uint8_t vote);

}  // namespace geocommit::orphans
