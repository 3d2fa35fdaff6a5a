// Paxos Commit (Gray and Lamport 2006): the votes are accepted by 2F+1 acceptors, and outlive any F of them. See
// README.md in this folder.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "protocols/parts/rows.h"

namespace geocommit::paxos_commit {

inline constexpr std::uint8_t kWireId = 7;

// On the wire and in logs: never renumber. VOTE is the paper's phase 2a of ballot 0, LEAD and PROMISE are 1a and 1b,
// PROPOSE is 2a of a later ballot, ACCEPTED is 2b of any. INQUIRY asks a coordinator that is the only acceptor.
enum class Kind : std::uint8_t {
  prepare = 1,
  vote = 2,
  decision = 3,
  ack = 4,
  inquiry = 5,
  answer = 6,
  accepted = 7,
  lead = 8,
  promise = 9,
  propose = 10
};
enum class Record : std::uint8_t {
  prepared = 1,         ///< Participant, forced before YES.
  commit = 2,           ///< Participant, forced before ACK.
  abort = 3,            ///< Participant: lazy, but forced when it is the first to say so.
  accepted_commit = 4,  ///< Acceptor, forced: in that ballot, of ballot 0 with every vote in.
  accepted_abort = 5,   ///< Acceptor, forced.
  promised = 6,         ///< Acceptor and leader, forced: nothing below that ballot.
  commit_chosen = 7,    ///< Coordinator: lazy, but forced when it is the only acceptor, or was told by another leader.
  abort_chosen = 8,     ///< Coordinator, forced if it has accepted or promised anything; else it has no records.
  end = 9               ///< Coordinator, lazy: every site has acknowledged.
};
enum class Timer : std::uint8_t { vote = 1, resend = 2, decision = 3 };

inline constexpr std::array<KindRow, 10> kKinds{
    {rows::prepare(Kind::prepare), rows::vote(Kind::vote), rows::decision(Kind::decision), rows::ack(Kind::ack),
     rows::inquiry(Kind::inquiry), rows::answer(Kind::answer),
     KindRow{raw(Kind::accepted), "ACCEPTED", MessageClass::state},
     KindRow{raw(Kind::lead), "LEAD", MessageClass::state}, KindRow{raw(Kind::promise), "PROMISE", MessageClass::state},
     KindRow{raw(Kind::propose), "PROPOSE", MessageClass::state}}};
inline constexpr std::array<RecordRow, 9> kRecords{
    {rows::prepared(Record::prepared), rows::commit(Record::commit), rows::abort(Record::abort),
     rows::record(Record::accepted_commit, "accepted-commit", Meaning::precommit),
     rows::record(Record::accepted_abort, "accepted-abort"), rows::record(Record::promised, "promised"),
     rows::commit(Record::commit_chosen), rows::abort(Record::abort_chosen), rows::end(Record::end)}};
inline constexpr std::array<TimerRow, 3> kTimers{
    {rows::timer(Timer::vote, "vote"), rows::timer(Timer::resend, "resend"), rows::timer(Timer::decision, "decision")}};

/// Coordinator's first five, participant's rest; "accepted" and "ballot-led" are both's. "prepare-sent" follows the
/// sends of its step; "decision-sent-to-one" stands between the first send and the others; the rest come first.
inline constexpr std::array<std::string_view, 10> kPoints{
    "prepare-sent",        "votes-collected",  "chosen",      "decision-sent-to-one",
    "ballot-led",          "prepare-received", "vote-forced", "decision-received",
    "entered_termination", "accepted"};

inline constexpr OptionRow kF{
    1,
    "f",
    OptionType::integer,
    1,
    0,
    2,
    "how many of its 2f+1 acceptors may fail: the coordinator and sites of the transaction; with fewer sites, fewer"};
inline constexpr std::array<OptionRow, 1> kOptions{kF};

[[nodiscard]] std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context);
[[nodiscard]] std::unique_ptr<CommitMachine> make_participant(const TxnContext& context);
inline constexpr auto make = make_one_of_two<make_coordinator, make_participant>;
[[nodiscard]] OrphanRule orphan(const Message& message, const Remembered& remembered);
/// With that option f.
[[nodiscard]] CostRow cost(std::uint32_t participants, std::uint32_t f);
[[nodiscard]] CostRow commit_cost(std::uint32_t participants);
[[nodiscard]] Timing timing(const Geometry& geometry);

}  // namespace geocommit::paxos_commit
