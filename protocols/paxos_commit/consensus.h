// A site's or the coordinator's share in choosing the outcome: its acceptor and its proposer, and what they say to the
// others. Where the coordinator is the only acceptor nobody needs it.
#pragma once

#include <string>
#include <vector>

#include "protocols/machine_base.h"
#include "protocols/paxos_commit/proposer.h"

namespace geocommit::paxos_commit {

class Consensus {
 public:
  explicit Consensus(const TxnContext& context);

  [[nodiscard]] const Acceptors& acceptors() const { return acceptors_; }
  /// Every site's vote is here: accepted, unless a ballot has begun.
  void all_voted(Effects effects);
  /// Begins a ballot of its own, above all that it has heard of; or asks again, while its last one has not failed.
  void lead(Effects effects);
  /// LEAD, PROMISE, PROPOSE, ACCEPTED. What is chosen by that, if something is.
  [[nodiscard]] Outcome message(Effects effects, const Message& in);
  [[nodiscard]] Outcome forced(Effects effects, std::uint8_t record);
  void recovered(const std::vector<LogRecord>& durable);

  /// Something of it is in the log, or will be.
  [[nodiscard]] bool has_records() const { return recorded_; }
  /// It leads, or has promised somebody who does.
  [[nodiscard]] bool has_begun() const { return acceptor_.promised() != Ballot{}; }
  [[nodiscard]] Ballot ballot() const { return acceptor_.promised(); }
  void encode(std::string& out) const;

 private:
  void perform(Effects effects, Acceptor::Does does, const Message& in);
  void force(Effects effects, bool accepted, Ballot ballot);
  void ask(Effects effects, bool retry);
  void propose(Effects effects, bool retry);
  void answer(Effects effects, NodeId to, bool accepted, Ballot ballot, bool retry);
  [[nodiscard]] Outcome chosen(Effects effects, NodeId from, Ballot ballot);

  Acceptors acceptors_;
  Acceptor acceptor_;
  Proposer proposer_;
  bool recorded_{};
};

}  // namespace geocommit::paxos_commit
