#include "runtime/wire/record_codec.h"

#include <google/protobuf/arena.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "runtime/wire/convert.h"
#include "runtime/wire/log.pb.h"

namespace geocommit {
namespace {

void write_machine(const MachineRecord& record, wire::MachineRecord& out) {
  write_txn(record.txn, *out.mutable_txn());
  out.set_role(to_wire(record.role));
  out.set_protocol(record.protocol);
  out.set_kind(record.record.kind);
  out.set_ballot(record.record.ballot.value);
  out.set_outcome(to_wire(record.record.outcome));
  out.set_reason(to_wire(record.record.reason));
  out.set_with_descriptor(record.record.with_descriptor);
  for (const NodeId site : record.record.sites) {
    out.add_sites(site.value);
  }
  if (record.descriptor) {
    write_descriptor(*record.descriptor, *out.mutable_descriptor());
  }
  if (!record.versions.empty()) {
    write_versions(record.versions, *out.mutable_versions());
  }
  for (const ShipPlace& place : record.ships) {
    out.mutable_ships()->add_home(place.home.value);
    out.mutable_ships()->add_epoch(place.epoch.value);
    out.mutable_ships()->add_sequence(place.sequence);
  }
  if (record.written != Instant{}) {
    out.set_written_ns(record.written.time_since_epoch().count());
    out.set_clock(record.clock);
  }
}

bool read_machine(const wire::MachineRecord& in, MachineRecord& out) {
  out.txn = read_txn(in.txn());
  out.record.ballot = Ballot{in.ballot()};
  out.record.with_descriptor = in.with_descriptor();
  const wire::ShipPlaces& ships = in.ships();
  if (ships.home_size() > kOperationsMax || ships.epoch_size() != ships.home_size() ||
      ships.sequence_size() != ships.home_size()) {
    return false;
  }
  for (int i = 0; i < ships.home_size(); ++i) {
    out.ships.push_back({NodeId{ships.home(i)}, HomeEpoch{ships.epoch(i)}, ships.sequence(i)});
  }
  out.written = Instant{Duration{in.written_ns()}};
  out.clock = in.clock();
  if (in.sites_size() > kCohortMax) {
    return false;
  }
  for (const std::uint32_t site : in.sites()) {
    out.record.sites.push_back(NodeId{site});
  }
  if (!in.has_txn() || !read(in.role(), out.role) || !read_small(in.protocol(), out.protocol) ||
      !read_small(in.kind(), out.record.kind) || !read(in.outcome(), out.record.outcome) ||
      !read(in.reason(), out.record.reason)) {
    return false;
  }
  if (!read_versions(in.versions(), kOperationsMax, out.versions)) {
    return false;
  }
  return !in.has_descriptor() || read_descriptor(in.descriptor(), out.descriptor.emplace());
}

struct RecordWriter {
  wire::DurableRecord& out;
  void operator()(const EpochRecord& record) const { out.mutable_epoch()->set_epoch(record.epoch.value); }
  void operator()(const MachineRecord& record) const { write_machine(record, *out.mutable_machine()); }
  void operator()(const ShippedRecord& record) const {
    out.mutable_shipped()->set_home(record.home.value);
    write_shipped(record.write, *out.mutable_shipped()->mutable_write());
  }
  void operator()(const ShipAckedRecord& record) const {
    out.mutable_ship_acked()->set_sequence(record.sequence);
    out.mutable_ship_acked()->set_home(record.home.value);
  }
  void operator()(const HomeRecord& record) const {
    wire::HomeRecord& home = *out.mutable_home();
    home.set_kind(static_cast<wire::HomeRecordKind>(record.kind));
    home.set_home(record.home.value);
    home.set_epoch(record.epoch.value);
    home.set_opening(static_cast<wire::HomeOpening>(record.opening));
    home.set_keep(record.keep);
    write_history(record.history, *home.mutable_history());
    for (const ShippedWrite& write : record.lost) {
      write_shipped(write, *home.add_lost());
    }
    if (record.written != Instant{}) {
      home.set_written_ns(record.written.time_since_epoch().count());
      home.set_clock(record.clock);
    }
  }
};

static_assert(static_cast<int>(HomeRecordKind::adopted) == wire::HOME_ADOPTED);
static_assert(static_cast<int>(HomeOpening::unfenced) == wire::OPENING_UNFENCED);

bool read_home(const wire::HomeRecord& in, HomeRecord& out) {
  out.home = NodeId{in.home()};
  out.epoch = HomeEpoch{in.epoch()};
  out.keep = in.keep();
  out.written = Instant{Duration{in.written_ns()}};
  out.clock = in.clock();
  for (const wire::ShippedWrite& write : in.lost()) {
    if (!read_shipped(write, out.lost.emplace_back())) {
      return false;
    }
  }
  return read_enum(in.kind(), HomeRecordKind::adopted, out.kind) &&
         read_enum(in.opening(), HomeOpening::unfenced, out.opening) && read_history(in.history(), out.history);
}

bool read_finished(const wire::Checkpoint& in, Checkpoint& out) {
  for (const wire::FinishedTxn& txn : in.finished()) {
    FinishedTxn& added = out.finished.emplace_back();
    added.txn = read_txn(txn.txn());
    added.read_only = txn.read_only();
    if (!txn.has_txn() || !read(txn.outcome(), added.outcome)) {
      return false;
    }
  }
  for (const wire::FinishedRequest& request : in.requests()) {
    FinishedRequest& added = out.requests.emplace_back();
    added.request = read_request_id(request.request());
    added.txn = read_txn(request.txn());
    if (!request.has_request() || !read(request.outcome(), added.outcome)) {
      return false;
    }
  }
  for (const wire::ForgottenRequests& forgotten : in.forgotten()) {
    out.forgotten[NodeId{forgotten.client()}] = forgotten.sequence();
  }
  return true;
}

bool read_checkpoint(const wire::Checkpoint& in, Checkpoint& out) {
  out.epoch = Epoch{in.epoch()};
  out.balances.assign(in.balances().begin(), in.balances().end());
  if (!read_versions(in.writers(), in.balances_size(), out.writers) ||
      (!out.writers.empty() && out.writers.size() != out.balances.size())) {
    return false;
  }
  for (const wire::MachineRecord& record : in.open()) {
    if (!read_machine(record, out.open.emplace_back())) {
      return false;
    }
  }
  for (const wire::NodeWatermark& mark : in.watermarks()) {
    out.watermarks[NodeId{mark.node()}] = {Epoch{mark.epoch()}, mark.counter()};
  }
  for (const wire::HomeState& home : in.homes()) {
    HomeState& state = out.homes.emplace_back();
    state.home = NodeId{home.home()};
    state.last = home.last();
    state.epoch = HomeEpoch{home.epoch()};
    state.promised = HomeEpoch{home.promised()};
    state.handoff = HomeEpoch{home.handoff()};
    if (!read_history(home.history(), state.history)) {
      return false;
    }
    for (const wire::ShippedWrite& write : home.retained()) {
      if (!read_shipped(write, state.retained.emplace_back())) {
        return false;
      }
    }
  }
  return read_finished(in, out);
}

}  // namespace

struct RecordEncoder::State {
  wire::DurableRecord record;
};
RecordEncoder::RecordEncoder() : state_(std::make_unique<State>()) {}
RecordEncoder::~RecordEncoder() = default;

std::size_t RecordEncoder::append(const DurableRecord& record, std::string& out) {
  // Clear() keeps the submessages' memory as long as the kind of record stays the same, which is the common case.
  if (std::holds_alternative<MachineRecord>(record) && state_->record.has_machine()) {
    state_->record.mutable_machine()->Clear();
  } else {
    state_->record.Clear();
  }
  std::visit(RecordWriter{state_->record}, record);
  const std::size_t size = state_->record.ByteSizeLong();
  const std::size_t at = out.size();
  out.resize(at + size);
  auto* begin = reinterpret_cast<std::uint8_t*>(out.data()) + at;
  GC_CHECK(state_->record.SerializeWithCachedSizesToArray(begin) == begin + size);
  return size;
}

Result<DurableRecord> decode_record(std::string_view bytes) {
  wire::DurableRecord in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Error{"not a protobuf message"};
  }
  switch (in.record_case()) {
    case wire::DurableRecord::kEpoch:
      return DurableRecord{EpochRecord{Epoch{in.epoch().epoch()}}};
    case wire::DurableRecord::kMachine: {
      MachineRecord record;
      if (!read_machine(in.machine(), record)) {
        return Error{"a machine record with impossible contents"};
      }
      return DurableRecord{std::move(record)};
    }
    case wire::DurableRecord::kShipped: {
      ShippedRecord record;
      record.home = NodeId{in.shipped().home()};
      if (!in.shipped().has_write() || !read_shipped(in.shipped().write(), record.write)) {
        return Error{"a shipped record with impossible contents"};
      }
      return DurableRecord{std::move(record)};
    }
    case wire::DurableRecord::kShipAcked:
      return DurableRecord{ShipAckedRecord{in.ship_acked().sequence(), NodeId{in.ship_acked().home()}}};
    case wire::DurableRecord::kHome: {
      HomeRecord record;
      if (!read_home(in.home(), record)) {
        return Error{"a mastership record with impossible contents"};
      }
      return DurableRecord{std::move(record)};
    }
    case wire::DurableRecord::RECORD_NOT_SET:
      return Error{"a record of no known kind"};
  }
  return Error{"a record of no known kind"};
}

