// The load of one origin: what is sent when, what became of it, and what it took. Knows neither clock nor socket: the
// program (main.cpp) gives it the time and carries its messages, and tests give it virtual time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/peer_message.h"
#include "measure/metric_set.h"
#include "verdict/history.h"
#include "workload/generator.h"

namespace geocommit {

inline constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::forgotten) + 1;
inline constexpr std::size_t kAbortReasons =
    static_cast<std::size_t>(Reason::forgotten);  ///< 0: none. The last is none.

struct LoadPlan {
  NodeId self;
  RegionId origin;
  std::string protocol;  ///< For labels.
  WorkloadSpec workload;
  std::uint64_t seed{};
  Duration warmup{}, duration{};  ///< Measured: intended start in [warmup, warmup + duration). Nothing starts later.
  Duration outcome_timeout{};     ///< After that the outcome is asked for, again and again, backing off.
};

/// One second of the load, by when things happened.
struct SecondRow {
  std::uint64_t second{};  ///< Since the start: [second, second + 1).
  std::uint64_t offered{}, committed{}, timed_out{}, shed{}, outstanding{};
  std::array<std::uint64_t, kReasons> aborted{};  ///< By reason.
  Duration p50{}, p99{};                          ///< Of the commits that arrived in it; 0: none.
};

struct LoadCounts {
  std::uint64_t offered{}, committed{}, aborted{}, shed{}, outstanding{};
  std::uint64_t unknown{};  ///< Timed out and not (yet) known, or forgotten.
  Duration recent_p99{};    ///< Over the last whole second.
  Duration recent_p50{};    ///< Likewise.
};

class LoadOutput {
 public:
  virtual ~LoadOutput() = default;
  virtual void send(const PeerPayload& payload) = 0;  ///< To the coordinator of the origin.
  virtual void finished(const ClientOutcome& outcome) = 0;
  virtual void second(const SecondRow& row) = 0;
};

class Load {
 public:
  /// `directory`, `output` and the metric sets outlive the load.
  Load(LoadPlan plan, const Directory& directory, LoadOutput& output, MetricSet& live, MetricSet& window);

  void start(Instant now);
  [[nodiscard]] bool started() const { return started_; }
  /// A message of the coordinator's `start` has come: later requests are addressed to it, or to a later one.
  void heard(Epoch start) { coordinator_start_ = std::max(coordinator_start_, start); }
  void on_reply(Instant now, const ClientReply& reply);
  /// Does what is due, a bounded amount at a time.
  void advance(Instant now);
  /// When advance() is wanted; nothing once finished or before the start. May be in the past: then at once.
  [[nodiscard]] std::optional<Instant> next();
  /// Nothing more will be sent, and nothing is outstanding: at the latest three outcome timeouts and 5 s after the last
  /// possible start, when what is still unknown is given up as unknown.
  [[nodiscard]] bool finished() const { return finished_; }
  /// Ends early: everything outstanding is recorded as unknown.
  void stop(Instant now);
  [[nodiscard]] LoadCounts counts() const;

 private:
  struct Pending {
    Request request;
    Duration intended{};
    bool wan{};
    bool timed_out{};
    std::uint32_t queries{};
  };
  using PendingMap = std::unordered_map<std::uint64_t, Pending>;
  using Timed = std::pair<Instant, std::uint64_t>;  // when, sequence

  /// The metrics of one set, looked up once: a request touches no name or label.
  struct Series {
    std::uint64_t *offered{}, *shed{}, *timeouts{};
    Histogram* lateness{};
    std::array<std::array<Histogram*, 2>, 3> latency{};              // outcome, wan
    std::array<std::array<std::uint64_t*, kReasons>, 3> outcomes{};  // outcome, reason; made when first used
  };
  Series series(MetricSet& set) const;
  std::uint64_t& outcome_counter(MetricSet& set, Series& series, Outcome outcome, Reason reason) const;

  [[nodiscard]] Instant at(Duration since_start) const { return start_ + since_start; }
  [[nodiscard]] bool closed() const { return plan_.workload.arrival == Arrival::closed; }
  void offer(Instant now, Planned planned);
  void offer_due(Instant now);
  void time_out(Instant now);
  void ask_again(Instant now);
  void roll_seconds(Instant now);
  void emit_row();
  void finish(Instant now, PendingMap::iterator pending, const ClientReply& reply);
  void give_up(Instant now);

  LoadPlan plan_;
  const Directory& directory_;
  LoadOutput& output_;
  MetricSet &live_, &window_;
  Series live_series_, window_series_;
  Labels labels_;
  Generator generator_;
  bool started_{}, sent_all_{}, finished_{};
  Instant start_;
  Epoch coordinator_start_;
  Duration end_;                // of offering, since the start
  std::optional<Planned> due_;  // open loop: the next arrival
  std::uint32_t idle_{};        // closed loop: clients without a request
  std::uint64_t last_sequence_{};
  PendingMap pending_;
  std::deque<Timed> deadlines_;  // ascending: the timeout is the same for all
  std::priority_queue<Timed, std::vector<Timed>, std::greater<>> queries_;
  LoadCounts counts_;
  SecondRow row_;
  Histogram second_latency_;
};

}  // namespace geocommit
