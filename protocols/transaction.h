// What a transaction does and where: operations on entities, the client's request, and the engine-owned descriptor
// that travels with PREPARE and is stored with the prepared record.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocols/machine.h"

namespace geocommit {

/// One operation on one entity. A transfer debits one account (delta < 0) and credits others; the sum is unchanged.
struct Operation {
  Entity entity;
  std::int64_t delta{};  ///< Added to the balance at commit; 0 with `read`.
  bool read{};           ///< Shared lock, no change.
  auto operator<=>(const Operation&) const = default;
};

/// What a transaction read at a site. The version of an entity is the transaction that last wrote it there; {}: the
/// initial one.
struct ReadValue {
  NodeId site;
  Entity entity;
  TxnId version;
  std::int64_t value{};
  auto operator<=>(const ReadValue&) const = default;
};

/// What a client asks of the coordinator of its origin region.
struct Request {
  RequestId id;
  RegionId origin;
  bool measured{};  ///< Intended start lies in the measurement window; travels with the transaction.
  std::vector<Operation> operations;
};

/// The operations of one transaction at one site.
struct SiteWork {
  NodeId site;
  std::vector<Operation> operations;
};

/// Engine-owned: everything a site needs to know of a transaction, also after a crash.
struct TxnDescriptor {
  TxnId txn;
  std::uint8_t protocol{};  ///< Protocol::wire_id
  NodeId coordinator;
  std::vector<Member> cohort;  ///< Ascending by node id.
  std::uint64_t priority{};    ///< Age for wound-wait: smaller is older. Ties are broken by the transaction id.
  RequestId request;
  bool measured{};
  std::vector<Operation> operations;  ///< This site's own; empty at the coordinator.
};

/// "1001.1.7": coordinator, its start, counter. As results, traces and the terminal name a transaction.
[[nodiscard]] std::string to_text(const TxnId& txn);

}  // namespace geocommit
