// Clients: requests, forwarding to a home, outcomes asked for again.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/node_engine.h"

namespace geocommit {
namespace {

constexpr std::size_t kOperationsMax = 1024;

ClientReply reply_of(const FinishedRequest& finished) {
  const Reason reason = finished.outcome == Outcome::abort       ? Reason::recovery
                        : finished.outcome == Outcome::undecided ? Reason::forgotten
                                                                 : Reason::none;
  return {finished.request, finished.txn, finished.outcome, reason};
}

}  // namespace

// A request is executed once, and what was said of it stays true, by three rules:
// - It names the start of the coordinator that may begin it, a Forward also is of a start of its sender; another start
//   begins neither. So whatever a node has refused, none of its later starts executes.
// - Within one start a request that has been answered is remembered, or is below what has been dropped
//   (RequestMemory::forgotten), and is not begun again in either case.
// - A commit is remembered from its durable record on, across restarts, or has been dropped. So what a coordinator does
//   not remember and has not dropped, none of its starts has committed, and "abort" is true; else it is forgotten.

bool NodeEngine::Impl::request_is_valid(const Request& request) const {
  return !request.operations.empty() && request.operations.size() <= kOperationsMax &&
         request.origin.value < directory_.region_count() &&
         std::all_of(request.operations.begin(), request.operations.end(),
                     [&](const Operation& operation) { return operation.entity.value < directory_.entity_count(); });
}

void NodeEngine::Impl::receive(const PeerMessage& from, const ClientRequest& request) {
  const Request& asked = request.request;
  if (request.to_epoch == options_.epoch) {
    take_request(asked, from.from, false);
  } else if (const FinishedRequest* finished = requests_.find(asked.id)) {
    reply(from.from, false, reply_of(*finished));
  } else {
    reply(from.from, false, {asked.id, {}, Outcome::undecided, Reason::stale_epoch});  // This start is new to it.
    if (!is_underway(asked.id) && request_is_valid(asked)) {
      settle_unknown({asked.id, asked});
    }
  }
}

void NodeEngine::Impl::receive(const PeerMessage& from, const Forward& forward) {
  const RequestId id = forward.request.id;
  if (from.from_epoch < peer_epochs_.of(from.from)) {
    return;  // Who passed it on has started again: this has been asked about, or will be.
  }
  if (forward.to_epoch != options_.epoch && !requests_.find(id) && !is_underway(id)) {
    reply(from.from, true, {id, {}, Outcome::undecided, Reason::stale_epoch});
    return;
  }
  take_request(forward.request, from.from, true);
}

bool NodeEngine::Impl::is_underway(RequestId id) const {
  return open_requests_.contains(id) || forwarded_.contains(id) || parked_.contains(id) || asked_.contains(id);
}

void NodeEngine::Impl::take_request(const Request& request, NodeId reply_to, bool forwarded) {
  if (const FinishedRequest* finished = requests_.find(request.id)) {
    reply(reply_to, forwarded, reply_of(*finished));
    return;
  }
  if (is_underway(request.id)) {
    return;  // Asked twice: the answer is on its way (pitfall 12). Or asked about: too late to begin.
  }
  if (requests_.forgotten(request.id)) {
    reply(reply_to, forwarded, reply_of({request.id, {}, Outcome::undecided}));
    return;
  }
  if (!request_is_valid(request)) {
    reply(reply_to, forwarded, {request.id, {}, Outcome::abort, Reason::invalid_request});
    return;
  }
  if (quiesced_) {
    refuse(request, reply_to, forwarded, Reason::unavailable);
    return;
  }
  place(request, reply_to, forwarded, environment_.now() + options_.unreachable_wait, {});
}

void NodeEngine::Impl::begin(const Request& request, const Route& route, NodeId reply_to, bool forwarded,
                             Instant patience, Duration pause) {
  const Protocol* protocol = find_row(route.protocol);
  GC_CHECK(protocol != nullptr && !protocol->is_router() && !route.sites.empty());
  TxnDescriptor descriptor;
  descriptor.txn = {options_.self, options_.epoch, next_counter_++};
  descriptor.protocol = route.protocol;
  descriptor.coordinator = options_.self;
  for (const SiteWork& work : route.sites) {
    descriptor.cohort.push_back({work.site, peer_epochs_.of(work.site)});
  }
  // Age by this host's steady clock. Between hosts only fairness depends on it, safety never: the order is total.
  descriptor.priority = static_cast<std::uint64_t>(environment_.now().time_since_epoch().count());
  descriptor.request = request.id;
  descriptor.measured = request.measured;
  TxnEntry& entry = add_entry(std::move(descriptor), Role::coordinator, *protocol);
  entry.work = route.sites;
  entry.begun = environment_.now();
  entry.reply_to = reply_to;
  entry.reply_to_forwarder = forwarded;
  entry.patience = patience;
  entry.pause = pause;
  open_requests_[request.id] = entry.descriptor.txn;
  observer_.transaction_begun(entry.descriptor);
  feed({entry.descriptor.txn, Role::coordinator}, Begin{});
}

void NodeEngine::Impl::reply(NodeId to, bool to_forwarder, const ClientReply& reply) {
  if (directory_.find(to) == nullptr) {
    return;  // The client of an earlier run's log.
  }
  if (to_forwarder) {
    send(to, ForwardReply{reply}, Traffic::forward, "FORWARD_REPLY");
  } else {
    send(to, reply, Traffic::client, "REPLY");
  }
}

void NodeEngine::Impl::receive(const PeerMessage& from, const ForwardReply& forwarded) {
  const ClientReply& answer = forwarded.reply;
  const auto it = forwarded_.find(answer.id);
  if (it == forwarded_.end()) {
    take_gathered(from, answer);
    return;
  }
  const bool outdated = answer.outcome == Outcome::abort && from.from_epoch < it->second.epoch;
  if (it->second.to != from.from || outdated) {
    return;  // outdated: a later start has it now, and may commit.
  }
  if (answer.outcome == Outcome::undecided && answer.reason != Reason::forgotten) {
    if (answer.reason == Reason::stale_epoch && it->second.epoch < from.from_epoch) {
      it->second.epoch = from.from_epoch;  // To the same node: its log knows if an earlier start has committed it.
      send(from.from, Forward{it->second.request, from.from_epoch}, Traffic::retry, "FORWARD");
    }
    return;
  }
  Forwarded own = std::move(it->second);
  forwarded_.erase(it);
  if (answer.outcome == Outcome::abort && answer.reason == Reason::unavailable &&
      options_.unreachable_home == UnreachableHome::wait && environment_.now() < own.patience && !quiesced_) {
    park(std::move(own.request), own.client, false, own.patience, own.pause);  // Its home has gone elsewhere.
    return;
  }
  requests_.remember({answer.id, answer.txn, answer.outcome});
  reply(own.client, false, answer);
}

void NodeEngine::Impl::receive(const PeerMessage& from, const OutcomeQuery& query) {
  ClientReply answer{query.id, {}, Outcome::undecided, Reason::none};
  const bool from_client = from.from == query.id.client;
  if (const FinishedRequest* finished = requests_.find(query.id)) {
    answer = reply_of(*finished);
  } else if (const auto passed_on = forwarded_.find(query.id); passed_on != forwarded_.end()) {
    if (from_client) {
      // Its answer comes back here, not to the client: after a refusal nothing is passed on again. The other one's next
      // start would not know of it, and begin.
      OutcomeQuery gather = query;
      gather.gather = true;
      send(passed_on->second.to, gather, Traffic::client, "OUTCOME_QUERY");
      return;
    }
  } else if (!open_requests_.contains(query.id) && !parked_.contains(query.id) && query.request &&
             request_is_valid(*query.request)) {
    if (from_client) {
      settle_unknown(query);
      return;
    }
    answer = presume(query.id);
  }
  if (query.gather && !from_client) {
    send(from.from, ForwardReply{answer}, Traffic::client, "OUTCOME");
  } else {
    reply(query.id.client, false, answer);
  }
}

/// Of a request that is neither remembered nor under way here: never seen, begun by an earlier start without a durable
/// decision, or let go of. It is refused from now on.
ClientReply NodeEngine::Impl::presume(RequestId id) {
  if (requests_.forgotten(id)) {
    return reply_of({id, {}, Outcome::undecided});
  }
  requests_.remember({id, {}, Outcome::abort});
  return reply_of({id, {}, Outcome::abort});
}

/// Its client is answered for good.
void NodeEngine::Impl::settle_unknown(const OutcomeQuery& query) {
  if (routes_homes() && directory_.region_count() > 1) {
    ask_everybody(query);
  } else {
    reply(query.id.client, false, presume(query.id));
  }
}

void NodeEngine::Impl::receive(const PeerMessage& /*from*/, const ClientReply& /*reply*/) {
  observer_.alarm("a client's reply reached a node that is not a client");
}

}  // namespace geocommit
