// A part by itself: a site or the coordinator of a transaction, and what a part asks for, in words.
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "protocols/machine_base.h"
#include "protocols/parts/announcement.h"
#include "protocols/parts/voter.h"
#include "protocols/parts/voting.h"
#include "protocols/registry.h"

namespace geocommit::parts_test {

inline constexpr NodeId kCoordinator{1000};
inline constexpr std::uint8_t kPrepare = 1, kVote = 2, kDecision = 3, kAck = 4, kInquiry = 5, kAnswer = 6;
inline constexpr std::uint8_t kPrepared = 1, kCommit = 2, kAbort = 3, kChosen = 4, kEnd = 5, kTimer = 7;
inline constexpr Voter::Words kVoter{kPrepare, kVote, kDecision, kAck, kInquiry, kAnswer, kPrepared, kCommit, kAbort};
inline constexpr Voting::Words kVoting{kPrepare, kDecision, kTimer};
inline constexpr Announcement::Words kAnnouncement{kDecision, kTimer, kEnd};

/// A participant or coordinator of a transaction of sites 1, 2 and 3.
inline TxnContext context_of(NodeId self) {
  TxnContext context;
  context.txn = {kCoordinator, Epoch{1}, 1};
  context.self = self;
  context.coordinator = kCoordinator;
  for (std::uint32_t node = 1; node <= 3; ++node) {
    context.cohort.push_back({NodeId{node}, Epoch{node + 10}});
  }
  context.timeouts = {100ms, 100ms, 10ms};
  return context;
}

/// Effects in words, in order.
class Desk {
 public:
  explicit Desk(NodeId self) : context_(context_of(self)) {}
  [[nodiscard]] const TxnContext& context() const { return context_; }
  [[nodiscard]] Effects effects() { return {context_, out_}; }
  [[nodiscard]] std::string take() {
    std::string text;
    for (const Output& output : out_) {
      text += (text.empty() ? "" : ", ") + std::visit([this](const auto& one) { return in_words(one); }, output);
    }
    out_.clear();
    return text;
  }

 private:
  static std::string number(std::uint64_t value) { return std::to_string(value); }
  std::string in_words(const Send& send) const {
    const Message& m = send.message;
    CHECK(m.from == context_.self);
    CHECK(m.txn == context_.txn);
    return number(m.kind) + "->" + number(m.to.value) +
           (m.vote == Vote::none ? "" : " " + std::string(name_of(m.vote))) +
           (m.state == SiteState::unknown ? "" : " " + std::string(name_of(m.state))) +
           (m.outcome == Outcome::undecided ? "" : " " + std::string(name_of(m.outcome))) +
           (m.to_epoch == Epoch{} ? "" : " epoch " + number(m.to_epoch.value)) + (m.retry ? " again" : "");
  }
  static std::string in_words(const ForceLog& force) { return "force " + number(force.record.kind); }
  static std::string in_words(const AppendLog& append) { return "append " + number(append.record.kind); }
  static std::string in_words(const SetTimer& timer) {
    return "timer " + number(timer.timer) + " in " + number(static_cast<std::uint64_t>(timer.after / 1ms));
  }
  static std::string in_words(const CancelTimer& timer) { return "no timer " + number(timer.timer); }
  static std::string in_words(const Execute& /*execute*/) { return "execute"; }
  static std::string in_words(const ReleaseLocks& /*release*/) { return "release"; }
  static std::string in_words(const Decide& decide) { return "decide " + std::string(name_of(decide.outcome)); }
  static std::string in_words(const Forget& /*forget*/) { return "forget"; }
  static std::string in_words(const Note& note) { return std::string(note.event); }

  TxnContext context_;
  Outbox out_;
};

template <class Part>
std::string bytes_of(const Part& part) {
  std::string out;
  part.encode(out);
  return out;
}

}  // namespace geocommit::parts_test
