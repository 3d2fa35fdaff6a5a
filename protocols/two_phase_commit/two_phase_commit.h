// Two-phase commit with inquiry and cooperative termination; its variants differ in data (Rules). See README.md in this
// folder.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "protocols/parts/rows.h"

namespace geocommit::two_phase_commit {

inline constexpr std::uint8_t kWireId = 1;

/// In what the variants differ (Mohan, Lindsay, Obermarck 1986, sections 2 and 3): what is presumed of a transaction
/// that its coordinator has nothing of. The rest follows.
struct Rules {
  Outcome presumes{Outcome::abort};  ///< undecided: nothing.

  /// It is durable at who voted YES, and acknowledged, before its coordinator forgets it.
  [[nodiscard]] constexpr bool acknowledged(Outcome outcome) const { return outcome != presumes; }
  /// Presumed commit: `collecting` is durable before PREPARE leaves, so that nothing that has not committed is not
  /// found.
  [[nodiscard]] constexpr bool begins() const { return presumes == Outcome::commit; }
  /// An abort is durable at the coordinator before it is told. Where `collecting` is, that stands for it.
  [[nodiscard]] constexpr bool forces_abort() const { return presumes == Outcome::undecided; }
};
inline constexpr Rules kPresumedAbort{Outcome::abort};
inline constexpr Rules kPresumedNothing{Outcome::undecided};
inline constexpr Rules kPresumedCommit{Outcome::commit};

// On the wire and in logs: never renumber.
enum class Kind : std::uint8_t {
  prepare = 1,
  vote = 2,
  decision = 3,
  ack = 4,
  inquiry = 5,
  answer = 6,
  ack_abort = 7,  ///< Where an abort is acknowledged.
};
enum class Record : std::uint8_t {
  prepared = 1,       ///< Participant, forced before YES.
  commit = 2,         ///< Participant, forced before ACK.
  abort = 3,          ///< Participant: lazy, but forced when a working site aborts because a peer inquired.
  commit_chosen = 4,  ///< Coordinator, forced: this is the decision.
  end = 5,            ///< Coordinator, lazy: every site has acknowledged.
  abort_chosen = 6,   ///< Coordinator, where an abort is acknowledged: forced, or lazy behind `collecting`.
  collecting = 7,     ///< Coordinator, forced before PREPARE.
};
enum class Timer : std::uint8_t { vote = 1, resend = 2, decision = 3 };

// A variant has the first so many of them.
inline constexpr std::array<KindRow, 7> kKinds{
    {rows::prepare(Kind::prepare), rows::vote(Kind::vote), rows::decision(Kind::decision), rows::ack(Kind::ack),
     rows::inquiry(Kind::inquiry), rows::answer(Kind::answer), rows::ack_abort(Kind::ack_abort)}};
inline constexpr std::array<RecordRow, 7> kRecords{{rows::prepared(Record::prepared), rows::commit(Record::commit),
                                                    rows::abort(Record::abort), rows::commit(Record::commit_chosen),
                                                    rows::end(Record::end), rows::abort(Record::abort_chosen),
                                                    rows::record(Record::collecting, "collecting")}};
template <Rules kRules>
inline constexpr std::span<const KindRow> kKindsOf{kKinds.data(), kRules.acknowledged(Outcome::abort) ? 7U : 6U};
template <Rules kRules>
inline constexpr std::span<const RecordRow> kRecordsOf{kRecords.data(), kRules.begins()         ? 7U
                                                                        : kRules.forces_abort() ? 6U
                                                                                                : 5U};
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

[[nodiscard]] std::unique_ptr<CommitMachine> make_coordinator(const Rules& rules, const TxnContext& context);
[[nodiscard]] std::unique_ptr<CommitMachine> make_participant(const Rules& rules, const TxnContext& context);
[[nodiscard]] std::unique_ptr<CommitMachine> make_by(const Rules& rules, Role role, const TxnContext& context);
[[nodiscard]] OrphanRule orphan_by(const Rules& rules, const Message& message, const Remembered& remembered);
[[nodiscard]] CostRow commit_cost_by(const Rules& rules, std::uint32_t participants);
[[nodiscard]] Timing timing_by(const Rules& rules, const Geometry& geometry);

// What a row has of a variant.
template <Rules kRules = kPresumedAbort>
std::unique_ptr<CommitMachine> make(Role role, const TxnContext& context) {
  return make_by(kRules, role, context);
}
template <Rules kRules = kPresumedAbort>
OrphanRule orphan(const Message& message, const Remembered& remembered) {
  return orphan_by(kRules, message, remembered);
}
template <Rules kRules = kPresumedAbort>
CostRow commit_cost(std::uint32_t participants) {
  return commit_cost_by(kRules, participants);
}
template <Rules kRules = kPresumedAbort>
Timing timing(const Geometry& geometry) {
  return timing_by(kRules, geometry);
}

}  // namespace geocommit::two_phase_commit
