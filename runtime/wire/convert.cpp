#include "runtime/wire/convert.h"

namespace geocommit {

// The numbers on the wire are the C++ enumerators; a new enumerator needs a line in the .proto file too.
static_assert(static_cast<int>(Reason::forgotten) == wire::REASON_FORGOTTEN);
static_assert(static_cast<int>(HomeMessageKind::idle) == wire::HOME_IDLE);
static_assert(static_cast<int>(Outcome::abort) == wire::OUTCOME_ABORT);
static_assert(static_cast<int>(Vote::read_only) == wire::VOTE_READ_ONLY);
static_assert(static_cast<int>(SiteState::aborted) == wire::STATE_ABORTED);
static_assert(static_cast<int>(Role::acceptor) == wire::ROLE_ACCEPTOR);

void write_txn(const TxnId& txn, wire::TxnId& out) {
  out.set_coordinator(txn.coordinator.value);
  out.set_epoch(txn.epoch.value);
  out.set_counter(txn.counter);
}

TxnId read_txn(const wire::TxnId& in) { return {NodeId{in.coordinator()}, Epoch{in.epoch()}, in.counter()}; }

void write_request_id(const RequestId& id, wire::RequestId& out) {
  out.set_client(id.client.value);
  out.set_sequence(id.sequence);
}

RequestId read_request_id(const wire::RequestId& in) { return {NodeId{in.client()}, in.sequence()}; }

void write_operations(const std::vector<Operation>& operations, wire::Operations& out) {
  const int count = static_cast<int>(operations.size());
  out.mutable_entity()->Reserve(count);
  out.mutable_delta()->Reserve(count);
  out.mutable_read()->Reserve(count);
  for (const Operation& operation : operations) {
    out.add_entity(operation.entity.value);
    out.add_delta(operation.delta);
    out.add_read(operation.read);
  }
}

bool read_operations(const wire::Operations& in, std::vector<Operation>& out) {
  const int count = in.entity_size();
  if (count > kOperationsMax || in.delta_size() != count || in.read_size() != count) {
    return false;
  }
  out.resize(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    out[static_cast<std::size_t>(i)] = {Entity{in.entity(i)}, in.delta(i), in.read(i)};
  }
  return true;
}

void write_versions(const std::vector<TxnId>& versions, wire::Versions& out) {
  const int count = static_cast<int>(versions.size());
  out.mutable_coordinator()->Reserve(count);
  out.mutable_epoch()->Reserve(count);
  out.mutable_counter()->Reserve(count);
  for (const TxnId& version : versions) {
    out.add_coordinator(version.coordinator.value);
    out.add_epoch(version.epoch.value);
    out.add_counter(version.counter);
  }
}

bool read_versions(const wire::Versions& in, int most, std::vector<TxnId>& out) {
  const int count = in.coordinator_size();
  if (count > most || in.epoch_size() != count || in.counter_size() != count) {
    return false;
  }
  out.resize(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    out[static_cast<std::size_t>(i)] = {NodeId{in.coordinator(i)}, Epoch{in.epoch(i)}, in.counter(i)};
  }
  return true;
}

void write_reads(const std::vector<ReadValue>& reads, wire::Reads& out) {
  std::vector<TxnId> versions;
  versions.reserve(reads.size());
  for (const ReadValue& read : reads) {
    out.add_site(read.site.value);
    out.add_entity(read.entity.value);
    out.add_value(read.value);
    versions.push_back(read.version);
  }
  write_versions(versions, *out.mutable_versions());
}

bool read_reads(const wire::Reads& in, std::vector<ReadValue>& out) {
  const int count = in.site_size();
  std::vector<TxnId> versions;
  if (in.entity_size() != count || in.value_size() != count ||
      !read_versions(in.versions(), kOperationsMax, versions) || versions.size() != static_cast<std::size_t>(count)) {
    return false;
  }
  out.resize(versions.size());
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    out[at] = {NodeId{in.site(i)}, Entity{in.entity(i)}, versions[at], in.value(i)};
  }
  return true;
}

void write_descriptor(const TxnDescriptor& descriptor, wire::Descriptor& out) {
  write_txn(descriptor.txn, *out.mutable_txn());
  out.set_protocol(descriptor.protocol);
  out.set_coordinator(descriptor.coordinator.value);
  wire::Members& cohort = *out.mutable_cohort();
  for (const Member& member : descriptor.cohort) {
    cohort.add_node(member.node.value);
    cohort.add_epoch(member.epoch.value);
  }
  out.set_priority(descriptor.priority);
  write_request_id(descriptor.request, *out.mutable_request());
  out.set_measured(descriptor.measured);
  if (!descriptor.operations.empty()) {
    write_operations(descriptor.operations, *out.mutable_operations());
  }
}

bool read_descriptor(const wire::Descriptor& in, TxnDescriptor& out) {
  const int members = in.cohort().node_size();
  if (!in.has_txn() || members > kCohortMax || in.cohort().epoch_size() != members ||
      !read_small(in.protocol(), out.protocol) || !read_operations(in.operations(), out.operations)) {
    return false;
  }
  out.txn = read_txn(in.txn());
  out.coordinator = NodeId{in.coordinator()};
  out.cohort.resize(static_cast<std::size_t>(members));
  for (int i = 0; i < members; ++i) {
    if (i > 0 && in.cohort().node(i) <= in.cohort().node(i - 1)) {
      return false;
    }
    out.cohort[static_cast<std::size_t>(i)] = {NodeId{in.cohort().node(i)}, Epoch{in.cohort().epoch(i)}};
  }
  out.priority = in.priority();
  out.request = read_request_id(in.request());
  out.measured = in.measured();
  return true;
}

void write_history(const HomeHistory& history, wire::HomeHistory& out) {
  for (const HomeTerm& term : history) {
    out.add_epoch(term.epoch.value);
    out.add_start(term.start);
  }
}

bool read_history(const wire::HomeHistory& in, HomeHistory& out) {
  if (in.epoch_size() > kHomeTermsMax || in.start_size() != in.epoch_size()) {
    return false;
  }
  for (int i = 0; i < in.epoch_size(); ++i) {
    if (i > 0 && (in.epoch(i) <= in.epoch(i - 1) || in.start(i) < in.start(i - 1))) {
      return false;
    }
    out.push_back({HomeEpoch{in.epoch(i)}, in.start(i)});
  }
  return true;
}

void write_shipped(const ShippedWrite& write, wire::ShippedWrite& out) {
  out.set_sequence(write.sequence);
  write_txn(write.txn, *out.mutable_txn());
  write_operations(write.operations, *out.mutable_operations());
  if (!write.versions.empty()) {
    write_versions(write.versions, *out.mutable_versions());
  }
}

bool read_shipped(const wire::ShippedWrite& in, ShippedWrite& out) {
  out.sequence = in.sequence();
  out.txn = read_txn(in.txn());
  return in.has_txn() && read_operations(in.operations(), out.operations) &&
         read_versions(in.versions(), kOperationsMax, out.versions) &&
         (out.versions.empty() || out.versions.size() == out.operations.size());
}

}  // namespace geocommit
