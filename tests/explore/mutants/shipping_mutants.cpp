// Broken variants of home region's replication: planted at a node's inputs and at its disk.
#include <algorithm>

#include "tests/explore/mutants/mutants.h"

namespace geocommit::explore {
namespace {

/// The replica takes whatever comes for the next in order.
void out_of_order(std::uint64_t applied, PeerMessage& message) {
  if (auto* ship = std::get_if<Ship>(&message.payload)) {
    for (std::size_t i = 0; i < ship->writes.size(); ++i) {
      ship->writes[i].sequence = applied + 1 + i;
    }
  }
}

/// The home takes one more write for confirmed than the replica has.
void confirmed_too_early(std::uint64_t /*applied*/, PeerMessage& message) {
  if (auto* ack = std::get_if<ShipAck>(&message.payload)) {
    ++ack->applied;
  }
}

/// The replica confirms heartbeats as if they covered nothing.
void heartbeat_covers_nothing(std::uint64_t /*applied*/, PeerMessage& message) {
  if (auto* ship = std::get_if<Ship>(&message.payload)) {
    ship->through = 0;
  }
}

bool is_shipped(const DurableRecord& record) { return std::holds_alternative<ShippedRecord>(record); }

bool is_shipped_commit(const DurableRecord& record) {
  const auto* machine = std::get_if<MachineRecord>(&record);
  return machine != nullptr && machine->record.outcome == Outcome::commit && !machine->ships.empty();
}

/// The home restarts without what it had not shipped, and without its place in the order.
void forgets_the_order(std::vector<DurableRecord>& records) {
  for (DurableRecord& record : records) {
    if (auto* machine = std::get_if<MachineRecord>(&record); machine != nullptr && is_shipped_commit(record)) {
      machine->ships.clear();
    }
  }
}

/// The replica restarts from its balances, but counts from the beginning.
void forgets_a_shipped_write(std::vector<DurableRecord>& records) {
  const auto shipped = std::find_if(records.rbegin(), records.rend(), is_shipped);
  if (shipped != records.rend()) {
    records.erase(std::next(shipped).base());
  }
}

/// What not every replica has yet goes with the log that the checkpoint replaces.
void forgets_the_unconfirmed(Checkpoint& checkpoint) {
  for (HomeState& home : checkpoint.homes) {
    home.retained.clear();
  }
}

/// A checkpoint without the transactions that are still open.
void forgets_the_open(Checkpoint& checkpoint) { checkpoint.open.clear(); }

ShippingOptions at_checkpoints(void (*checkpoint)(Checkpoint&)) {
  ShippingOptions options;
  options.writes = 1;
  options.crashes = 1;
  options.checkpoint_records = 1;
  options.lost_tail = true;
  options.filter.checkpoint = checkpoint;
  return options;
}

/// The replica passes over the first of two writes that come together.
void skips_a_write(std::uint64_t /*applied*/, PeerMessage& message) {
  if (auto* ship = std::get_if<Ship>(&message.payload); ship != nullptr && ship->writes.size() == 2) {
    ship->writes[1].sequence = ship->writes[0].sequence;
    ship->writes.erase(ship->writes.begin());
  }
}

ShippingOptions within(std::uint32_t crashes, std::uint32_t drops, std::uint32_t late_rounds, ShippingFilter filter) {
  ShippingOptions options;
  options.writes = crashes > 0 ? 1 : 2;
  options.crashes = crashes;
  options.drops = drops;
  options.late_rounds = late_rounds;
  options.lost_tail = true;
  options.filter = filter;
  return options;
}

}  // namespace

std::vector<ShippingMutant> all_shipping_mutants() {
  std::vector<ShippingMutant> all;
  all.push_back({"replica-out-of-order", "commit order", "a replica takes whatever is shipped for the next in order",
                 within(0, 0, 0, {out_of_order, nullptr, nullptr})});
  all.push_back({"replica-acks-before-durable", "1", "a replica confirms a write before it is durable",
                 within(0, 0, 0, {nullptr, nullptr, is_shipped})});
  all.push_back({"home-ships-before-durable", "1", "a home ships a write before its commit record is durable",
                 within(0, 0, 0, {nullptr, nullptr, is_shipped_commit})});
  all.push_back({"home-confirms-too-early", "2", "a home takes one write more for confirmed than a replica has",
                 within(0, 1, 0, {confirmed_too_early, nullptr, nullptr})});
  all.push_back({"home-forgets-the-order", "3", "a home restarts without the places of its commits",
                 within(1, 0, 0, {nullptr, forgets_the_order, nullptr})});
  all.push_back({"replica-skips-a-write", "commit order",
                 "a replica passes over the first of two writes that come together",
                 within(0, 0, 0, {skips_a_write, nullptr, nullptr})});
  all.push_back({"replica-forgets-a-write", "3", "a replica restarts without a write that it has confirmed",
                 within(1, 0, 0, {nullptr, forgets_a_shipped_write, nullptr})});
  all.push_back({"heartbeat-covers-nothing", "staleness", "a heartbeat is confirmed before the writes that it covers",
                 within(0, 1, 1, {heartbeat_covers_nothing, nullptr, nullptr})});
  all.push_back({"checkpoint-without-the-unconfirmed", "3",
                 "a checkpoint keeps no write that a replica has not confirmed",
                 at_checkpoints(forgets_the_unconfirmed)});
  all.push_back({"checkpoint-without-the-open", "8", "a checkpoint keeps no record of a transaction that is still open",
                 at_checkpoints(forgets_the_open)});
  return all;
}

}  // namespace geocommit::explore
