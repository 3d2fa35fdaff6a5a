// The load of one origin: what is sent when, what became of it, and what it took. Knows neither clock nor socket: the
// program (main.cpp) gives it the time and carries its messages, and tests give it virtual time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "client/arrivals.h"
#include "client/load_series.h"
#include "client/load_tally.h"
#include "client/outstanding.h"
#include "engine/peer_message.h"
#include "measure/metric_set.h"
#include "verdict/history.h"
#include "workload/generator.h"

namespace geocommit {

struct LoadPlan {
  NodeId self;
  RegionId origin;
  std::string protocol;  ///< For labels.
  WorkloadSpec workload;
  std::uint64_t seed{};
  Duration warmup{}, duration{};  ///< Measured: intended start in [warmup, warmup + duration). Nothing starts later.
  Duration outcome_timeout{};     ///< After that the outcome is asked for, again and again, backing off.
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
  [[nodiscard]] Instant at(Duration since_start) const { return start_ + since_start; }
  /// What is still unknown then is given up.
  [[nodiscard]] Instant patience_ends() const;
  void offer_due(Instant now);
  void offer(Instant now, Planned planned);
  void time_out(Instant now);
  void roll_seconds(Instant now);
  void finish(Instant now, OutstandingRequest request, const ClientReply& reply);
  void give_up(Instant now);

  LoadPlan plan_;
  const Directory& directory_;
  LoadOutput& output_;
  LoadSeries live_, window_;
  LoadTally tally_;
  Duration end_;  // of offering, since the start
  Arrivals arrivals_;
  Outstanding outstanding_;
  bool started_{}, finished_{};
  Instant start_;
  Epoch coordinator_start_;
  std::uint64_t last_sequence_{};
};

}  // namespace geocommit
