// Roles: a node has machines for those that the row has, and for no other. No row of the product has acceptors yet, so
// one is made up here: it makes durable what it is told, says so, and forgets when told to.
#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "engine/peers.h"
#include "engine/site.h"
#include "protocols/machine_base.h"
#include "tests/engine/outside.h"
#include "tests/engine/world.h"

using namespace geocommit;
using namespace geocommit::test;

namespace {

constexpr std::uint8_t kWireId = 200, kTell = 1, kAccepted = 2, kForget = 3;
constexpr std::uint8_t kRecord = 1;
constexpr std::array<Role, 1> kRolesOfRow{Role::acceptor};
constexpr std::array<KindRow, 3> kKinds{{{kTell, "TELL", MessageClass::state},
                                         {kAccepted, "ACCEPTED", MessageClass::state, Meaning::outcome},
                                         {kForget, "FORGET", MessageClass::state}}};
constexpr std::array<RecordRow, 1> kRecords{{{kRecord, "accepted", Meaning::outcome}}};

class Acceptor final : public MachineBase {
 public:
  explicit Acceptor(const TxnContext& context) : MachineBase(context) {}
  std::unique_ptr<CommitMachine> clone() const override { return std::make_unique<Acceptor>(*this); }

 protected:
  [[nodiscard]] Phase phase() const override {
    return accepted_ ? Phase{"accepted", SiteState::committed} : Phase{"empty", SiteState::unknown};
  }
  void encode(std::string& out) const override { put(out, accepted_ ? 1U : 0U); }
  void on_message(const Message& in) override {
    if (in.kind == kForget) {
      return forget();
    }
    LogRecord record = make_record(kRecord, Outcome::commit);
    record.with_descriptor = true;
    force(std::move(record));
    decide(Outcome::commit);
  }
  void on_forced(std::uint8_t /*kind*/) override {
    accepted_ = true;
    send(message(context().coordinator, Role::coordinator, kAccepted));
  }
  void on_recovered(const std::vector<LogRecord>& durable) override { accepted_ = !durable.empty(); }

 private:
  bool accepted_{};
};

std::unique_ptr<CommitMachine> make(Role role, const TxnContext& context) {
  GC_CHECK(role == Role::acceptor);
  return std::make_unique<Acceptor>(context);
}

OrphanRule orphan(const Message& /*message*/, const Remembered& /*remembered*/) {
  return {OrphanAction::make_machine, {}, {}};
}

std::span<const Protocol> rows() {
  static const std::array<Protocol, 2> kRows = [] {
    Protocol row;
    row.name = "accepts";
    row.wire_id = kWireId;
    row.roles = kRolesOfRow;
    row.make = make;
    row.orphan = orphan;
    row.kinds = kKinds;
    row.records = kRecords;
    return std::array{row, *find_protocol("2pc")};
  }();
  return kRows;
}

EngineOptions options() {
  EngineOptions out = options_of_agent(rows().data());
  out.rows = rows();
  return out;
}

struct Alone {
  Outside outside;
  Seen seen;
  NobodyAsks requester;
  NodeContext context{options(), outside, seen};
  Services services{};
  Peers peers{context};
  Site site{context, services, requester, peers};
  NodeId coordinator = two_regions().coordinator(RegionId{0});
  TxnId txn{coordinator, Epoch{1}, 1};

  void receive(std::uint8_t protocol, Role to_role, std::uint8_t kind) {
    ProtocolMessage wire;
    wire.message.from = coordinator;
    wire.message.to = context.self();
    wire.message.txn = txn;
    wire.message.protocol = protocol;
    wire.message.kind = kind;
    wire.message.to_role = to_role;
    site.receive({coordinator, Epoch{1}, {}, wire}, wire);
    site.drain();
  }
  void force() {
    while (const ForceUse* use = context.oldest_forced(outside.last)) {
      site.forced(std::get<MachineForce>(*use));
      context.drop_oldest_forced();
    }
    site.drain();
  }
  EngineStatus status() const {
    EngineStatus out;
    site.add_to(out);
    return out;
  }
  std::string state() const {
    std::string out;
    site.hash_transactions(out);
    return out;
  }
};

}  // namespace

TEST_CASE("a message to a role that its protocol has not is refused, whichever it is") {
  Alone node;
  const std::string before = node.state();
  node.receive(find_protocol("2pc")->wire_id, Role::acceptor, 1);
  node.receive(kWireId, Role::participant, kTell);
  node.receive(kWireId, Role::coordinator, kTell);
  CHECK(node.seen.alarms ==
        std::map<std::string, std::uint64_t>{{"a protocol message to a role that its protocol has not", 3}});
  CHECK(node.status().open() == 0);
  CHECK(node.outside.sent.empty());
  CHECK(node.state() == before);
}

TEST_CASE("an acceptor's machine forces, answers, is open until it forgets, and leaves no outcome behind") {
  Alone node;
  node.receive(kWireId, Role::acceptor, kTell);
  CHECK(node.status().open_acceptor == 1);
  CHECK(node.status().open_as(Role::acceptor) == node.status().open());
  CHECK(node.status().in_doubt == 0);
  CHECK(node.outside.sent.empty());  // Not durable yet.
  const std::string telling = node.state();
  node.force();
  REQUIRE(node.outside.sent.size() == 1);
  CHECK(std::get<ProtocolMessage>(node.outside.sent.front()).message.kind == kAccepted);
  CHECK(node.state() != telling);
  CHECK(node.site.describe() == "1001.1.1 acceptor accepted\n");
  node.receive(kWireId, Role::acceptor, kForget);
  CHECK(node.status().open() == 0);
  CHECK(node.status().finished_remembered == 0);  // No participant has ended here.
}

TEST_CASE("an acceptor's record is in log and checkpoint, and makes its machine again after a crash") {
  Alone first;
  first.receive(kWireId, Role::acceptor, kTell);
  first.force();
  REQUIRE(first.outside.log.size() == 1);
  const auto& written = std::get<MachineRecord>(first.outside.log.front());
  CHECK(written.role == Role::acceptor);
  Checkpoint checkpoint;
  first.site.add_to(checkpoint);
  REQUIRE(checkpoint.open.size() == 1);
  const auto again = [](const MachineRecord& record) {
    Alone node;
    node.site.replay(record);
    node.site.replayed();
    node.site.start();
    node.site.drain();
    CHECK(node.status().finished_remembered == 0);
    CHECK(node.status().locks_held == 0);
    return node.site.describe();
  };
  CHECK(again(written) == "1001.1.1 acceptor accepted\n");
  CHECK(again(checkpoint.open.front()) == "1001.1.1 acceptor accepted\n");
}
