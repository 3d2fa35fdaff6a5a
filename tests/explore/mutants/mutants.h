// Deliberately broken variants of the protocols and of the engine's fences (docs/pitfalls.md). Never
// linked into the product.
#pragma once

#include <string>
#include <vector>

#include "sim/explore/conflict/conflict.h"
#include "sim/explore/explore.h"
#include "sim/explore/failover/failover.h"
#include "sim/explore/shipping/shipping.h"

namespace geocommit::explore {

struct Mutant {
  std::string name;
  std::string pitfall;  ///< Number in docs/pitfalls.md, or the rule that it breaks.
  std::string what;
  Protocol row;
  Options options;  ///< Bounds that are enough; `protocol` is set when it runs.
};

[[nodiscard]] std::vector<Mutant> all_mutants();

struct ShippingMutant {
  std::string name, pitfall, what;
  ShippingOptions options;  ///< With the filter that plants it.
};
[[nodiscard]] std::vector<ShippingMutant> all_shipping_mutants();

struct FailoverMutant {
  std::string name, pitfall, what;
  FailoverOptions options;
};
[[nodiscard]] std::vector<FailoverMutant> all_failover_mutants();
struct ConflictMutant {
  std::string name, pitfall, what;
  ConflictOptions options;  ///< With the filter that plants it; `protocol` is set when it runs.
  Protocol row;             ///< 2PC's, or a mutant's.
};
[[nodiscard]] std::vector<ConflictMutant> all_conflict_mutants();

}  // namespace geocommit::explore
