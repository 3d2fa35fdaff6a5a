// What the engine reports of itself. runtime/telemetry turns it into Prometheus metrics and into the histograms of
// summary.json; the machines never see it. Durations are of one host's steady clock.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "protocols/transaction.h"

namespace geocommit {

/// Which plane a message belongs to: the protocol's cost proper (as its paper counts it), or what is counted apart.
enum class Traffic : std::uint8_t { protocol, retry, client, forward, wound, ship, heartbeat, hello };

/// What one transaction cost at one node, reported when its machine is forgotten.
struct TxnCost {
  std::uint32_t messages{}, wan_messages{};
  std::uint64_t bytes{}, wan_bytes{};
  std::uint32_t forced_writes{}, lazy_writes{}, retries{};
};

/// What a blocked participant's locks have cost others so far.
struct BlockingCost {
  Duration lock_time{};     ///< Its locks held past the decision timeout, summed over keys.
  std::uint32_t keys{};     ///< That it holds.
  std::uint32_t waited{};   ///< Blast radius, this participant's: transactions that stood in line for one of its locks
                            ///< while it was blocked, until it let go ...
  std::uint32_t aborted{};  ///< ... and those that gave up before that, or were refused (no-wait).
};

/// What happens to the mastership of a home at one of its sites.
enum class HomeEventKind : std::uint8_t {
  opened,         ///< This site is the master of `epoch` now. gap: since a failover was ordered here (0: no failover).
  deposed,        ///< It was the master, or on the way to be.
  transferred,    ///< Its successor is open. gap: no write accepted since then, on this (the old master's) clock, which
                  ///< includes the news' way back.
  called_off,     ///< A planned transfer could not be drained; it goes on as master.
  lease_expired,  ///< It may accept no writes until the lease is renewed.
  order_refused,  ///< A fenced failover where there are no leases.
  writes_lost,  ///< Accepted here, and not in the new master's history: `writes` transactions; gap: between the oldest
                ///< of them and the newest.
  writes_undone,  ///< The same at a site that had only applied them.
  left_behind,    ///< A failover to this site opens without what a site that has promised holds: it was asked for a
                  ///< lease's length in vain. `writes`: at least so many (0: not known).
  resumed,        ///< A failover or a hand-over was begun and not finished: this site takes the home over.
};
[[nodiscard]] std::string_view name_of(HomeEventKind kind);
struct HomeEvent {
  HomeEventKind kind{};
  NodeId home;
  std::uint64_t round{};  ///< Of the epoch: 1, 2, 3, ...
  Duration gap{};
  std::uint64_t writes{};
};

class Observer {
 public:
  virtual ~Observer() = default;
  // Coordinator.
  virtual void transaction_begun(const TxnDescriptor&) {}
  /// Decided: the latency runs from taking the request to the durable decision. `delays`: message delays on the longest
  /// causal chain. The commit latency metric uses commits only.
  virtual void transaction_decided(const TxnDescriptor&, Outcome, Reason, Duration /*latency*/,
                                   std::uint32_t /*delays*/) {}
  // Participant.
  /// First lock granted - last lock released. key_seconds: the same, summed over keys. waited: it had to queue.
  virtual void locks_released(const TxnDescriptor&, Outcome, Duration /*held*/, Duration /*summed_over_keys*/,
                              bool /*waited*/) {}
  /// YES durable - outcome known. blocked: the part past the decision timeout (0: none).
  virtual void in_doubt_ended(const TxnDescriptor&, Outcome, Duration /*in_doubt*/, Duration /*blocked*/) {}
  /// A blocked participant has released its locks. Not called for one that was never blocked.
  virtual void blocking_ended(const TxnDescriptor&, Outcome, const BlockingCost&) {}
  /// A transaction had stood in line behind a blocked one's locks here, and now has let go of its own, or of its place.
  /// Once for each, however many stood in its way. cause: "waited" (it was granted all in the end), or the name of the
  /// reason for which it was refused, or "aborted" (from outside).
  virtual void held_up_by_blocked(const TxnDescriptor&, std::string_view /*cause*/) {}
  /// It has to queue. behind: the first in its way.
  virtual void locks_awaited(const TxnDescriptor&, TxnId /*behind*/) {}
  virtual void locks_granted(const TxnDescriptor&, bool /*waited*/) {}
  virtual void voted(const TxnDescriptor&, Vote, Reason) {}
  // Both.
  virtual void transaction_forgotten(const TxnDescriptor&, Role, Outcome, const TxnCost&) {}
  virtual void message_sent(Traffic, std::string_view /*kind*/, bool /*wan*/, std::size_t /*bytes*/) {}
  /// A protocol message, of a machine or of none, as it arrived; and as it left (bytes 0: dropped at once).
  virtual void message_in(const Message&) {}
  virtual void message_out(Role /*from*/, const Message&, std::size_t /*bytes*/) {}
  virtual void forced_write() {}
  virtual void lazy_write() {}
  /// A machine has taken an input; its outputs are about to be performed.
  virtual void machine_stepped(const TxnDescriptor&, Role, const Input&, const Outbox&) {}
  /// A machine's Note: a protocol point or something odd.
  virtual void noted(const TxnDescriptor&, Role, std::string_view /*event*/) {}
  /// Home site: age, on the home's clock, of the newest heartbeat that `replica` has confirmed as applied.
  virtual void staleness(NodeId /*replica*/, Duration /*age*/) {}
  virtual void home_changed(const HomeEvent&) {}
  virtual void alarm(std::string_view /*what*/) {}
};

/// Passes everything on to each of its targets, in order. Observers outlive it.
class ForwardingObserver : public Observer {
 public:
  explicit ForwardingObserver(std::vector<Observer*> targets = {}) : targets_(std::move(targets)) {}

