// Whether what transactions read and wrote has a serial order: from the versions in the logs, and from what clients
// were told that they have read.
//
// A version of an entity at a site is the transaction that wrote it. The order of an entity's versions at a site is the
// order of their commits in its log. Each committed transaction saw versions (its prepared record, or its client, names
// them); with their successors they give the dependencies of Adya's direct serialization graph, over all sites at once:
// copies of one entity must agree on one order too. Every write here is a read and a write: it adds to a balance.
#pragma once

#include <string>
#include <vector>

#include "verdict/cycles.h"
#include "verdict/history.h"

namespace geocommit::verdict {

class Homes;

struct IsolationFinding {
  Anomaly anomaly{};
  std::vector<TxnId> transactions;  ///< The cycle's, in its order; G1a, G1b: reader and writer.
  std::string what;                 ///< "G-single: 1001.1.5 -rw(entity 3 at agent@us)-> 1002.1.7 -ww(...)-> 1001.1.5"
};

/// Every anomaly, in the order of transaction ids. Nodes whose logs are incomplete say nothing. What a failover has
/// left behind (`homes`) is a matter of the recovery point, and left out: its writes, and locks of reads at a deposed
/// master.
[[nodiscard]] std::vector<IsolationFinding> judge_isolation(const History& history, const Homes& homes);

}  // namespace geocommit::verdict
