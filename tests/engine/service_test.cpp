// What a service is asked, and when: a planted one, at a site that stands alone. Home region is the only one of the
// product (engine/home/); these are the hooks that another would have.
#include "engine/service.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "engine/node_context.h"
#include "engine/peers.h"
#include "engine/site.h"
#include "tests/engine/outside.h"
#include "tests/engine/world.h"

using namespace geocommit;
using namespace geocommit::test;

namespace {

/// Says where it was asked.
struct Spy final : Service {
  Reason answer{Reason::none};
  std::string asked;
  std::vector<ShipPlace> places;  ///< That it gives.

  void start() override {}
  void quiesce() override { asked += "quiesce; "; }
  void on_timer(std::uint8_t timer) override { asked += "timer " + std::to_string(timer) + "; "; }
  void on_forced() override { asked += "forced; "; }
  bool receive(const PeerMessage& /*message*/) override { return false; }
  void greeted(NodeId /*peer*/) override {}
  void add_to(EngineStatus& /*status*/) const override {}
  std::optional<Route> route(const Request& /*request*/) const override { return std::nullopt; }
  Reason admit(TxnEntry& entry) override {
    asked += "admit; ";
    entry.places = places;
    return answer;
  }
  void before_record(TxnEntry& entry, MachineRecord& record) override {
    asked += record.record.outcome == Outcome::commit ? "before commit; " : "before prepared; ";
    record.ships = entry.places;
  }
  void durable(const std::vector<ShipPlace>& of) override { asked += "durable " + std::to_string(of.size()) + "; "; }
  void keep(std::vector<Operation>& operations, const std::vector<ShipPlace>& /*places*/) const override {
    operations.clear();
  }
  void forgotten() override { asked += "forgotten; "; }
  void add_to(Checkpoint& /*checkpoint*/) const override {}
  void restore(Checkpoint& /*checkpoint*/) override {}
  void replay(const DurableRecord& /*record*/) override {}
  void replay_commit(const MachineRecord& /*commit*/, const MachineRecord& /*prepared*/) override {
    asked += "commit read; ";
  }
  void replayed() override {}
  void reinstated(TxnEntry& /*entry*/) override { asked += "reinstated; "; }
};

EngineOptions options() { return options_of_agent(find_protocol("2pc")); }

/// An agent's site, one planted service, and the coordinator's messages.
struct Alone {
  Outside outside;
  Seen seen;
  Spy spy;
  NobodyAsks requester;
  NodeContext context{options(), outside, seen};
  Services services{&spy};
  Peers peers{context};
  Site site{context, services, requester, peers};
  NodeId coordinator = two_regions().coordinator(RegionId{0});
  TxnId txn{coordinator, Epoch{1}, 1};

  void receive(MessageClass message_class, Outcome outcome = Outcome::undecided) {
    const Protocol& protocol = *context.options().protocol;
    const auto row = std::find_if(protocol.kinds.begin(), protocol.kinds.end(),
                                  [&](const KindRow& kind) { return kind.message_class == message_class; });
    ProtocolMessage wire;
    wire.message.from = coordinator;
    wire.message.to = context.self();
    wire.message.txn = txn;
    wire.message.protocol = protocol.wire_id;
    wire.message.kind = row->number;
    wire.message.outcome = outcome;
    if (message_class == MessageClass::prepare) {
      wire.message.to_epoch = Epoch{1};
      wire.descriptor.emplace();
      wire.descriptor->txn = txn;
      wire.descriptor->protocol = protocol.wire_id;
      wire.descriptor->coordinator = coordinator;
      wire.descriptor->cohort = {{context.self(), Epoch{1}}, {two_regions().agent(RegionId{1}, 0), Epoch{1}}};
      wire.descriptor->operations = {{Entity{0}, 5, false}};
    }
    site.receive({coordinator, Epoch{1}, {}, wire}, wire);
    site.drain();
  }
  /// All that was written is durable.
  void force() {
    while (const ForceUse* use = context.oldest_forced(outside.last)) {
      const auto& machine = std::get<MachineForce>(*use);
      spy.durable(machine.ships);
      site.forced(machine);
      context.drop_oldest_forced();
    }
    site.drain();
  }
  std::string asked() { return std::exchange(spy.asked, {}); }
};

}  // namespace

