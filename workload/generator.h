// Transactions from a seed: what each asks for, and when it is meant to start. Pure; the same seed gives the same
// stream at any optimisation level (no std:: distribution, whose output is not specified).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/time.h"
#include "protocols/directory.h"
#include "protocols/transaction.h"

namespace geocommit {

enum class Arrival : std::uint8_t { poisson, fixed, closed };
enum class KeyDistribution : std::uint8_t { uniform, zipfian, hotspot };

struct WorkloadSpec {
  std::string kind{"transfer"};
  std::uint32_t participants{3};  ///< Sites a transaction touches (partitioned); entities it touches (replicated).
  Arrival arrival{Arrival::poisson};
  double rate_per_s{50};      ///< Per originating region; open loop.
  std::uint32_t clients{64};  ///< Closed loop: transactions in flight per originating region.
  KeyDistribution keys{KeyDistribution::uniform};
  double zipf_theta{0.99};                ///< zipfian(theta), 0 < theta < 2, theta != 1 handled.
  double hot_keys{0.01};                  ///< hotspot(keys, share): this share of the keys ...
  double hot_share{0.9};                  ///< ... takes this share of the accesses.
  double local{0.8};                      ///< Share of what is near (docs/results.md).
  double reads{0.0};                      ///< Share of transactions that only read.
  std::int64_t amount_max{10};            ///< A transfer moves 1 .. amount_max.
  std::uint32_t outstanding_max{10'000};  ///< Per client process; more is shed and counted.
};

/// What `keys` ranges over: the entities homed at the region that was drawn first (partitioned: at the site), the most
/// popular first. `local` and the key distribution are thus independent.
///
/// replicated: `participants` distinct entities, each homed at the origin with probability `local`, else at a region
/// drawn uniformly from the others. partitioned: with probability `local` all sites are the origin's (entities share
/// sites when there are fewer sites than participants); else one site of the origin, then one each of other regions in
/// random order, then their second sites: `participants` distinct ones, or all that exist.
///
/// A transfer debits one of its entities, drawn uniformly, and credits the others; it moves at least 1 to each and at
/// most amount_max in all (more only if there are more payees than that). The sum of deltas is 0. Operations are
/// ascending by entity.

/// One arrival.
struct Planned {
  /// Since the start of the load, never descending; 0 for closed loop (as soon as a slot is free). Fixed: a phase
  /// below one gap, drawn from the seed, so that origins do not march in step.
  Duration intended_start{};
  Request request;  ///< id and `measured` are the client's to fill.
};

class Generator {
 public:
  /// Streams of different origins and seeds are independent. `directory` outlives the generator.
  Generator(const WorkloadSpec& spec, const Directory& directory, RegionId origin, std::uint64_t seed);
  ~Generator();
  Generator(Generator&&) noexcept;
  [[nodiscard]] Planned next();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace geocommit
