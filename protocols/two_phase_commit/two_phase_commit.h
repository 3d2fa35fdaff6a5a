// Two-phase commit, presumed abort, with inquiry and cooperative termination. See README.md in this folder.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "protocols/registry.h"

namespace geocommit::two_phase_commit {

inline constexpr std::uint8_t kWireId = 1;

// On the wire and in logs: never renumber.
enum class Kind : std::uint8_t { prepare = 1, vote = 2, decision = 3, ack = 4, inquiry = 5, answer = 6 };
enum class Record : std::uint8_t {
  prepared = 1,       ///< Participant, forced before YES.
  commit = 2,         ///< Participant, forced before ACK.
  abort = 3,          ///< Participant: lazy, but forced when a working site aborts because a peer inquired.
  commit_chosen = 4,  ///< Coordinator, forced: this is the decision.
  end = 5,            ///< Coordinator, lazy: every site has acknowledged.
};
enum class Timer : std::uint8_t { vote = 1, resend = 2, decision = 3 };

constexpr std::uint8_t raw(Kind kind) { return static_cast<std::uint8_t>(kind); }
constexpr std::uint8_t raw(Record record) { return static_cast<std::uint8_t>(record); }
constexpr std::uint8_t raw(Timer timer) { return static_cast<std::uint8_t>(timer); }

inline constexpr std::array<KindRow, 6> kKinds{{
    {raw(Kind::prepare), "PREPARE", MessageClass::prepare},
    {raw(Kind::vote), "VOTE", MessageClass::vote, Meaning::yes},
    {raw(Kind::decision), "DECISION", MessageClass::decision},
    {raw(Kind::ack), "ACK", MessageClass::ack, Meaning::outcome},
    {raw(Kind::inquiry), "INQUIRY", MessageClass::inquiry},
    {raw(Kind::answer), "ANSWER", MessageClass::inquiry},
}};
inline constexpr std::array<RecordRow, 5> kRecords{{
    {raw(Record::prepared), "prepared", Meaning::yes},
    {raw(Record::commit), "commit", Meaning::outcome},
    {raw(Record::abort), "abort", Meaning::outcome},
    {raw(Record::commit_chosen), "commit", Meaning::outcome},
    {raw(Record::end), "end", Meaning::end},
}};
inline constexpr std::array<TimerRow, 3> kTimers{{
    {raw(Timer::vote), "vote"},
    {raw(Timer::resend), "resend"},
    {raw(Timer::decision), "decision"},
}};

/// Coordinator's first four, participant's rest. "prepare-sent" follows the sends of its step; "decision-sent-to-one"
/// stands between the first send and the others; the rest come first in their step.
inline constexpr std::array<std::string_view, 8> kPoints{
    "prepare-sent",     "votes-collected", "decision-forced",   "decision-sent-to-one",
    "prepare-received", "vote-forced",     "decision-received", "entered_termination"};

[[nodiscard]] std::unique_ptr<CommitMachine> make(Role role, const TxnContext& context);
[[nodiscard]] OrphanRule orphan(const Message& message, const Remembered& remembered);
[[nodiscard]] CostRow commit_cost(std::uint32_t participants);
[[nodiscard]] Timing timing(const Geometry& geometry);
[[nodiscard]] Route route(const Request& request, const Directory& directory);

[[nodiscard]] std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context);
[[nodiscard]] std::unique_ptr<CommitMachine> make_participant(const TxnContext& context);

}  // namespace geocommit::two_phase_commit
