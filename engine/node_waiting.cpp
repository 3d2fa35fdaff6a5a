// Home region, at a coordinator: where a request goes now, and what becomes of it while its home cannot be reached or
// has no master that may accept it. One rule keeps it from being executed twice: a request is with one coordinator at a
// time, and leaves it only by that coordinator's definite refusal.
#include <algorithm>
#include <utility>

#include "engine/node_engine.h"

namespace geocommit {
namespace {
constexpr std::size_t kForwardedMax = 100'000;
constexpr std::size_t kParkedMax = 100'000;
constexpr std::size_t kAskedMax = 100'000;
constexpr Duration kFirstPause = 20ms;
constexpr Duration kLongestPause = 320ms;
}  // namespace

Route NodeEngine::Impl::route_now(const Request& request) const {
  if (routes_homes() && masters_.moved()) {
    return home_region::route(request, directory_, masters_);
  }
  return options_.protocol->route(request, directory_);
}

bool NodeEngine::Impl::silent_for(NodeId node, Duration length) const {
  const NodeInfo* info = directory_.find(node);
  return node != options_.self && info != nullptr && !heard_.empty() &&
         environment_.now() - heard_[static_cast<std::size_t>(info - directory_.nodes().data())] > length;
}

void NodeEngine::Impl::refuse(const Request& request, NodeId reply_to, bool to_forwarder, Reason reason) {
  requests_.remember({request.id, {}, Outcome::abort});  // For good: a copy that comes later is refused too.
  reply(reply_to, to_forwarder, {request.id, {}, Outcome::abort, reason});
}

void NodeEngine::Impl::quiesce() {
  quiesced_ = true;
  for (const auto& [id, one] : std::exchange(parked_, {})) {
    refuse(one.request, one.reply_to, one.to_forwarder, Reason::unavailable);
  }
}

void NodeEngine::Impl::place(const Request& request, NodeId reply_to, bool forwarded, Instant patience,
                             Duration pause) {
  const Route route = route_now(request);
  const NodeId coordinator = directory_.coordinator(route.coordinator_region);
  const bool fail = routes_homes() && options_.unreachable_home == UnreachableHome::fail;
  if (coordinator != options_.self && forwarded) {  // Never passed on twice: who passed it on knows better by now.
    refuse(request, reply_to, true, Reason::unavailable);
    return;
  }
  const auto silent = [&](NodeId node) { return silent_for(node, options_.timeouts.vote); };
  if (fail && (silent(coordinator) || (coordinator == options_.self &&
                                       std::any_of(route.sites.begin(), route.sites.end(),
                                                   [&](const SiteWork& work) { return silent(work.site); })))) {
    refuse(request, reply_to, forwarded, Reason::unavailable);
    return;
  }
  if (coordinator == options_.self) {
    begin(request, route, reply_to, forwarded, patience, pause);
    return;
  }
  if (forwarded_.size() >= kForwardedMax) {  // None is let go of: it could be passed on to a second coordinator.
    refuse(request, reply_to, forwarded, Reason::unavailable);
    return;
  }
  const Duration first = std::max(options_.timeouts.vote, pause);
  const Epoch epoch = peer_epochs_.of(coordinator);
  forwarded_[request.id] = {reply_to, coordinator, request, environment_.now() + first, patience, first, epoch};
  send(coordinator, Forward{request, epoch}, Traffic::forward, "FORWARD");
  schedule_waiting();
}

void NodeEngine::Impl::park(Request request, NodeId reply_to, bool to_forwarder, Instant patience, Duration pause) {
  const RequestId id = request.id;
  if (parked_.size() >= kParkedMax) {
    refuse(request, reply_to, to_forwarder, Reason::unavailable);
    return;
  }
  pause = std::clamp(2 * pause, kFirstPause, kLongestPause);
  parked_[id] = {std::move(request), reply_to, to_forwarder, environment_.now() + pause, patience, pause};
  schedule_waiting();
}

bool NodeEngine::Impl::try_again(TxnEntry& entry, Reason& reason) {
  if (reason == Reason::vote_timeout &&
      std::any_of(entry.descriptor.cohort.begin(), entry.descriptor.cohort.end(),
                  [&](const Member& member) { return silent_for(member.node, environment_.now() - entry.begun); })) {
    reason = Reason::unavailable;  // It never answered: not contention.
  }
  if (reason != Reason::unavailable || options_.unreachable_home != UnreachableHome::wait || entry.recovered ||
      environment_.now() >= entry.patience || quiesced_) {
    return false;
  }
  Request request;
  request.id = entry.descriptor.request;
  request.origin = directory_.region_of(request.id.client);
  request.measured = entry.descriptor.measured;
  for (const SiteWork& work : entry.work) {
    request.operations.insert(request.operations.end(), work.operations.begin(), work.operations.end());
  }
  park(std::move(request), entry.reply_to, entry.reply_to_forwarder, entry.patience, entry.pause);
  return true;
}

void NodeEngine::Impl::schedule_waiting() {
  if (waiting_timer_ == 0 && !(parked_.empty() && forwarded_.empty())) {
    waiting_timer_ = schedule(Service::waiting, kFirstPause);
  }
}

void NodeEngine::Impl::try_waiting() {
  const Instant now = environment_.now();
  std::vector<Parked> due;
  for (auto it = parked_.begin(); it != parked_.end();) {
    if (it->second.retry_at <= now) {
      due.push_back(std::move(it->second));
      it = parked_.erase(it);
    } else {
      ++it;
    }
  }
  for (const Parked& one : due) {
    if (now >= one.patience) {
      refuse(one.request, one.reply_to, one.to_forwarder, Reason::unavailable);
    } else {
      place(one.request, one.reply_to, one.to_forwarder, one.patience, one.pause);
    }
  }
  for (auto& [id, one] : forwarded_) {
    if (options_.unreachable_home == UnreachableHome::wait && one.retry_at <= now && now < one.patience) {
      one.pause = std::min(2 * one.pause, 16 * options_.timeouts.vote);
      one.retry_at = now + one.pause;
      one.epoch = peer_epochs_.of(one.to);
      send(one.to, Forward{one.request, one.epoch}, Traffic::retry,
           "FORWARD");  // To the same: it knows if it has had it.
    }
  }
  const bool more = !parked_.empty() || std::any_of(forwarded_.begin(), forwarded_.end(),
                                                    [&](const auto& one) { return now < one.second.patience; });
  if (more) {
    waiting_timer_ = schedule(Service::waiting, kFirstPause);
  }
}

void NodeEngine::Impl::ask_everybody(const OutcomeQuery& query) {
  // It may have been given to any coordinator, before a restart of this one or before its home moved. Each that does
  // not know it refuses it for ever, and what was passed on by an earlier start of this one; when all have, it never
  // happened. Where one of them has let go of it, and none has committed it, nobody can say.
  if (asked_.size() >= kAskedMax) {
    asked_.erase(asked_.begin());  // Its client asks again.
  }
  Asked& asked = asked_[query.id];
  asked = {{}, requests_.forgotten(query.id)};
  OutcomeQuery gather = query;
  gather.gather = true;
  for (std::uint32_t r = 0; r < directory_.region_count(); ++r) {
    const NodeId coordinator = directory_.coordinator(RegionId{r});
    if (coordinator != options_.self) {
      asked.silent.insert(coordinator);
      send(coordinator, gather, Traffic::client, "OUTCOME_QUERY");
    }
  }
}

void NodeEngine::Impl::take_gathered(const PeerMessage& from, const ClientReply& answer) {
  const auto asked = asked_.find(answer.id);
  const bool forgotten = answer.outcome == Outcome::undecided && answer.reason == Reason::forgotten;
  if (asked == asked_.end() || (answer.outcome == Outcome::undecided && !forgotten)) {
    return;
  }
  asked->second.silent.erase(from.from);
  asked->second.forgotten = asked->second.forgotten || forgotten;
  ClientReply told = answer;
  if (answer.outcome != Outcome::commit) {
    if (!asked->second.silent.empty()) {
      return;
    }
    told = asked->second.forgotten ? ClientReply{answer.id, {}, Outcome::undecided, Reason::forgotten}
                                   : ClientReply{answer.id, {}, Outcome::abort, Reason::recovery};
  }
  asked_.erase(asked);
  requests_.remember({told.id, told.txn, told.outcome});
  reply(told.id.client, false, told);
}

void NodeEngine::Impl::ping() {
  for (const NodeId peer : peers_) {
    send(peer, Hello{true}, Traffic::hello, "HELLO");
  }
  schedule(Service::ping, options_.heartbeat_interval);
}

}  // namespace geocommit
