// Where a request goes: to this coordinator, or another; and what becomes of it while that one cannot be reached, or
// has nobody who may execute it. One rule keeps it from being executed twice: a request is with one coordinator at a
// time, and leaves it only by that coordinator's definite refusal.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "engine/peers.h"
#include "engine/request_table.h"
#include "engine/service.h"
#include "engine/site.h"

namespace geocommit {

class RequestRouter {
 public:
  RequestRouter(NodeContext& context, const Services& services, const Peers& peers, RequestTable& table, Site& site)
      : context_(context), services_(services), peers_(peers), table_(table), site_(site) {}

  /// Begins it, passes it on, or refuses it.
  void place(const Request& request, const Attempt& attempt);
  /// An attempt found nobody who may execute it, or none that answered; true: it will be tried again, say nothing to
  /// anybody.
  [[nodiscard]] bool try_again(const TxnEntry& entry, Reason& reason);
  /// NodeTimer::waiting
  void try_waiting();
  /// Its client is answered for good.
  void settle_unknown(const OutcomeQuery& query);
  /// The answer to what was passed on, or asked about.
  void receive(const PeerMessage& from, const ForwardReply& reply);
  /// It was passed on: whom it was passed on to is asked.
  void ask_coordinator(const OutcomeQuery& query);
  /// What waits here is refused.
  void quiesce();

  [[nodiscard]] bool passed_on(RequestId id) const { return forwarded_.contains(id); }
  [[nodiscard]] bool waits(RequestId id) const { return parked_.contains(id); }
  [[nodiscard]] bool is_asked(RequestId id) const { return asked_.contains(id); }
  void add_to(EngineStatus& status) const;

 private:
  /// A request that was passed on; its client waits here. Only its coordinator's answer frees it.
  struct Forwarded {
    NodeId client, to;
    Request request;
    Instant retry_at{}, patience{};
    Duration pause{};
    Epoch epoch{};  // The start of `to` that it was last addressed to: what an earlier one refused, this may begin.
  };
  /// A request that nobody may execute now, under the policy `wait`. It is open nowhere.
  struct Parked {
    Request request;
    Attempt attempt;
    Instant retry_at{};
  };
  /// An outcome that every coordinator is asked for.
  struct Asked {
    std::set<NodeId> silent;
    bool forgotten{};  // By one of them.
  };

  [[nodiscard]] Route route_now(const Request& request) const;
  [[nodiscard]] bool waits_for_homes() const {
    return context_.options().unreachable_home == UnreachableHome::wait && !context_.quiesced();
  }
  void refuse(const Request& request, const Attempt& attempt);
  void park(Request request, Attempt attempt);
  void schedule();
  void ask_everybody(const OutcomeQuery& query);
  void take_gathered(NodeId from, const ClientReply& answer);

  NodeContext& context_;
  const Services& services_;
  const Peers& peers_;
  RequestTable& table_;
  Site& site_;
  std::map<RequestId, Forwarded> forwarded_;
  std::map<RequestId, Parked> parked_;
  std::map<RequestId, Asked> asked_;
  bool scheduled_{};
};

}  // namespace geocommit
