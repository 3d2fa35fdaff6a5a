#include "engine/requests.h"

#include <algorithm>
#include <utility>

namespace geocommit {
namespace {

constexpr std::size_t kOperationsMax = 1024;

}  // namespace

bool Requests::is_valid(const Request& request) const {
  const Directory& directory = context_.directory();
  return !request.operations.empty() && request.operations.size() <= kOperationsMax &&
         request.origin.value < directory.region_count() &&
         std::all_of(request.operations.begin(), request.operations.end(),
                     [&](const Operation& operation) { return operation.entity.value < directory.entity_count(); });
}

void Requests::receive(const PeerMessage& from, const ClientRequest& request) {
  const Request& asked = request.request;
  if (request.to_epoch == context_.options().epoch) {
    take(asked, from.from, false);
  } else if (const FinishedRequest* finished = table_.find(asked.id)) {
    table_.reply(from.from, false, RequestTable::answer_of(*finished));
  } else {
    // This start is new to it.
    table_.reply(from.from, false, {asked.id, {}, Outcome::undecided, Reason::stale_epoch});
    if (!is_underway(asked.id) && is_valid(asked)) {
      router_.settle_unknown({asked.id, asked});
    }
  }
}

void Requests::receive(const PeerMessage& from, const Forward& forward) {
  const RequestId id = forward.request.id;
  if (from.from_epoch < peers_.epoch_of(from.from)) {
    return;  // Who passed it on has started again: this has been asked about, or will be.
  }
  if (forward.to_epoch != context_.options().epoch && table_.find(id) == nullptr && !is_underway(id)) {
    table_.reply(from.from, true, {id, {}, Outcome::undecided, Reason::stale_epoch});
    return;
  }
  take(forward.request, from.from, true);
}

bool Requests::is_underway(RequestId id) const {
  return table_.is_open(id) || router_.passed_on(id) || router_.waits(id) || router_.is_asked(id);
}

void Requests::take(const Request& request, NodeId reply_to, bool forwarded) {
  if (const FinishedRequest* finished = table_.find(request.id)) {
    table_.reply(reply_to, forwarded, RequestTable::answer_of(*finished));
    return;
  }
  if (is_underway(request.id)) {
    return;  // Asked twice: the answer is on its way (pitfall 12). Or asked about: too late to begin.
  }
  if (table_.forgotten(request.id)) {
    table_.reply(reply_to, forwarded, RequestTable::answer_of({request.id, {}, Outcome::undecided}));
    return;
  }
  if (!is_valid(request)) {
    table_.reply(reply_to, forwarded, {request.id, {}, Outcome::abort, Reason::invalid_request});
    return;
  }
  if (context_.quiesced()) {
    table_.refuse(request, reply_to, forwarded, Reason::unavailable);
    return;
  }
  router_.place(request, {reply_to, forwarded, context_.now() + context_.options().unreachable_wait, {}});
}

void Requests::receive(const PeerMessage& from, const OutcomeQuery& query) {
  ClientReply answer{query.id, {}, Outcome::undecided, Reason::none};
  const bool from_client = from.from == query.id.client;
  if (const FinishedRequest* finished = table_.find(query.id)) {
    answer = RequestTable::answer_of(*finished);
  } else if (router_.passed_on(query.id)) {
    if (from_client) {
      router_.ask_coordinator(query);
      return;
    }
  } else if (!table_.is_open(query.id) && !router_.waits(query.id) && query.request && is_valid(*query.request)) {
    if (from_client) {
      router_.settle_unknown(query);
      return;
    }
    answer = table_.presume(query.id);
  }
  if (query.gather && !from_client) {
    context_.send(from.from, ForwardReply{answer}, Traffic::client, "OUTCOME");
  } else {
    table_.reply(query.id.client, false, answer);
  }
}

void Requests::decided(TxnEntry& entry, Outcome outcome, Reason reason) {
  const RequestId id = entry.descriptor.request;
  const bool again = context_.routes_homes() && outcome == Outcome::abort && router_.try_again(entry, reason);
  if (!entry.recovered) {
    context_.observer().transaction_decided(entry.descriptor, outcome, reason, context_.now() - entry.begun,
                                            entry.depth);
  }
  table_.close(id);
  if (again) {
    return;
  }
  table_.remember({id, entry.descriptor.txn, outcome});
  const bool lost = entry.attempt.reply_to == NodeId{};
  table_.reply(lost ? id.client : entry.attempt.reply_to, !lost && entry.attempt.to_forwarder,
               {id, entry.descriptor.txn, outcome, reason,
                outcome == Outcome::commit ? std::move(entry.reads) : std::vector<ReadValue>{}});
}

void Requests::recovered(const TxnEntry& entry, Outcome outcome) {
  const RequestId id = entry.descriptor.request;
  if (outcome == Outcome::undecided) {
    table_.open(id, entry.descriptor.txn);
  } else {
    table_.remember({id, entry.descriptor.txn, outcome});
  }
}

}  // namespace geocommit
