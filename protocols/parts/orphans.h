// What protocols have in common in their answers about transactions that have no machine (OrphanRule). "Not found" is
// never "done".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocols/registry.h"

namespace geocommit::orphans {

[[nodiscard]] OrphanRule ignore(std::string_view note = {});
[[nodiscard]] OrphanRule make_machine();
[[nodiscard]] OrphanRule reply(const Message& message, std::string_view note = {});
/// A message of that kind, marked as an answer that costs do not count.
[[nodiscard]] Message reply_of(std::uint8_t kind, Role to_role);
/// Who asks or tells is the coordinator, which is a node of its own, or a participant: the sender's id says which.
[[nodiscard]] bool from_coordinator(const Message& message);
/// To who asked, or told: this site's state, as a message of that kind.
[[nodiscard]] OrphanRule answer(const Message& message, std::uint8_t kind, SiteState state, std::string_view note = {});

/// A late PREPARE never resurrects (pitfalls 4, 5, 34): NO to one that comes behind an abort or is addressed to an
/// earlier start of this site. `vote`: the protocol's kind for votes.
[[nodiscard]] OrphanRule prepare(const Remembered& remembered, std::uint8_t vote);
/// A decision: acknowledged to the coordinator if it is a commit that this site has carried out, or has nothing to do
/// with. A commit behind an abort is an alarm, and never acknowledged: it is answered by `refusal` (0: by nothing), so
/// that a coordinator does not tell it for ever.
[[nodiscard]] OrphanRule decision(const Message& message, const Remembered& remembered, std::uint8_t ack,
                                  std::uint8_t refusal);
/// A question for the outcome. Its coordinator has nothing that is open, so what did not commit has aborted; a site
/// that has never voted makes a machine, which aborts durably, then answers; one that may have, and does not know, says
/// so.
[[nodiscard]] OrphanRule question(const Message& message, const Remembered& remembered, std::uint8_t answer);

/// What the kinds of those rules are called in the protocol at hand, and how many kinds there are.
struct Words {
  std::uint8_t prepare{}, vote{}, decision{}, ack{}, inquiry{}, answer{};
  std::size_t kinds{};
};
/// Of a protocol that calls them what all do.
template <class Kind, class Kinds>
[[nodiscard]] constexpr Words words(const Kinds& kinds) {
  const auto number = [](Kind kind) { return static_cast<std::uint8_t>(kind); };
  return {number(Kind::prepare), number(Kind::vote), number(Kind::decision), number(Kind::ack), number(Kind::inquiry),
          number(Kind::answer),  kinds.size()};
}
/// The three rules above, each for its kind; nothing else needs an answer. `refusal`: of a commit behind an abort.
[[nodiscard]] OrphanRule usual(const Message& message, const Remembered& remembered, const Words& words,
                               std::uint8_t refusal);

}  // namespace geocommit::orphans