  void transaction_begun(const TxnDescriptor& d) override { each(&Observer::transaction_begun, d); }
  void transaction_decided(const TxnDescriptor& d, Outcome o, Reason r, Duration l, std::uint32_t delays) override {
    each(&Observer::transaction_decided, d, o, r, l, delays);
  }
  void locks_released(const TxnDescriptor& d, Outcome o, Duration held, Duration summed, bool waited) override {
    each(&Observer::locks_released, d, o, held, summed, waited);
  }
  void in_doubt_ended(const TxnDescriptor& d, Outcome o, Duration in_doubt, Duration blocked) override {
    each(&Observer::in_doubt_ended, d, o, in_doubt, blocked);
  }
  void blocking_ended(const TxnDescriptor& d, Outcome o, const BlockingCost& cost) override {
    each(&Observer::blocking_ended, d, o, cost);
  }
  void held_up_by_blocked(const TxnDescriptor& d, std::string_view cause) override {
    each(&Observer::held_up_by_blocked, d, cause);
  }
  void locks_awaited(const TxnDescriptor& d, TxnId behind) override { each(&Observer::locks_awaited, d, behind); }
  void locks_granted(const TxnDescriptor& d, bool waited) override { each(&Observer::locks_granted, d, waited); }
  void voted(const TxnDescriptor& d, Vote v, Reason r) override { each(&Observer::voted, d, v, r); }
  void transaction_forgotten(const TxnDescriptor& d, Role r, Outcome o, const TxnCost& cost) override {
    each(&Observer::transaction_forgotten, d, r, o, cost);
  }
  void message_sent(Traffic t, std::string_view kind, bool wan, std::size_t bytes) override {
    each(&Observer::message_sent, t, kind, wan, bytes);
  }
  void message_in(const Message& message) override { each(&Observer::message_in, message); }
  void message_out(Role from, const Message& message, std::size_t bytes) override {
    each(&Observer::message_out, from, message, bytes);
  }
  void forced_write() override { each(&Observer::forced_write); }
  void lazy_write() override { each(&Observer::lazy_write); }
  void machine_stepped(const TxnDescriptor& d, Role r, const Input& input, const Outbox& outbox) override {
    each(&Observer::machine_stepped, d, r, input, outbox);
  }
  void noted(const TxnDescriptor& d, Role r, std::string_view event) override { each(&Observer::noted, d, r, event); }
  void staleness(NodeId replica, Duration age) override { each(&Observer::staleness, replica, age); }
  void home_changed(const HomeEvent& event) override { each(&Observer::home_changed, event); }
  void alarm(std::string_view what) override { each(&Observer::alarm, what); }

 private:
  template <class Member, class... Arguments>
  void each(Member member, const Arguments&... arguments) {
    for (Observer* target : targets_) {
      (target->*member)(arguments...);
    }
  }
  std::vector<Observer*> targets_;
};

}  // namespace geocommit
