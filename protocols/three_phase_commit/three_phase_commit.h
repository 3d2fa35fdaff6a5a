// Three-phase commit (Skeen 1981) with logged precommit and an elected backup coordinator. See README.md here.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "protocols/parts/rows.h"

namespace geocommit::three_phase_commit {

inline constexpr std::uint8_t kWireId = 2;

// On the wire and in logs: never renumber.
enum class Kind : std::uint8_t {
  prepare = 1,
  vote = 2,
  precommit = 3,
  precommit_ack = 4,
  decision = 5,
  ack = 6,
  state_request = 7,  ///< From a leader (a participant acting as backup coordinator).
  state_answer = 8,
  inquiry = 9,
  answer = 10,
  in_doubt = 11,  ///< A restarted site's answer to either question: in doubt, and it will never lead.
};
enum class Record : std::uint8_t {
  prepared = 1,          ///< Participant, forced before YES.
  commit = 2,            ///< Participant, forced before ACK; a leader's decision.
  abort = 3,             ///< Participant: lazy when told, forced when a leader decides or a working site is asked.
  commit_chosen = 4,     ///< Coordinator, forced.
  end = 5,               ///< Coordinator, lazy.
  precommit = 6,         ///< Participant, forced before PRECOMMIT_ACK; carries the ballot.
  precommit_chosen = 7,  ///< Coordinator, forced before PRECOMMIT.
  abort_learnt = 8,      ///< Coordinator, forced: the participants had terminated without it.
};
enum class Timer : std::uint8_t {
  vote = 1,
  precommit = 2,    ///< Coordinator: sites that have not acknowledged PRECOMMIT by then are presumed dead.
  resend = 3,       ///< Coordinator.
  decision = 4,     ///< Participant in doubt: its coordinator or leader is presumed dead.
  termination = 5,  ///< Leader: sites that have not answered by then are presumed dead.
  inquiry = 6,      ///< Restarted site or coordinator: ask again.
};

inline constexpr std::array<KindRow, 11> kKinds{{
    rows::prepare(Kind::prepare),
    rows::vote(Kind::vote),
    {raw(Kind::precommit), "PRECOMMIT", MessageClass::precommit, Meaning::precommit},
    {raw(Kind::precommit_ack), "PRECOMMIT_ACK", MessageClass::ack, Meaning::precommit},
    rows::decision(Kind::decision),
    rows::ack(Kind::ack),
    {raw(Kind::state_request), "STATE_REQUEST", MessageClass::state},
    {raw(Kind::state_answer), "STATE_ANSWER", MessageClass::state},
    rows::inquiry(Kind::inquiry),
    rows::answer(Kind::answer),
    rows::in_doubt(Kind::in_doubt),
}};
inline constexpr std::array<RecordRow, 8> kRecords{{
    rows::prepared(Record::prepared),
    rows::commit(Record::commit),
    rows::abort(Record::abort),
    rows::commit(Record::commit_chosen),
    rows::end(Record::end),
    rows::record(Record::precommit, "precommit", Meaning::precommit),
    rows::record(Record::precommit_chosen, "precommit", Meaning::precommit),
    rows::abort(Record::abort_learnt),
}};
inline constexpr std::array<TimerRow, 6> kTimers{
    {rows::timer(Timer::vote, "vote"), rows::timer(Timer::precommit, "precommit"), rows::timer(Timer::resend, "resend"),
     rows::timer(Timer::decision, "decision"), rows::timer(Timer::termination, "termination"),
     rows::timer(Timer::inquiry, "inquiry")}};

/// Coordinator's first seven, participant's rest. "prepare-sent" follows the sends of its step; "...-sent-to-one"
/// stands between the first send and the others; the rest come first in their step.
inline constexpr std::array<std::string_view, 13> kPoints{
    "prepare-sent",          "votes-collected",         "precommit-forced",
    "precommit-sent-to-one", "precommits-acknowledged", "decision-forced",
    "decision-sent-to-one",  "prepare-received",        "vote-forced",
    "precommit-received",    "precommit-logged",        "decision-received",
    "entered_termination"};

[[nodiscard]] std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context);
[[nodiscard]] std::unique_ptr<CommitMachine> make_participant(const TxnContext& context);
inline constexpr auto make = make_one_of_two<make_coordinator, make_participant>;
[[nodiscard]] OrphanRule orphan(const Message& message, const Remembered& remembered);
[[nodiscard]] CostRow commit_cost(std::uint32_t participants);
[[nodiscard]] Timing timing(const Geometry& geometry);

}  // namespace geocommit::three_phase_commit
