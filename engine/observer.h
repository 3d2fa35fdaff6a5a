// What the engine reports of itself. runtime/telemetry turns it into Prometheus metrics and into the histograms of
// summary.json; the machines never see it. Durations are of one host's steady clock.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "protocols/transaction.h"

namespace geocommit {

/// Which plane a message belongs to: the protocol's cost proper, or what is counted apart (DESIGN section 4).
enum class Traffic : std::uint8_t { protocol, retry, client, forward, wound, ship, heartbeat, hello };

/// What one transaction cost at one node, reported when its machine is forgotten.
struct TxnCost {
  std::uint32_t messages{}, wan_messages{};
  std::uint64_t bytes{}, wan_bytes{};
  std::uint32_t forced_writes{}, lazy_writes{}, retries{};
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
  virtual void voted(const TxnDescriptor&, Vote, Reason) {}
  // Both.
  virtual void transaction_forgotten(const TxnDescriptor&, Role, Outcome, const TxnCost&) {}
  virtual void message_sent(Traffic, std::string_view /*kind*/, bool /*wan*/, std::size_t /*bytes*/) {}
  virtual void forced_write() {}
  virtual void lazy_write() {}
  /// A machine has taken an input; its outputs are about to be performed.
  virtual void machine_stepped(const TxnDescriptor&, Role, const Input&, const Outbox&) {}
  /// A machine's Note: a protocol point or something odd.
  virtual void noted(const TxnDescriptor&, std::string_view /*event*/) {}
  /// Home site: age, on the home's clock, of the newest heartbeat that `replica` has confirmed as applied.
  virtual void staleness(NodeId /*replica*/, Duration /*age*/) {}
  virtual void alarm(std::string_view /*what*/) {}
};

}  // namespace geocommit
