#include "engine/request_router.h"

#include <algorithm>
#include <utility>

namespace geocommit {
namespace {
constexpr std::size_t kForwardedMax = 100'000;
constexpr std::size_t kParkedMax = 100'000;
constexpr std::size_t kAskedMax = 100'000;
constexpr Duration kFirstPause = 20ms;
constexpr Duration kLongestPause = 320ms;
}  // namespace

Route RequestRouter::route_now(const Request& request) const {
  for (const Service* service : services_) {
    if (std::optional<Route> route = service->route(request)) {
      return *std::move(route);
    }
  }
  return context_.options().protocol->route(request, context_.directory());
}

void RequestRouter::refuse(const Request& request, const Attempt& attempt) {
  table_.refuse(request, attempt.reply_to, attempt.to_forwarder, Reason::unavailable);
}

void RequestRouter::quiesce() {
  for (const auto& [id, one] : std::exchange(parked_, {})) {
    refuse(one.request, one.attempt);
  }
}

void RequestRouter::place(const Request& request, const Attempt& attempt) {
  const Route route = route_now(request);
  const NodeId coordinator = context_.directory().coordinator(route.coordinator_region);
  const bool own = coordinator == context_.self();
  if (!own && attempt.to_forwarder) {  // Never passed on twice: who passed it on knows better by now.
    return refuse(request, attempt);
  }
  const Duration vote = context_.options().timeouts.vote;
  const auto silent = [&](NodeId node) { return peers_.silent_for(node, vote); };
  const bool fail = context_.routes_homes() && context_.options().unreachable_home == UnreachableHome::fail;
  if (fail && (silent(coordinator) || (own && std::any_of(route.sites.begin(), route.sites.end(),
                                                          [&](const SiteWork& work) { return silent(work.site); })))) {
    return refuse(request, attempt);
  }
  if (own) {
    table_.open(request.id, site_.begin(request, route, attempt));
    return;
  }
  if (forwarded_.size() >= kForwardedMax) {  // None is let go of: it could be passed on to a second coordinator.
    return refuse(request, attempt);
  }
  const Duration first = std::max(vote, attempt.pause);
  const Epoch epoch = peers_.epoch_of(coordinator);
  forwarded_[request.id] = {attempt.reply_to, coordinator, request, context_.now() + first,
                            attempt.patience, first,       epoch};
  context_.send(coordinator, Forward{request, epoch}, Traffic::forward, "FORWARD");
  schedule();
}

void RequestRouter::park(Request request, Attempt attempt) {
  if (parked_.size() >= kParkedMax) {
    return refuse(request, attempt);
  }
  const RequestId id = request.id;
  attempt.pause = std::clamp(2 * attempt.pause, kFirstPause, kLongestPause);
  const Instant retry_at = context_.now() + attempt.pause;
  parked_[id] = {std::move(request), attempt, retry_at};
  schedule();
}

bool RequestRouter::try_again(const TxnEntry& entry, Reason& reason) {
  const Duration since_begin = context_.now() - entry.begun;
  if (reason == Reason::vote_timeout &&
      std::any_of(entry.descriptor.cohort.begin(), entry.descriptor.cohort.end(),
                  [&](const Member& member) { return peers_.silent_for(member.node, since_begin); })) {
    reason = Reason::unavailable;  // It never answered: not contention.
  }
  if (reason != Reason::unavailable || !waits_for_homes() || entry.recovered ||
      context_.now() >= entry.attempt.patience) {
    return false;
  }
  Request request;
  request.id = entry.descriptor.request;
  request.origin = context_.directory().region_of(request.id.client);
  request.measured = entry.descriptor.measured;
  for (const SiteWork& work : entry.work) {
    request.operations.insert(request.operations.end(), work.operations.begin(), work.operations.end());
  }
  park(std::move(request), entry.attempt);
  return true;
}

void RequestRouter::schedule() {
  if (!scheduled_ && !(parked_.empty() && forwarded_.empty())) {
    scheduled_ = true;
    context_.set_timer(NodeTimer::waiting, kFirstPause);
  }
}

void RequestRouter::try_waiting() {
  scheduled_ = false;
  const Instant now = context_.now();
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
    if (now >= one.attempt.patience) {
      refuse(one.request, one.attempt);
    } else {
      place(one.request, one.attempt);
    }
  }
  for (auto& [id, one] : forwarded_) {
    if (context_.options().unreachable_home == UnreachableHome::wait && one.retry_at <= now && now < one.patience) {
      one.pause = std::min(2 * one.pause, 16 * context_.options().timeouts.vote);
      one.retry_at = now + one.pause;
      one.epoch = peers_.epoch_of(one.to);
      context_.send(one.to, Forward{one.request, one.epoch}, Traffic::retry,
                    "FORWARD");  // To the same: it knows if it has had it.
    }
  }
  const bool more = !parked_.empty() || std::any_of(forwarded_.begin(), forwarded_.end(),
                                                    [&](const auto& one) { return now < one.second.patience; });
  if (more) {
    scheduled_ = true;
    context_.set_timer(NodeTimer::waiting, kFirstPause);
  }
}

