// Between the project's types and the generated ones: the parts that peer, log and control messages share. Every
// `read_*` is strict: false on an unknown enum value, a missing part, columns of unequal length, a value out of range.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "engine/peer_message.h"
#include "protocols/transaction.h"
#include "runtime/wire/peer.pb.h"

namespace geocommit {

inline constexpr int kOperationsMax = 65'536;  ///< Per site of a transaction.
inline constexpr int kCohortMax = 4'096;
inline constexpr int kHomeTermsMax = 4'096;  ///< How often one home may change its master in a run.

/// raw -> E, refused unless 0 <= raw <= last.
template <class E>
[[nodiscard]] bool read_enum(int raw, E last, E& out) {
  if (raw < 0 || raw > static_cast<int>(last)) {
    return false;
  }
  out = static_cast<E>(raw);
  return true;
}
/// raw -> Small, refused where it does not fit.
template <class Small>
[[nodiscard]] bool read_small(std::uint32_t raw, Small& out) {
  if (raw > std::numeric_limits<Small>::max()) {
    return false;
  }
  out = static_cast<Small>(raw);
  return true;
}

void write_txn(const TxnId& txn, wire::TxnId& out);
[[nodiscard]] TxnId read_txn(const wire::TxnId& in);
void write_request_id(const RequestId& id, wire::RequestId& out);
[[nodiscard]] RequestId read_request_id(const wire::RequestId& in);
void write_operations(const std::vector<Operation>& operations, wire::Operations& out);
[[nodiscard]] bool read_operations(const wire::Operations& in, std::vector<Operation>& out);
/// `most`: entries.
void write_versions(const std::vector<TxnId>& versions, wire::Versions& out);
[[nodiscard]] bool read_versions(const wire::Versions& in, int most, std::vector<TxnId>& out);
void write_reads(const std::vector<ReadValue>& reads, wire::Reads& out);
[[nodiscard]] bool read_reads(const wire::Reads& in, std::vector<ReadValue>& out);
void write_descriptor(const TxnDescriptor& descriptor, wire::Descriptor& out);
[[nodiscard]] bool read_descriptor(const wire::Descriptor& in, TxnDescriptor& out);
void write_history(const HomeHistory& history, wire::HomeHistory& out);
[[nodiscard]] bool read_history(const wire::HomeHistory& in, HomeHistory& out);
void write_shipped(const ShippedWrite& write, wire::ShippedWrite& out);
[[nodiscard]] bool read_shipped(const wire::ShippedWrite& in, ShippedWrite& out);

[[nodiscard]] inline wire::Outcome to_wire(Outcome value) { return static_cast<wire::Outcome>(value); }
[[nodiscard]] inline wire::Reason to_wire(Reason value) { return static_cast<wire::Reason>(value); }
[[nodiscard]] inline wire::Role to_wire(Role value) { return static_cast<wire::Role>(value); }
[[nodiscard]] inline wire::Vote to_wire(Vote value) { return static_cast<wire::Vote>(value); }
[[nodiscard]] inline wire::SiteState to_wire(SiteState value) { return static_cast<wire::SiteState>(value); }
[[nodiscard]] inline bool read(int raw, Outcome& out) { return read_enum(raw, Outcome::abort, out); }
[[nodiscard]] inline bool read(int raw, Reason& out) { return read_enum(raw, Reason::forgotten, out); }
[[nodiscard]] inline bool read(int raw, Role& out) { return read_enum(raw, Role::acceptor, out); }
[[nodiscard]] inline bool read(int raw, Vote& out) { return read_enum(raw, Vote::read_only, out); }
[[nodiscard]] inline bool read(int raw, SiteState& out) { return read_enum(raw, SiteState::aborted, out); }

}  // namespace geocommit
