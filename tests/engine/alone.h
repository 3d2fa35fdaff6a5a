// A participant's site that stands alone: a test is its coordinator, its disk and its clock.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/peers.h"
#include "engine/service.h"
#include "engine/site.h"
#include "tests/engine/outside.h"
#include "tests/engine/world.h"

namespace geocommit::test {

/// What Seen does not keep.
struct Watched final : Seen {
  std::vector<std::pair<TxnId, TxnId>> awaited;  ///< Who, and behind whom.
  std::vector<std::pair<TxnId, bool>> granted;   ///< Who, and whether it waited.
  using Released = std::tuple<TxnId, Outcome, Duration, Duration, bool>;
  std::vector<Released> released;
  std::vector<bool> wan;  ///< Of each message.
  int forced{}, lazy{};

  void locks_awaited(const TxnDescriptor& d, TxnId behind) override { awaited.emplace_back(d.txn, behind); }
  void locks_granted(const TxnDescriptor& d, bool waited) override { granted.emplace_back(d.txn, waited); }
  void locks_released(const TxnDescriptor& d, Outcome outcome, Duration held, Duration summed, bool waited) override {
    released.emplace_back(d.txn, outcome, held, summed, waited);
  }
  void message_sent(Traffic traffic, std::string_view kind, bool far, std::size_t bytes) override {
    Seen::message_sent(traffic, kind, far, bytes);
    wan.push_back(far);
  }
  void forced_write() override { ++forced; }
  void lazy_write() override { ++lazy; }
};

inline Operation reads(std::uint64_t entity) { return {Entity{entity}, 0, true}; }
inline Operation adds(std::uint64_t entity, std::int64_t delta) { return {Entity{entity}, delta, false}; }

/// An agent's site; transactions are numbered, and the lower number is the older.
struct Alone {
  explicit Alone(EngineOptions options = options_of_agent(find_protocol("2pc"))) : context(options, outside, seen) {}
  Outside outside;
  Watched seen;
  NobodyAsks requester;
  NodeContext context;
  Services services{};
  Peers peers{context};
  Site site{context, services, requester, peers};
  NodeId coordinator = context.directory().coordinator(RegionId{0});

  [[nodiscard]] TxnId txn(std::uint64_t number) const { return {coordinator, Epoch{1}, number}; }

  [[nodiscard]] ProtocolMessage message(std::uint64_t number, MessageClass message_class) const {
    const Protocol& protocol = context.options().protocol->commits_as();
    const auto row = std::find_if(protocol.kinds.begin(), protocol.kinds.end(),
                                  [&](const KindRow& kind) { return kind.message_class == message_class; });
    ProtocolMessage wire;
    wire.message.from = coordinator;
    wire.message.to = context.self();
    wire.message.txn = txn(number);
    wire.message.protocol = protocol.wire_id;
    wire.message.kind = row->number;
    wire.message.to_epoch = context.options().epoch;
    return wire;
  }
  [[nodiscard]] ProtocolMessage prepare_of(std::uint64_t number, std::vector<Operation> operations) const {
    ProtocolMessage wire = message(number, MessageClass::prepare);
    wire.descriptor.emplace();
    wire.descriptor->txn = txn(number);
    wire.descriptor->protocol = wire.message.protocol;
    wire.descriptor->coordinator = coordinator;
    wire.descriptor->cohort = {{context.self(), Epoch{1}}, {context.directory().agent(RegionId{1}, 0), Epoch{1}}};
    wire.descriptor->priority = number;
    wire.descriptor->operations = std::move(operations);
    return wire;
  }
  void receive(const ProtocolMessage& wire) {
    site.receive({coordinator, Epoch{1}, {}, wire}, wire);
    site.drain();
  }
  void prepare(std::uint64_t number, std::vector<Operation> operations) {
    receive(prepare_of(number, std::move(operations)));
  }
  void decide(std::uint64_t number, Outcome outcome) {
    ProtocolMessage wire = message(number, MessageClass::decision);
    wire.message.outcome = outcome;
    receive(wire);
  }
  /// All that was written is durable.
  void force() {
    while (const ForceUse* oldest = context.oldest_forced(outside.last)) {
      const ForceUse use = *oldest;
      context.drop_oldest_forced();
      if (const auto* service = std::get_if<ServiceForce>(&use)) {
        service->service->on_forced();
        continue;
      }
      const auto& machine = std::get<MachineForce>(use);
      for (Service* one : services) {
        one->durable(machine.ships);
      }
      site.forced(machine);
    }
    site.drain();
  }
  /// Every timer of a lock that waits.
  void lock_timers_fire() {
    for (const auto& [token, deadline] : std::map<TimerToken, Instant>(outside.timers)) {
      const auto use = context.take_timer(token);
      REQUIRE(use);
      if (const auto* lock = std::get_if<LockTimer>(&*use)) {
        site.timer_fired(*lock);
      }
    }
    site.drain();
  }
  [[nodiscard]] std::vector<ProtocolMessage> votes() const {
    std::vector<ProtocolMessage> all;
    for (const PeerPayload& payload : outside.sent) {
      const auto* wire = std::get_if<ProtocolMessage>(&payload);
      if (wire != nullptr && wire->message.vote != Vote{}) {
        all.push_back(*wire);
      }
    }
    return all;
  }
  [[nodiscard]] EngineStatus status() const {
    EngineStatus out;
    site.add_to(out);
    return out;
  }
};

}  // namespace geocommit::test
