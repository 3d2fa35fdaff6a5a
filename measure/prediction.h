// What theory says a run should measure: the closed forms at `Prediction` below, mixed over the origins and cohorts
// that the workload draws.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "protocols/directory.h"
#include "workload/generator.h"

namespace geocommit {

struct PredictionInput {
  std::string protocol;  ///< Registry name: 2pc, 3pc or home-region.
  const Directory* directory{};
  WorkloadSpec workload;
  std::vector<RegionId> origins;  ///< Each offers the same rate. Empty: every region.
  /// [from][to], one way; the diagonal is one way between two nodes of the region.
  std::vector<std::vector<Duration>> one_way;
  Duration force{};  ///< W: one forced write.
  bool faults{}, jitter{};
  double lock_wait_share{};  ///< Measured: transactions that waited for a lock, 0 .. 1.
};

/// The distribution of a latency over transactions (lock hold and in-doubt: over pairs of transaction and participant).
/// It is discrete: near a step the measured median may fall on either side, which p45 and p55 show.
struct Predicted {
  Duration p45{}, p50{}, p55{};  ///< Of the mixture; p50 is what a measured p50 is compared with.
  Duration mean{};
};

/// Zero load, zero jitter: no queueing, no processing time. With RTT_i between coordinator and participant i:
///   2pc          T = max(RTT_i + W) + W
///   3pc          T = 2 max(RTT_i + W) + 2 W
///   home-region  2pc among the homes; the coordinator is the home's if there is one home, else the origin's
///   a read       T = max(RTT_i); its locks end with its vote and are in neither lock_hold nor in_doubt
/// commit_latency is T. lock_hold is T at every participant: locks are taken when PREPARE arrives and released when
/// COMMIT arrives, each one way later than it left. in_doubt is T - W. client_latency adds a round trip
/// within the origin's region, and between origin and home where the request is forwarded.
struct Prediction {
  std::optional<Predicted> commit_latency, lock_hold, in_doubt, client_latency;
  std::string why_not;  ///< When there is none: for people.
};

/// Sites within a region are taken as equally likely (so they are, but for skewed keys and several sites a region).
/// Nothing with faults, jitter, more than 1 % lock waits, or an unknown protocol.
[[nodiscard]] Prediction predict(const PredictionInput& input);

}  // namespace geocommit
