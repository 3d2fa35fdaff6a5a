#include "tests/trace/session.h"

#include <array>

#include "protocols/machine_base.h"

namespace geocommit::trace {
namespace {

constexpr std::uint8_t kWireId = 255;
constexpr std::uint8_t kLock = 1, kLetGo = 2;
constexpr std::array<KindRow, 2> kKinds{
    {{kLock, "LOCK", MessageClass::prepare, Meaning::none}, {kLetGo, "LET_GO", MessageClass::decision, Meaning::none}}};

class Session final : public MachineBase {
 public:
  explicit Session(const TxnContext& context) : MachineBase(context) {}
  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override { return std::make_unique<Session>(*this); }

 private:
  [[nodiscard]] Phase phase() const override { return {"session", SiteState::working}; }
  void on_message(const Message& message) override {
    if (message.kind == kLock) {
      effects().execute();
    } else {
      release();
      forget();
    }
  }
  void on_executed(Vote /*vote*/, Reason /*reason*/) override {}
  void encode(std::string& /*out*/) const override {}
};

std::unique_ptr<CommitMachine> make(Role /*role*/, const TxnContext& context) {
  return std::make_unique<Session>(context);
}

constexpr std::array<Role, 1> kRolesOfRow{Role::participant};

OrphanRule orphan(const Message& /*message*/, const Remembered& /*remembered*/) { return {}; }

PeerMessage told(NodeId client, NodeId site, std::uint8_t kind) {
  Message message;
  message.from = client;
  message.to = site;
  message.txn = {client, Epoch{1}, 1};
  message.protocol = kWireId;
  message.kind = kind;
  return {client, Epoch{1}, {}, ProtocolMessage{message, std::nullopt}};
}

}  // namespace

Protocol session_row() {
  Protocol row;
  row.name = "session";
  row.wire_id = kWireId;
  row.roles = kRolesOfRow;
  row.make = make;
  row.orphan = orphan;
  row.kinds = kKinds;
  return row;
}

PeerMessage session_locks(NodeId client, NodeId site, Epoch epoch, Entity entity) {
  PeerMessage message = told(client, site, kLock);
  auto& wire = std::get<ProtocolMessage>(message.payload);
  wire.message.to_epoch = epoch;
  wire.descriptor = TxnDescriptor{.txn = wire.message.txn,
                                  .protocol = kWireId,
                                  .coordinator = client,
                                  .cohort = {{site, epoch}},
                                  .priority = 0,  // Older than any: who comes after it waits.
                                  .request = {},
                                  .measured = false,
                                  .operations = {{entity, 0, false}}};
  return message;
}

PeerMessage session_lets_go(NodeId client, NodeId site) { return told(client, site, kLetGo); }

}  // namespace geocommit::trace
