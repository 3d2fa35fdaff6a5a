#include "engine/request_table.h"

#include "base/canonical.h"

namespace geocommit {

ClientReply RequestTable::answer_of(const FinishedRequest& finished) {
  const Reason reason = finished.outcome == Outcome::abort       ? Reason::recovery
                        : finished.outcome == Outcome::undecided ? Reason::forgotten
                                                                 : Reason::none;
  return {finished.request, finished.txn, finished.outcome, reason};
}

ClientReply RequestTable::presume(RequestId id) {
  if (forgotten(id)) {
    return answer_of({id, {}, Outcome::undecided});
  }
  if (context_.may_have_lost_commits()) {  // The start before this one may have begun it.
    remember({id, {}, Outcome::undecided});
    return answer_of({id, {}, Outcome::undecided});
  }
  remember({id, {}, Outcome::abort});
  return answer_of({id, {}, Outcome::abort});
}

void RequestTable::reply(NodeId to, bool to_forwarder, const ClientReply& reply) {
  if (context_.directory().find(to) == nullptr) {
    return;  // The client of an earlier run's log.
  }
  if (to_forwarder) {
    context_.send(to, ForwardReply{reply}, Traffic::forward, "FORWARD_REPLY");
  } else {
    context_.send(to, reply, Traffic::client, "REPLY");
  }
}

void RequestTable::refuse(const Request& request, NodeId reply_to, bool to_forwarder, Reason reason) {
  remember({request.id, {}, Outcome::abort});
  reply(reply_to, to_forwarder, {request.id, {}, Outcome::abort, reason});
}

void RequestTable::add_to(Checkpoint& checkpoint) const {
  checkpoint.requests.assign(finished_.all().begin(), finished_.all().end());
  checkpoint.forgotten = finished_.dropped();
}

void RequestTable::restore(const Checkpoint& checkpoint) {
  finished_.restore_dropped(checkpoint.forgotten);
  for (const FinishedRequest& request : checkpoint.requests) {
    finished_.remember(request);
  }
}

void RequestTable::hash_state(std::string& out) const {
  using canonical::put;
  put(out, finished_.all().size());
  for (const FinishedRequest& f : finished_.all()) {
    put(out, f.request.client.value);
    put(out, f.request.sequence);
    put(out, static_cast<std::uint64_t>(f.outcome));
  }
  for (const auto& [client, sequence] : finished_.dropped()) {
    put(out, client.value);
    put(out, sequence);
  }
  put(out, open_.size());
}

}  // namespace geocommit
