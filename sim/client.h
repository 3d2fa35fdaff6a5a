// The load of one origin region, as the client program offers it: open loop from the intended start with a cap on what
// is outstanding, or closed loop; a transaction whose outcome does not come in time counts as unknown and is asked for
// until it is known.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "engine/peer_message.h"
#include "measure/histogram.h"
#include "sim/event_queue.h"
#include "verdict/history.h"
#include "workload/generator.h"

namespace geocommit::sim {

/// What a client asks of its world.
class ClientWorld {
 public:
  virtual ~ClientWorld() = default;
  [[nodiscard]] virtual Instant client_now() const = 0;
  virtual void client_send(std::uint32_t client, const PeerPayload& payload) = 0;
  virtual void client_arrival_at(std::uint32_t client, Instant at) = 0;
  virtual EventSlot client_timeout_at(std::uint32_t client, Instant at, std::uint64_t sequence) = 0;
  virtual void cancel(EventSlot slot) = 0;
};

/// Of transactions with an intended start in the window, except where it says otherwise.
struct ClientCounts {
  std::uint64_t offered{}, shed{}, committed{}, unknown{};  ///< unknown: not known in time; may be known later.
  std::map<Reason, std::uint64_t> aborted;
  std::uint64_t committed_ever{}, sent_ever{};  ///< Warm-up included.
  void add(const ClientCounts& other);
};

struct ClientSpec {
  WorkloadSpec workload;
  Duration warmup{}, duration{};
  Duration outcome_timeout{};
  std::uint64_t seed{};
  bool keep_outcomes{true};
};

class Client {
 public:
  Client(ClientWorld& world, const Directory& directory, std::uint32_t index, NodeId self, RegionId origin,
         const ClientSpec& spec);

  void start(Instant load_start);
  void on_arrival();
  void on_timeout(std::uint64_t sequence);
  void on_reply(const ClientReply& reply);

  [[nodiscard]] std::uint64_t waiting() const { return waiting_; }  ///< For an outcome, also of unknown ones.
  [[nodiscard]] bool finished() const { return exhausted_ && waiting_ == 0; }
  [[nodiscard]] const ClientCounts& counts() const { return counts_; }
  [[nodiscard]] const Histogram& commit_latency() const { return latency_; }
  /// With the still unknown ones at the end.
  [[nodiscard]] std::vector<ClientOutcome> outcomes() const;
  /// Of replies that contradict what was told before: a bug, whatever the logs say.
  [[nodiscard]] std::uint64_t contradictions() const { return contradictions_; }
  [[nodiscard]] NodeId self() const { return self_; }

 private:
  struct Pending {
    Request request;
    Duration intended{};
    EventSlot timeout{kNoEvent};
    std::uint32_t queries{};
    bool waiting{};
    bool unknown{};
  };
  void plan_next();
  void send(Request request, Duration intended);
  void finish(Pending& pending, const ClientReply& reply);
  [[nodiscard]] bool in_window(Duration intended) const {
    return intended >= spec_.warmup && intended < spec_.warmup + spec_.duration;
  }
  [[nodiscard]] Duration since_start() const { return world_.client_now() - load_start_; }
  [[nodiscard]] ClientOutcome outcome_of(const Pending& pending) const;

  ClientWorld& world_;
  std::uint32_t index_;
  NodeId self_;
  RegionId origin_;
  ClientSpec spec_;
  Generator generator_;
  Planned next_;
  bool exhausted_{true};  ///< Nothing more will be sent.
  Instant load_start_{};
  std::uint64_t first_{1};       ///< Sequence of pending_.front().
  std::deque<Pending> pending_;  ///< By sequence; finished ones at the front are dropped.
  std::uint64_t waiting_{}, outstanding_{};
  ClientCounts counts_;
  Histogram latency_;
  std::vector<ClientOutcome> outcomes_;
  std::map<std::uint64_t, Outcome> told_;  ///< By sequence, of those that were asked for more than once.
  std::uint64_t contradictions_{};
};

}  // namespace geocommit::sim
