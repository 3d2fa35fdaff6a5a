// The mastership of one home at one site, as a pure state machine: who may accept its writes, by lease; how it is
// handed over by plan; how a successor takes it over by force. docs/home-region.md has the argument and the diagram. It
// may be stepped by a world or by an explorer: inputs in, effects out, a value that can be copied and hashed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/home/claim.h"
#include "engine/home/home_rules.h"
#include "engine/home/home_sites.h"
#include "engine/home/lease.h"
#include "engine/record.h"

namespace geocommit {

enum class HomeRole : std::uint8_t {
  replica,       ///< Applies what the master ships.
  master,        ///< Accepts writes while its lease lasts.
  fencing,       ///< Planned transfer: accepts no more, drains, ships until the successor has everything.
  handing_over,  ///< ... has durably stopped; repeats the hand-over until the successor is open.
  yielding,      ///< Was master and has heard a claim: accepts no more, and promises once what it voted on is decided.
  claiming,      ///< Forced: collects promises and waits for the old lease to have surely ended.
  fetching,  ///< ... has a quorum, and gets what the most up-to-date log of those that promised has more than its own.
  opening,   ///< The record that makes it master is being forced.
};
[[nodiscard]] std::string_view name_of(HomeRole role);

/// What a step asks of the world. Records first, then messages.
struct HomeEffects {
  struct Force {
    HomeRecordKind kind{};  ///< promised, handed_over or opened; answered by forced().
    HomeEpoch epoch;
    HomeOpening opening{};
  };
  std::vector<Force> force{};
  std::vector<std::pair<NodeId, HomeMessage>> send{};
  bool opened{};         ///< It is master now: tell everybody, begin to ship.
  bool deposed{};        ///< It was master (or on the way to be) and is not any more.
  bool lease_lost{};     ///< It still is master, but may not accept.
  bool called_off{};     ///< A planned transfer could not be drained; it goes on as master.
  bool handed_over{};    ///< The successor of a planned transfer is open.
  bool refused_order{};  ///< A fenced failover without leases.
  bool resumed{};        ///< It claims the home by itself, as nobody has finished a change that was begun.
  /// It opens without what a site that has promised holds up to here: that site did not answer.
  std::optional<HomePosition> left_behind{};
};

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
  /// Planned transfer; only the master acts on it.
  void transfer(Instant now, NodeId successor);
  /// Forced failover to this site.
  void take_over(Instant now, HomeEffects& out);
  void received(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  /// `has_all`: this site has durably everything up to the start of the new term. Else the hand-over waits.
  void received_handoff(NodeId from, const HomeMessage& message, bool has_all, HomeEffects& out);
  void tick(Instant now, HomeEffects& out);
  /// How far this site's log has got, durably; before any other input.
  void set_log(HomePosition log) { log_ = log; }
  /// The log has got further, by what was fetched or otherwise.
  void fetched(Instant now, HomeEffects& out);
  void forced(Instant now, HomeRecordKind kind, HomeEpoch epoch, HomeEffects& out);
  /// Fencing: nothing is in flight, and the successor has everything. Yielding: nothing is in flight.
  void drained(Instant now, HomeEffects& out);
  /// What the hand-over says of the log that is handed over (again after a recovery).
  void set_handoff_history(HomeHistory history) { handover_.history = std::move(history); }
  /// A master of `epoch` is open (heard from whatever it sent).
  void learn(HomeEpoch epoch, HomeEffects& out);

  /// May it vote YES for a write of this home now?
  [[nodiscard]] bool may_serve(Instant now) const;
  [[nodiscard]] HomeRole role() const { return role_; }
  /// Has it promised that claim durably: may the claimant have its log?
  [[nodiscard]] bool has_promised(NodeId claimant, HomeEpoch epoch) const;
  [[nodiscard]] bool fetches(NodeId source, HomeEpoch claim) const {
    return role_ == HomeRole::fetching && claim_.source() == source && claim_.epoch() == claim;
  }
  /// A transaction that it voted on in the last term of its log, and that commits now, has a place in that term.
  [[nodiscard]] bool keeps_term() const {
    return is_master() || role_ == HomeRole::yielding || role_ == HomeRole::claiming || role_ == HomeRole::fetching;
  }
  [[nodiscard]] bool is_master() const { return role_ == HomeRole::master || role_ == HomeRole::fencing; }
  [[nodiscard]] HomeEpoch epoch() const { return epoch_; }  ///< The newest known to be open.
  [[nodiscard]] HomeEpoch promised() const { return promised_; }
  [[nodiscard]] HomeEpoch handoff_epoch() const { return handover_.epoch; }
  [[nodiscard]] NodeId successor() const { return handover_.successor; }  ///< Of a transfer under way.
  /// A change of masters was begun, is not finished, and the last one that was open is not heard of.
  [[nodiscard]] bool awaits_master(Instant now) const { return unfinished() && now > heard_ + rules_.lease / 2; }
  [[nodiscard]] bool awaits_grant(std::uint64_t number) const { return lease_.awaits(number); }
  /// A master that so many sites helped when they last answered that nobody else can open; without leases, any. A
  /// change that was begun and that no such quorum stands against is resumed by somebody, sooner or later.
  [[nodiscard]] bool is_backed() const;
  /// When it next wants tick(); nullopt: never.
  [[nodiscard]] std::optional<Instant> deadline() const;
  /// Appends a canonical encoding, with all times relative to `now` (an explorer's key). There is no input after
  /// `horizon`, so times after it are all alike.
  void hash_state(Instant now, Instant horizon, std::string& out) const;

 private:
  /// A planned transfer away from this site.
  struct Handover {
    NodeId successor;
    HomeEpoch epoch;
    HomeHistory history;
    Instant give_up_at{};
  };

  [[nodiscard]] bool leased() const { return rules_.fencing && rules_.lease > Duration::zero(); }
  [[nodiscard]] HomeMessage make(HomeMessageKind kind, HomeEpoch epoch) const;
  void send_others(const HomeMessage& message, HomeEffects& out) const;
  void send_promise(Instant now, NodeId to, HomeEffects& out) const;
  void refuse(NodeId to, HomeEffects& out) const;
  void claim(Instant now, HomeEpoch epoch, HomeEffects& out);
  void send_claims(HomeEffects& out) const;
  void send_fetch(Instant now, HomeEffects& out);
  void end_yield(HomeEffects& out);
  /// A change of masters is under way here that is not this site's to finish, as far as it knows.
  [[nodiscard]] bool unfinished() const {
    return leased() && promised_ > epoch_ && (role_ == HomeRole::replica || role_ == HomeRole::handing_over);
  }
  [[nodiscard]] bool takes_over() const {
    return role_ == HomeRole::claiming || role_ == HomeRole::fetching || role_ == HomeRole::opening;
  }
  [[nodiscard]] bool is_idle(Instant now) const;
  void be_patient(Instant now);
  void probe(Instant now, HomeEffects& out);
  void on_renew(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  void on_grant(NodeId from, const HomeMessage& message);
  void on_claim(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  void on_promise(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  void on_refuse(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  void on_probe(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  void on_idle(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  void maybe_open(Instant now, HomeEffects& out);
  void renew(Instant now, HomeEffects& out);
  void step_down();

  HomeRules rules_;
  HomeSites sites_;
  HomeRole role_{HomeRole::replica};
  HomeEpoch epoch_;            // The newest known to be open.
  HomeEpoch promised_;         // Grants nothing below. At least epoch_.
  HomeEpoch durable_promise_;  // What is on stable storage of it.
  Grants grants_;
  Lease lease_;     // As master.
  HomeEpoch base_;  // The term that was handed over to mine by plan; 0 after a failover or a restart.
  Handover handover_;
  Claim claim_;  // Its epoch also of an opening without one.
  HomePosition log_;
  Instant retry_at_{};
  std::set<NodeId> claimants_waiting_;  // To be told once the promise is durable.
  Instant yield_until_{};
  Instant heard_{};  // From the master of epoch_: when it last asked for its lease.
  Resumption resumption_;
};

}  // namespace geocommit
