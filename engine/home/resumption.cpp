#include "engine/home/resumption.h"

#include <algorithm>
#include <utility>

namespace geocommit {

void Resumption::be_patient(const HomeStanding& at, Instant now) {
  due_ = now + at.rules.patience + at.sites.rank_after(at.promised) * at.rules.lease;
}

void Resumption::answer(NodeId site, HomeEpoch promised) {
  idle_.insert(site);
  highest_ = std::max(highest_, promised);
}

void Resumption::tick(const HomeStanding& at, Instant now, bool idle, HomeEffects& out) {
  if (!at.unfinished() || stopped_ || now < due_) {
    return;
  }
  due_ = now + at.rules.patience;
  idle_.clear();
  highest_ = at.promised;
  if (idle) {
    answer(at.sites.self(), at.promised);
  }
  HomeMessage message = at.make(HomeMessageKind::probe, at.promised);
  message.base = at.opened;
  at.send_others(message, out);
}

void Resumption::asked(const HomeStanding& at, Instant now, bool idle, NodeId from, const HomeMessage& probe,
                       HomeEffects& out) {
  if (at.opened > probe.base) {
    out.send.emplace_back(from, at.make(HomeMessageKind::open, at.opened));
  } else if (idle && !stopped_) {
    out.send.emplace_back(from, at.make(HomeMessageKind::idle, at.promised));
    be_patient(at, now);  // One at a time.
  }
}

std::optional<HomeEpoch> Resumption::answered(const HomeStanding& at, NodeId from, HomeEpoch promised) {
  if (!at.unfinished() || stopped_) {
    return std::nullopt;
  }
  answer(from, promised);
  if (idle_.size() < at.sites.lease_quorum()) {
    return std::nullopt;
  }
  return at.sites.next_forced(std::max(highest_, at.promised));
}

void Resumption::hash_state(const HomeStanding& at, const PutTime& put_time, std::string& out) const {
  canonical::put(out, stopped_ ? 1 : 0);
  if (at.unfinished()) {
    put_time(due_);
    canonical::put(out, highest_.value);
  }
  for (const NodeId site : idle_) {
    canonical::put(out, site.value);
  }
  canonical::put(out, 0);
}

}  // namespace geocommit
