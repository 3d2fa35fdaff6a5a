// The front door of a coordinator: clients' requests, those that other coordinators pass on, and questions what became
// of one. engine/request_table.h has the rules by which a request is executed once.
#pragma once

#include "engine/machines.h"
#include "engine/request_router.h"

namespace geocommit {

class Requests final : public Requester {
 public:
  Requests(NodeContext& context, const Peers& peers, RequestTable& table, RequestRouter& router)
      : context_(context), peers_(peers), table_(table), router_(router) {}

  void receive(const PeerMessage& from, const ClientRequest& request);
  void receive(const PeerMessage& from, const Forward& forward);
  void receive(const PeerMessage& from, const OutcomeQuery& query);

  void decided(TxnEntry& entry, Outcome outcome, Reason reason) override;
  void forgotten(const TxnEntry& entry) override { table_.close(entry.descriptor.request); }
  void recovered(const TxnEntry& entry, Outcome outcome) override;

 private:
  void take(const Request& request, NodeId reply_to, bool forwarded);
  [[nodiscard]] bool is_valid(const Request& request) const;
  [[nodiscard]] bool is_underway(RequestId id) const;

  NodeContext& context_;
  const Peers& peers_;
  RequestTable& table_;
  RequestRouter& router_;
};

}  // namespace geocommit
