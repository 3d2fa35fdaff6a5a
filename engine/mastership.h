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

#include "engine/home_message.h"
#include "engine/record.h"

namespace geocommit {

struct HomeRules {
  /// A master accepts writes only while a majority of the sites (itself included) granted it this long. 0: for ever;
  /// then no failover is safe, and a fenced one is refused.
  Duration lease{};
  /// It stops this long before the lease ends: a transaction that it voted YES on is decided by then (the vote
  /// timeout).
  Duration guard{};
  /// False: a successor opens at once, without asking anybody, and no lease binds a master. Unsafe; to show that it is.
  bool fencing{true};
  Duration retry{100ms};     ///< Claims and hand-overs are repeated this often.
  Duration drain_limit{5s};  ///< A planned transfer that cannot be drained and shipped by then is called off.
};

/// Steady clocks of different hosts run at rates that differ by at most one in kClockDrift; nothing else is assumed of
/// them (no common origin, no wall clock).
inline constexpr std::int64_t kClockDrift = 100;

enum class HomeRole : std::uint8_t {
  replica,       ///< Applies what the master ships.
  master,        ///< Accepts writes while its lease lasts.
  fencing,       ///< Planned transfer: accepts no more, drains, ships until the successor has everything.
  handing_over,  ///< ... has durably stopped; repeats the hand-over until the successor is open.
  claiming,      ///< Forced: collects promises and waits for the old lease to have surely ended.
  opening,       ///< The record that makes it master is being forced.
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
  void forced(Instant now, HomeRecordKind kind, HomeEpoch epoch, HomeEffects& out);
  /// Fencing: nothing is in flight, and the successor has everything.
  void drained(Instant now, HomeEffects& out);
  /// What the hand-over says of the log that is handed over (again after a recovery).
  void set_handoff_history(HomeHistory history) { handoff_history_ = std::move(history); }
  /// A master of `epoch` is open (heard from whatever it sent).
  void learn(HomeEpoch epoch, HomeEffects& out);

  /// May it vote YES for a write of this home now?
  [[nodiscard]] bool may_serve(Instant now) const;
  [[nodiscard]] HomeRole role() const { return role_; }
  [[nodiscard]] bool is_master() const { return role_ == HomeRole::master || role_ == HomeRole::fencing; }
  [[nodiscard]] HomeEpoch epoch() const { return epoch_; }  ///< The newest known to be open.
  [[nodiscard]] HomeEpoch promised() const { return promised_; }
  [[nodiscard]] HomeEpoch handoff_epoch() const { return handoff_epoch_; }
  [[nodiscard]] NodeId successor() const { return successor_; }  ///< Of a transfer under way.
  /// When it next wants tick(); nullopt: never.
  [[nodiscard]] std::optional<Instant> deadline() const;
  /// Appends a canonical encoding, with all times relative to `now` (an explorer's key).
  void hash_state(Instant now, std::string& out) const;

 private:
  [[nodiscard]] std::uint32_t regions() const { return static_cast<std::uint32_t>(sites_.size()); }
  [[nodiscard]] NodeId site_of(HomeEpoch epoch) const { return sites_[home_region::master_of(epoch, regions()).value]; }
  [[nodiscard]] RegionId region_of(NodeId site) const;
  [[nodiscard]] std::size_t lease_quorum() const { return sites_.size() / 2 + 1; }
  /// Any so many sites and any lease_quorum() have one in common.
  [[nodiscard]] std::size_t claim_quorum() const { return sites_.size() - lease_quorum() + 1; }
  [[nodiscard]] bool leased() const { return rules_.fencing && rules_.lease > Duration::zero(); }
  /// Whether this site may help the master of `epoch`, to which that of `base` has handed over: no other may hold a
  /// lease with its help.
  [[nodiscard]] bool grants(Instant now, HomeEpoch epoch, HomeEpoch base) const;
  [[nodiscard]] HomeMessage make(HomeMessageKind kind, HomeEpoch epoch) const;
  void send_others(const HomeMessage& message, HomeEffects& out) const;
  void send_promise(Instant now, NodeId to, HomeEffects& out) const;
  void refuse(NodeId to, HomeEffects& out) const;
  void claim(Instant now, HomeEpoch epoch, HomeEffects& out);
  void on_renew(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  void on_grant(NodeId from, const HomeMessage& message);
  void on_claim(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  void on_promise(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out);
  void on_refuse(Instant now, const HomeMessage& message, HomeEffects& out);
  void maybe_open(Instant now, HomeEffects& out);
  void renew(Instant now, HomeEffects& out);
  void step_down();

  HomeRules rules_;
  NodeId self_, home_;
  std::vector<NodeId> sites_;

  HomeRole role_{HomeRole::replica};
  HomeEpoch epoch_;            // The newest known to be open.
  HomeEpoch promised_;         // Grants nothing below. At least epoch_.
  HomeEpoch durable_promise_;  // What is on stable storage of it.
  Instant granted_until_{};    // The last lease granted by this site may last until then, on its own clock.
  HomeEpoch granted_epoch_;    // Whose lease that is.
  // As master.
  std::uint64_t renewal_{};
  std::map<std::uint64_t, std::pair<Instant, std::set<NodeId>>> renewals_;  // The last few: when asked, who granted.
  Instant lease_until_{}, next_renewal_{};
  bool had_lease_{};
  HomeEpoch base_;  // The term that was handed over to mine by plan; 0 after a failover or a restart.
  // A planned transfer.
  NodeId successor_;
  HomeEpoch handoff_epoch_;
  HomeHistory handoff_history_;
  Instant retry_at_{}, give_up_at_{};
  // A claim or an opening.
  HomeEpoch claim_epoch_;
  std::set<NodeId> promises_;
  std::set<NodeId> claimants_waiting_;  // To be told once the promise is durable.
  Instant wait_until_{};
};

/// As traces and metrics name it: RENEW, GRANT, ...
[[nodiscard]] std::string_view name_of(HomeMessageKind kind);

}  // namespace geocommit
