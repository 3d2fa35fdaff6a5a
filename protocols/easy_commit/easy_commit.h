// EasyCommit (Gupta and Sadoghi 2018): first transmit, then commit. See README.md here.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "protocols/parts/rows.h"

namespace geocommit::easy_commit {

inline constexpr std::uint8_t kWireId = 4;

// On the wire and in logs: never renumber. DECISION comes from the coordinator, and from every site to all others, and
// need not be durable anywhere; ANSWER with an outcome is durable at its sender if its state says so; IN_DOUBT is a
// restarted site's: what was sent to all may have missed it, so its ignorance proves nothing.
enum class Kind : std::uint8_t { prepare = 1, vote = 2, decision = 3, ack = 4, inquiry = 5, answer = 6, in_doubt = 7 };
enum class Record : std::uint8_t {
  prepared = 1,       ///< Participant, forced before YES.
  commit = 2,         ///< Participant, forced once all others have been sent the decision.
  abort = 3,          ///< Participant: lazy when told, forced when it concludes abort itself.
  collecting = 4,     ///< Coordinator, forced at the first YES: without it no decision has left.
  commit_chosen = 5,  ///< Coordinator, forced once all sites have been sent the decision.
  abort_chosen = 6,   ///< Coordinator, lazy.
  end = 7,            ///< Coordinator, lazy.
};
/// decision: a site in doubt asks; then, unanswered, concludes. inquiry: who has restarted asks again.
enum class Timer : std::uint8_t { vote = 1, resend = 2, decision = 3, inquiry = 4 };

inline constexpr std::array<KindRow, 7> kKinds{
    {rows::prepare(Kind::prepare), rows::vote(Kind::vote), rows::decision(Kind::decision), rows::ack(Kind::ack),
     rows::inquiry(Kind::inquiry), rows::answer(Kind::answer), rows::in_doubt(Kind::in_doubt)}};
inline constexpr std::array<RecordRow, 7> kRecords{
    {rows::prepared(Record::prepared), rows::commit(Record::commit), rows::abort(Record::abort),
     rows::record(Record::collecting, "collecting"), rows::commit(Record::commit_chosen),
     rows::abort(Record::abort_chosen), rows::end(Record::end)}};
inline constexpr std::array<TimerRow, 4> kTimers{
    {rows::timer(Timer::vote, "vote"), rows::timer(Timer::resend, "resend"), rows::timer(Timer::decision, "decision"),
     rows::timer(Timer::inquiry, "inquiry")}};

/// Coordinator's first four, participant's rest. "prepare-sent" follows the sends of its step; "...-to-one" stands
/// between the first send and the others; the rest come first in their step.
inline constexpr std::array<std::string_view, 9> kPoints{
    "prepare-sent", "votes-collected",   "decision-sent-to-one",      "decision-forced",    "prepare-received",
    "vote-forced",  "decision-received", "decision-forwarded-to-one", "entered_termination"};

[[nodiscard]] std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context);
[[nodiscard]] std::unique_ptr<CommitMachine> make_participant(const TxnContext& context);
inline constexpr auto make = make_one_of_two<make_coordinator, make_participant>;
[[nodiscard]] OrphanRule orphan(const Message& message, const Remembered& remembered);
[[nodiscard]] CostRow commit_cost(std::uint32_t participants);
[[nodiscard]] Timing timing(const Geometry& geometry);

}  // namespace geocommit::easy_commit
