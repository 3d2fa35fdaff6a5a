// Some of everything that travels or is stored; between them no field is left at its default (test_wire.cpp sees to
// it).
#pragma once

#include <vector>

#include "engine/peer_message.h"
#include "engine/record.h"

namespace geocommit::samples {

inline TxnId txn(std::uint64_t counter = 77) { return {NodeId{1001}, Epoch{3}, counter}; }

inline std::vector<Operation> operations() {
  return {{Entity{5}, -10, false}, {Entity{1ULL << 40U}, 10, false}, {Entity{7}, 0, true}};
}

inline std::vector<TxnId> versions() { return {txn(3), TxnId{}, txn(1ULL << 33U)}; }
inline std::vector<ReadValue> reads() {
  return {{NodeId{2}, Entity{7}, txn(3), -12}, {NodeId{3}, Entity{1ULL << 40U}, {}, 1000}};
}

inline TxnDescriptor descriptor(std::uint64_t counter = 77) {
  TxnDescriptor result;
  result.txn = txn(counter);
  result.protocol = 2;
  result.coordinator = NodeId{1001};
  result.cohort = {{NodeId{1}, Epoch{1}}, {NodeId{2}, Epoch{4}}};
  result.priority = 987654321;
  result.request = {NodeId{2001}, 99};
  result.measured = true;
  result.operations = operations();
  return result;
}

inline ProtocolMessage prepare(NodeId from, NodeId to, std::uint64_t counter = 77) {
  ProtocolMessage result;
  Message& m = result.message;
  m.from = from;
  m.to = to;
  m.txn = txn(counter);
  m.protocol = 2;
  m.kind = 4;
  m.to_role = Role::participant;
  m.ballot = Ballot{5};
  m.accepted = Ballot{6};
  m.subject = NodeId{4};
  m.outcome = Outcome::abort;
  m.vote = Vote::read_only;
  m.state = SiteState::aborted;
  m.reason = Reason::forgotten;
  m.to_epoch = Epoch{8};
  m.retry = true;
  m.depth = 9;
  result.descriptor = descriptor(counter);
  result.reads = reads();
  return result;
}

inline Request request() { return {{NodeId{2001}, 12}, RegionId{2}, true, operations()}; }
inline ClientReply reply() { return {{NodeId{2001}, 12}, txn(), Outcome::abort, Reason::constraint, reads()}; }
inline ShippedWrite shipped(std::uint64_t sequence) { return {sequence, txn(sequence), operations(), {}, versions()}; }

inline HomeMessage home_message(HomeMessageKind kind) {
  return {kind,
          NodeId{3},
          HomeEpoch{8},
          17,
          250ms,
          true,
          HomeEpoch{4},
          {{HomeEpoch{4}, 0}, {HomeEpoch{8}, 2}},
          {HomeEpoch{8}, 5}};
}

inline std::vector<PeerPayload> payloads(NodeId from, NodeId to) {
  ProtocolMessage bare = prepare(from, to);
  bare.descriptor.reset();
  return {prepare(from, to),
          bare,
          Hello{true},
          Hello{false, Epoch{7}},
          Wound{txn()},
          ClientRequest{request(), Epoch{3}},
          reply(),
          OutcomeQuery{{NodeId{2001}, 12}},
          Forward{request(), Epoch{4}},
          ForwardReply{reply()},
          Ship{4, 9, {shipped(1), shipped(2)}},
          Ship{5, 2, {}},
          ShipAck{6, 7, NodeId{2}, HomeEpoch{8}},
          Ship{5, 2, {shipped(3)}, NodeId{3}, {{HomeEpoch{4}, 0}, {HomeEpoch{8}, 2}}, 1, HomeEpoch{9}},
          home_message(HomeMessageKind::handoff),
          home_message(HomeMessageKind::idle),
          home_message(HomeMessageKind::open),
          OutcomeQuery{{NodeId{2001}, 12}, request(), true}};
}

inline MachineRecord machine_record(std::uint64_t counter = 77) {
  MachineRecord result;
  result.txn = txn(counter);
  result.role = Role::participant;
  result.protocol = 3;
  result.record.kind = 2;
  result.record.ballot = Ballot{4};
  result.record.outcome = Outcome::commit;
  result.record.reason = Reason::terminated;
  result.record.with_descriptor = true;
  result.record.sites = {NodeId{1}, NodeId{3}};
  result.descriptor = descriptor(counter);
  result.ships = {{NodeId{2}, HomeEpoch{4}, 31}, {NodeId{3}, HomeEpoch{5}, 0}};
  result.written = Instant{Duration{123456789012}};
  result.clock = 0xfedcba9876543210ULL;
  result.versions = versions();
  return result;
}

inline HomeRecord home_record() {
  return {HomeRecordKind::adopted,
          NodeId{3},
          HomeEpoch{8},
          HomeOpening::fenced,
          2,
          {{HomeEpoch{4}, 0}, {HomeEpoch{8}, 2}},
          {shipped(4), shipped(3)},
          Instant{Duration{234567890123}},
          0x0fedcba987654321ULL};
}

inline std::vector<DurableRecord> records() {
  MachineRecord bare = machine_record(78);
  bare.descriptor.reset();
  bare.versions.clear();
  bare.written = {};
  bare.clock = 0;
  return {EpochRecord{Epoch{9}},          machine_record(), bare, ShippedRecord{NodeId{2}, shipped(5)},
          ShipAckedRecord{12, NodeId{2}}, home_record()};
}

inline Checkpoint checkpoint() {
  Checkpoint result;
  result.epoch = Epoch{6};
  result.balances = {1000, -3, 1LL << 50U};
  result.writers = versions();
  result.open = {machine_record()};
  result.finished = {{txn(1), Outcome::commit, true}};
  result.requests = {{{NodeId{2001}, 4}, txn(2), Outcome::abort}};
  result.forgotten = {{NodeId{2001}, 3}};
  result.watermarks = {{NodeId{1001}, {Epoch{2}, 55}}};
  result.homes = {{NodeId{2},
                   {{HomeEpoch{4}, 0}, {HomeEpoch{8}, 2}},
                   17,
                   {shipped(16), shipped(17)},
                   HomeEpoch{8},
                   HomeEpoch{9},
                   HomeEpoch{7}}};
  return result;
}

}  // namespace geocommit::samples
