// The leader of a ballot (Gray and Lamport 2006, section 4.1). A value, like the acceptor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocols/paxos_commit/acceptor.h"
#include "protocols/paxos_commit/acceptors.h"

namespace geocommit::paxos_commit {

class Proposer {
 public:
  /// Collects what is accepted in ballot 0: the coordinator's.
  void collect() {
    phase_ = Phase::proposing;
    value_ = Value::commit;
  }
  void lead(Ballot ballot);
  /// Phase 1b of its ballot, with what the sender has accepted. True: a majority has promised; value() is to be
  /// proposed: what was accepted in the latest ballot, or abort, if nobody of them has accepted anything.
  [[nodiscard]] bool promised(const Acceptors& acceptors, NodeId from, Ballot ballot, Ballot accepted, Value value);
  /// Phase 2b. True: value() is chosen, and `self`, if it is an acceptor, has accepted it too.
  [[nodiscard]] bool accepted(const Acceptors& acceptors, NodeId self, NodeId from, Ballot ballot);
  /// Somebody has promised that later ballot: this one is over.
  void refused(Ballot later);

  [[nodiscard]] bool is_leading() const { return phase_ == Phase::leading; }
  [[nodiscard]] bool is_proposing() const { return phase_ == Phase::proposing; }
  [[nodiscard]] Ballot ballot() const { return ballot_; }
  [[nodiscard]] Ballot latest() const { return latest_; }  ///< That it has heard of.
  [[nodiscard]] Value value() const { return value_; }
  void encode(std::string& out) const;

 private:
  enum class Phase : std::uint8_t { idle, leading, proposing };
  bool counts(const Acceptors& acceptors, NodeId from);

  Phase phase_{Phase::idle};
  Ballot ballot_, latest_, best_;
  Value value_{Value::none};
  std::vector<NodeId> heard_;  // Ascending.
};

}  // namespace geocommit::paxos_commit