TEST_CASE("a service is asked before a transaction is executed, before its records, and when it is forgotten") {
  Alone node;
  node.spy.places = {{node.context.self(), HomeEpoch{1}, 7}};
  node.receive(MessageClass::prepare);
  CHECK(node.asked() == "admit; before prepared; ");
  node.force();
  CHECK(node.asked() == "durable 1; ");
  CHECK(node.site.open_in_doubt().size() == 1);
  node.receive(MessageClass::decision, Outcome::commit);
  CHECK(node.asked() == "before commit; ");
  CHECK(node.site.resources().balance(Entity{0}) == 1000);  // The service kept nothing.
  node.force();
  CHECK(node.asked() == "durable 1; forgotten; ");
}

TEST_CASE("a transaction that a service does not admit votes NO for its reason, and leaves no lock and no place") {
  Alone node;
  node.spy.answer = Reason::replica_away;
  node.spy.places = {{node.context.self(), HomeEpoch{1}, 0}};
  node.receive(MessageClass::prepare);
  CHECK(node.asked().starts_with("admit; forgotten; "));
  CHECK(node.seen.no_votes.at(Reason::replica_away) == 1);
  EngineStatus status;
  node.site.add_to(status);
  CHECK(status.locks_held == 0);
  CHECK(status.open_participant == 0);
}

TEST_CASE("without places a service has no say in what is applied") {
  Alone node;
  node.receive(MessageClass::prepare);
  node.force();
  node.receive(MessageClass::decision, Outcome::commit);
  CHECK(node.asked() == "admit; durable 0; ");
  CHECK(node.site.resources().balance(Entity{0}) == 1005);
}

TEST_CASE("recovery: a service hears of commits that are read and of machines that are made again") {
  Alone first;
  first.spy.places = {{first.context.self(), HomeEpoch{1}, 7}};
  first.receive(MessageClass::prepare);
  const auto recovered = [&](Alone& again) {
    for (const DurableRecord& record : first.outside.log) {
      again.site.replay(std::get<MachineRecord>(record));
    }
    again.site.replayed();
    return again.asked();
  };
  Alone in_doubt;
  CHECK(recovered(in_doubt) == "reinstated; ");
  CHECK(in_doubt.site.open_in_doubt().size() == 1);
  first.force();
  first.receive(MessageClass::decision, Outcome::commit);
  Alone committed;
  CHECK(recovered(committed) == "commit read; ");
  CHECK(committed.site.open_in_doubt().empty());
}

TEST_CASE("a timer that was cancelled does nothing when it fires late; each is taken once") {
  Alone node;
  const TimerToken cancelled = node.context.set_timer(ServiceTimer{&node.spy, 3}, 1s);
  const TimerToken kept = node.context.set_timer(ServiceTimer{&node.spy, 4}, 1s);
  node.context.cancel_timer(cancelled);
  CHECK(node.outside.timers.size() == 1);
  CHECK(node.outside.timers.contains(kept));
  CHECK(!node.context.take_timer(cancelled));
  const auto use = node.context.take_timer(kept);
  REQUIRE(use);
  CHECK(std::get<ServiceTimer>(*use).timer == 4);
  CHECK(!node.context.take_timer(kept));
}

TEST_CASE("forced writes are given back in order, up to the one that is durable") {
  Alone node;
  node.context.force(EpochRecord{Epoch{1}}, ServiceForce{&node.spy});
  const WriteToken first = node.outside.last;
  node.context.force(EpochRecord{Epoch{2}}, MachineForce{{node.txn, Role::participant}, 9, {}});
  REQUIRE(node.context.oldest_forced(first) != nullptr);
  CHECK(std::get<ServiceForce>(*node.context.oldest_forced(first)).service == &node.spy);
  node.context.drop_oldest_forced();
  CHECK(node.context.oldest_forced(first) == nullptr);
  REQUIRE(node.context.oldest_forced(node.outside.last) != nullptr);
  CHECK(std::get<MachineForce>(*node.context.oldest_forced(node.outside.last)).kind == 9);
}

TEST_CASE("a message of a service that does not run here is an alarm") {
  World world({});
  world.run_for(1s);
  const NodeId agent = world.agent(0);
  world.engine(agent).on_message({world.agent(1), Epoch{1}, {}, Ship{}});
  CHECK(world.node(agent).seen.alarms.at("a message of a service that does not run here") == 1);
}
