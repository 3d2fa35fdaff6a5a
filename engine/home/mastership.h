// The mastership of one home at one site, as a pure state machine: who may accept its writes, by lease; how it is
// handed over by plan; how a successor takes it over by force. docs/home-region.md has the argument and the diagram,
// and each of its paragraphs a part here. It may be stepped by a world or by an explorer: inputs in, effects out, a
// value that can be copied and hashed.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/home/handover.h"
#include "engine/home/leasing.h"
#include "engine/home/promising.h"
#include "engine/home/resumption.h"
#include "engine/home/standing.h"
#include "engine/home/takeover.h"

namespace geocommit {

class Mastership {
 public:
  /// `sites`: the agents that keep this home, by region (index = region); `self` is among them.
  Mastership(HomeRules rules, NodeId self, NodeId home, std::vector<NodeId> sites);

  /// Recovery, in log order, before start().
  void replay(HomeRecordKind kind, HomeEpoch epoch);
  /// The process begins: whatever this site granted before a crash counts as granted now. `epoch`: the node's, so that
  /// a grant to an earlier start's renewal is not taken for one of this start's.
  void start(Instant now, Epoch epoch);

  // Inputs.
  /// What nobody finishes is not taken up any more: not here, nor by another with this site's help.
  void quiesce() { resumption_.stop(); }
  /// Planned transfer; only the master acts on it.
  void transfer(Instant now, NodeId successor) { handover_.order(standing_, now, successor); }
  /// Forced failover to this site.
  void take_over(Instant now, HomeEffects& out);
  void received(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  /// `has_all`: this site has durably everything up to the start of the new term. Else the hand-over waits.
  void received_handoff(NodeId from, const HomeMessage& message, bool has_all, HomeEffects& out) {
    Handover::received(standing_, from, message, has_all, out);
  }
  void tick(Instant now, HomeEffects& out);
  /// How far this site's log has got, durably; before any other input.
  void set_log(HomePosition log) { standing_.log = log; }
  /// The log has got further, by what was fetched or otherwise.
  void fetched(Instant now, HomeEffects& out) { takeover_.fetched(standing_, now, out); }
  void forced(Instant now, HomeRecordKind kind, HomeEpoch epoch, HomeEffects& out);
  /// Fencing: nothing is in flight, and the successor has everything. Yielding: nothing is in flight.
  void drained(Instant now, HomeEffects& out);
  /// What the hand-over says of the log that is handed over (again after a recovery).
  void set_handoff_history(HomeHistory history) { handover_.set_history(std::move(history)); }
  /// A master of `epoch` is open (heard from whatever it sent).
  void learn(HomeEpoch epoch, HomeEffects& out);

  /// May it vote YES for a write of this home now?
  [[nodiscard]] bool may_serve(Instant now) const { return leasing_.may_serve(standing_, now); }
  [[nodiscard]] HomeRole role() const { return standing_.role; }
  /// Has it promised that claim durably: may the claimant have its log?
  [[nodiscard]] bool has_promised(NodeId claimant, HomeEpoch epoch) const;
  [[nodiscard]] bool fetches(NodeId source, HomeEpoch claim) const {
    return role() == HomeRole::fetching && takeover_.source() == source && standing_.claimed == claim;
  }
  /// A transaction that it voted on in the last term of its log, and that commits now, has a place in that term.
  [[nodiscard]] bool keeps_term() const { return is_master() || role() == HomeRole::yielding || standing_.collects(); }
  [[nodiscard]] bool is_master() const { return standing_.is_master(); }
  [[nodiscard]] HomeEpoch epoch() const { return standing_.opened; }  ///< The newest known to be open.
  [[nodiscard]] HomeEpoch promised() const { return standing_.promised; }
  [[nodiscard]] HomeEpoch handoff_epoch() const { return handover_.epoch(); }
  [[nodiscard]] NodeId successor() const { return handover_.successor(); }  ///< Of a transfer under way.
  /// A change of masters was begun, is not finished, and the last one that was open is not heard of.
  [[nodiscard]] bool awaits_master(Instant now) const { return resumption_.awaits_master(standing_, now); }
  /// As master.
  [[nodiscard]] bool awaits_grant(std::uint64_t number) const { return leasing_.awaits(number); }
  /// When it next wants tick(); nullopt: never.
  [[nodiscard]] std::optional<Instant> deadline() const;
  /// Appends a canonical encoding, with all times relative to `now` (an explorer's key). There is no input after
  /// `horizon`, so times after it are all alike.
  void hash_state(Instant now, Instant horizon, std::string& out) const;

 private:
  void on_renew(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  void on_claim(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  void on_refuse(Instant now, const HomeMessage& message, HomeEffects& out);
  void on_idle(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);

  HomeStanding standing_;
  Leasing leasing_;
  Handover handover_;
  Takeover takeover_;
  Promising promising_;
  Resumption resumption_;
};

}  // namespace geocommit
