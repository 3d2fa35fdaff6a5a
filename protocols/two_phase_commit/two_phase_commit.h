// Two-phase commit, presumed abort, with inquiry and cooperative termination. See README.md in this folder.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "protocols/parts/rows.h"

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

inline constexpr std::array<KindRow, 6> kKinds{{rows::prepare(Kind::prepare), rows::vote(Kind::vote),
                                                rows::decision(Kind::decision), rows::ack(Kind::ack),
                                                rows::inquiry(Kind::inquiry), rows::answer(Kind::answer)}};
inline constexpr std::array<RecordRow, 5> kRecords{{rows::prepared(Record::prepared), rows::commit(Record::commit),
                                                    rows::abort(Record::abort), rows::commit(Record::commit_chosen),
                                                    rows::end(Record::end)}};
inline constexpr std::array<TimerRow, 3> kTimers{
    {rows::timer(Timer::vote, "vote"), rows::timer(Timer::resend, "resend"), rows::timer(Timer::decision, "decision")}};

/// Coordinator's first four, participant's rest. "prepare-sent" follows the sends of its step; "decision-sent-to-one"
/// stands between the first send and the others; the rest come first in their step.
inline constexpr std::array<std::string_view, 8> kPoints{
    "prepare-sent",     "votes-collected", "decision-forced",   "decision-sent-to-one",
    "prepare-received", "vote-forced",     "decision-received", "entered_termination"};

inline constexpr OptionRow kReadOnly{
    1,
    "read_only",
    OptionType::boolean,
    1,
    0,
    1,
    "a transaction that only reads at one site ends there with its vote, without a record and a second phase"};
inline constexpr std::array<OptionRow, 1> kOptions{kReadOnly};

[[nodiscard]] std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context);
[[nodiscard]] std::unique_ptr<CommitMachine> make_participant(const TxnContext& context);
inline constexpr auto make = make_one_of_two<make_coordinator, make_participant>;
[[nodiscard]] OrphanRule orphan(const Message& message, const Remembered& remembered);
[[nodiscard]] CostRow commit_cost(std::uint32_t participants);
[[nodiscard]] Timing timing(const Geometry& geometry);

}  // namespace geocommit::two_phase_commit
