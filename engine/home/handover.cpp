#include "engine/home/handover.h"

namespace geocommit {

void Handover::replay(const HomeStanding& at, HomeEpoch epoch) {
  epoch_ = epoch;
  successor_ = at.sites.site_of(epoch);
}

void Handover::order(HomeStanding& at, Instant now, NodeId successor) {
  if (at.role != HomeRole::master || successor == at.sites.self() || !at.sites.contains(successor)) {
    return;
  }
  at.role = HomeRole::fencing;
  successor_ = successor;
  give_up_at_ = now + at.rules.drain_limit;
}

void Handover::drained(HomeStanding& at, Instant now, HomeEffects& out) {
  epoch_ = at.promised = at.sites.next_planned(at.promised, successor_);
  at.role = HomeRole::handing_over;
  retry_at_ = now + at.rules.retry;
  out.force.push_back({HomeRecordKind::handed_over, epoch_, {}});
}

void Handover::tick(HomeStanding& at, Instant now, HomeEffects& out) {
  if (at.role == HomeRole::fencing && now >= give_up_at_) {
    at.role = HomeRole::master;
    out.called_off = true;
  } else if (at.role == HomeRole::handing_over && now >= retry_at_) {
    if (at.durable_promise == epoch_) {
      HomeMessage message = at.make(HomeMessageKind::handoff, epoch_);
      message.base = at.opened;
      message.history = history_;
      out.send.emplace_back(successor_, std::move(message));
    }
    retry_at_ = now + at.rules.retry;
  }
}

void Handover::received(HomeStanding& at, NodeId from, const HomeMessage& message, bool has_all, HomeEffects& out) {
  if (message.epoch == at.opened && at.is_master()) {
    out.send.emplace_back(from, at.make(HomeMessageKind::open, at.opened));
  } else if (message.epoch < at.promised || at.sites.site_of(message.epoch) != at.sites.self() ||
             (at.promised > message.base && at.promised != message.epoch)) {
    at.refuse(from, out);  // Also where a failover has come between the term that was handed over and this one.
  } else if (at.role == HomeRole::replica && has_all) {
    at.aim_at(message.epoch, message.base);
    at.role = HomeRole::opening;
    out.force.push_back({HomeRecordKind::opened, message.epoch, HomeOpening::planned});
  }
}

void Handover::hash_state(const HomeStanding& at, const PutTime& put_time, std::string& out) const {
  canonical::put(out, epoch_.value);
  if (at.role == HomeRole::fencing || at.role == HomeRole::handing_over) {
    canonical::put(out, successor_.value);
    put_time(deadline(at));
  }
}

}  // namespace geocommit