Result<std::string> encode_checkpoint(const Checkpoint& checkpoint, std::size_t bytes_max) {
  google::protobuf::Arena arena;
  auto& out = *google::protobuf::Arena::CreateMessage<wire::Checkpoint>(&arena);
  out.set_epoch(checkpoint.epoch.value);
  out.mutable_balances()->Add(checkpoint.balances.begin(), checkpoint.balances.end());
  if (!checkpoint.writers.empty()) {
    write_versions(checkpoint.writers, *out.mutable_writers());
  }
  for (const MachineRecord& record : checkpoint.open) {
    write_machine(record, *out.add_open());
  }
  for (const FinishedTxn& txn : checkpoint.finished) {
    wire::FinishedTxn& added = *out.add_finished();
    write_txn(txn.txn, *added.mutable_txn());
    added.set_outcome(to_wire(txn.outcome));
    added.set_read_only(txn.read_only);
  }
  for (const FinishedRequest& request : checkpoint.requests) {
    wire::FinishedRequest& added = *out.add_requests();
    write_request_id(request.request, *added.mutable_request());
    write_txn(request.txn, *added.mutable_txn());
    added.set_outcome(to_wire(request.outcome));
  }
  for (const auto& [client, sequence] : checkpoint.forgotten) {
    wire::ForgottenRequests& added = *out.add_forgotten();
    added.set_client(client.value);
    added.set_sequence(sequence);
  }
  for (const auto& [node, mark] : checkpoint.watermarks) {
    wire::NodeWatermark& added = *out.add_watermarks();
    added.set_node(node.value);
    added.set_epoch(mark.epoch.value);
    added.set_counter(mark.counter);
  }
  for (const HomeState& state : checkpoint.homes) {
    wire::HomeState& added = *out.add_homes();
    added.set_home(state.home.value);
    added.set_last(state.last);
    added.set_epoch(state.epoch.value);
    added.set_promised(state.promised.value);
    added.set_handoff(state.handoff.value);
    write_history(state.history, *added.mutable_history());
    for (const ShippedWrite& write : state.retained) {
      write_shipped(write, *added.add_retained());
    }
  }
  const std::size_t size = out.ByteSizeLong();
  if (size > bytes_max) {
    return Error{"a checkpoint of " + std::to_string(size) + " bytes, and its format holds " +
                 std::to_string(bytes_max) + ": use fewer keys per participant"};
  }
  return out.SerializeAsString();
}

Result<Checkpoint> decode_checkpoint(std::string_view bytes) {
  google::protobuf::Arena arena;
  auto& in = *google::protobuf::Arena::CreateMessage<wire::Checkpoint>(&arena);
  Checkpoint checkpoint;
  if (bytes.size() > kCheckpointBytesMax) {
    return Error{"a checkpoint of " + std::to_string(bytes.size()) + " bytes, more than its format holds"};
  }
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !read_checkpoint(in, checkpoint)) {
    return Error{"a checkpoint with impossible contents"};
  }
  return checkpoint;
}

}  // namespace geocommit
