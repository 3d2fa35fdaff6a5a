#include "protocols/three_phase_commit/leading.h"

#include "protocols/three_phase_commit/three_phase_commit.h"

namespace geocommit::three_phase_commit {

Leading::End Leading::collect(Effects effects, Ballot ballot, bool precommitted) {
  round_ = Round::collecting;
  precommit_seen_ = precommitted;
  awaited_ = others_of(effects.context());
  prepared_.clear();
  for (const Member& member : effects.context().cohort) {
    if (member.node != effects.context().self) {
      Message request = effects.message(member.node, Role::participant, raw(Kind::state_request));
      request.ballot = ballot;
      request.to_epoch = member.epoch;
      effects.send(request);
    }
  }
  if (awaited_.empty()) {
    return End::all;
  }
  effects.arm(raw(Timer::termination), effects.context().timeouts.decision);
  return End::none;
}

Leading::End Leading::answered(Effects effects, const Message& in, Ballot ballot) {
  if (round_ != Round::collecting || in.ballot != ballot || std::erase(awaited_, in.from) == 0) {
    effects.ignored();
    return End::none;
  }
  switch (static_cast<Kind>(in.kind) == Kind::in_doubt ? SiteState::unknown : in.state) {
    case SiteState::committed:
      return End::commit;
    case SiteState::aborted:
    case SiteState::working:
      return End::abort;
    case SiteState::precommitted:
      precommit_seen_ = true;
      break;
    case SiteState::prepared:
      prepared_.push_back(in.from);
      break;
    case SiteState::unknown:
      break;
  }
  return awaited_.empty() ? End::all : End::none;
}

void Leading::move(Effects effects) {
  round_ = Round::moving;
  effects.cancel(raw(Timer::termination));
}

Leading::End Leading::precommit(Effects effects, Ballot ballot) {
  awaited_ = prepared_;
  if (awaited_.empty()) {
    return End::all;
  }
  for (const NodeId site : awaited_) {
    Message precommit = effects.message(site, Role::participant, raw(Kind::precommit));
    precommit.ballot = ballot;
    effects.send(precommit);
  }
  effects.arm(raw(Timer::termination), effects.context().timeouts.decision);
  return End::none;
}

Leading::End Leading::acknowledged(Effects effects, const Message& in, Ballot ballot) {
  if (round_ != Round::moving || in.ballot != ballot || std::erase(awaited_, in.from) == 0) {
    effects.ignored();
    return End::none;
  }
  return awaited_.empty() ? End::all : End::none;
}

void Leading::encode(std::string& out) const { put_all(out, round_, precommit_seen_ ? 1U : 0U, awaited_, prepared_); }

}  // namespace geocommit::three_phase_commit