// ---- Answers --------------------------------------------------------------------------------------------------------

void RequestRouter::receive(const PeerMessage& from, const ForwardReply& forwarded) {
  const ClientReply& answer = forwarded.reply;
  const auto it = forwarded_.find(answer.id);
  if (it == forwarded_.end()) {
    take_gathered(from.from, answer);
    return;
  }
  const bool outdated = answer.outcome == Outcome::abort && from.from_epoch < it->second.epoch;
  if (it->second.to != from.from || outdated) {
    return;  // outdated: a later start has it now, and may commit.
  }
  if (answer.outcome == Outcome::undecided && answer.reason != Reason::forgotten) {
    if (answer.reason == Reason::stale_epoch && it->second.epoch < from.from_epoch) {
      it->second.epoch = from.from_epoch;  // To the same node: its log knows if an earlier start has committed it.
      context_.send(from.from, Forward{it->second.request, from.from_epoch}, Traffic::retry, "FORWARD");
    }
    return;
  }
  Forwarded own = std::move(it->second);
  forwarded_.erase(it);
  if (answer.outcome == Outcome::abort && answer.reason == Reason::unavailable && waits_for_homes() &&
      context_.now() < own.patience) {
    park(std::move(own.request), {own.client, false, own.patience, own.pause});  // Its home has gone elsewhere.
    return;
  }
  table_.remember({answer.id, answer.txn, answer.outcome});
  table_.reply(own.client, false, answer);
}

void RequestRouter::ask_coordinator(const OutcomeQuery& query) {
  // Its answer comes back here, not to the client: after a refusal nothing is passed on again. The other one's next
  // start would not know of it, and begin.
  OutcomeQuery gather = query;
  gather.gather = true;
  context_.send(forwarded_.at(query.id).to, gather, Traffic::client, "OUTCOME_QUERY");
}

void RequestRouter::settle_unknown(const OutcomeQuery& query) {
  if (context_.routes_homes() && context_.directory().region_count() > 1) {
    ask_everybody(query);
  } else {
    table_.reply(query.id.client, false, table_.presume(query.id));
  }
}

void RequestRouter::ask_everybody(const OutcomeQuery& query) {
  // It may have been given to any coordinator, before a restart of this one or before its home moved. Each that does
  // not know it refuses it for ever, and what was passed on by an earlier start of this one; when all have, it never
  // happened. Where one of them has let go of it, and none has committed it, nobody can say.
  if (asked_.size() >= kAskedMax) {
    asked_.erase(asked_.begin());  // Its client asks again.
  }
  Asked& asked = asked_[query.id];
  asked = {{}, table_.forgotten(query.id)};
  OutcomeQuery gather = query;
  gather.gather = true;
  for (std::uint32_t r = 0; r < context_.directory().region_count(); ++r) {
    const NodeId coordinator = context_.directory().coordinator(RegionId{r});
    if (coordinator != context_.self()) {
      asked.silent.insert(coordinator);
      context_.send(coordinator, gather, Traffic::client, "OUTCOME_QUERY");
    }
  }
}

void RequestRouter::take_gathered(NodeId from, const ClientReply& answer) {
  const auto asked = asked_.find(answer.id);
  const bool forgotten = answer.outcome == Outcome::undecided && answer.reason == Reason::forgotten;
  if (asked == asked_.end() || (answer.outcome == Outcome::undecided && !forgotten)) {
    return;
  }
  asked->second.silent.erase(from);
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
  table_.remember({told.id, told.txn, told.outcome});
  table_.reply(told.id.client, false, told);
}

void RequestRouter::add_to(EngineStatus& status) const {
  status.waiting_requests = parked_.size() + forwarded_.size() + asked_.size();
}

}  // namespace geocommit
