#include "protocols/parts/ballot_box.h"

#include <algorithm>

namespace geocommit {

void send_prepares(Effects effects, std::uint8_t kind) {
  for (const Member& member : effects.context().cohort) {
    Message prepare = effects.message(member.node, Role::participant, kind);
    prepare.to_epoch = member.epoch;
    effects.send(prepare);
  }
}

BallotBox::Tally BallotBox::count(const TxnContext& context, NodeId from, Vote vote) {
  const auto& cohort = context.cohort;
  const auto place = std::find_if(cohort.begin(), cohort.end(), [&](const Member& m) { return m.node == from; });
  Vote& own = votes_[static_cast<std::size_t>(place - cohort.begin())];
  switch (vote) {
    case Vote::none:
      return Tally::ignored;
    case Vote::no:
      own = Vote::no;
      return Tally::refused;
    case Vote::yes:
    case Vote::read_only:
      if (own == vote || own == Vote::yes) {
        return Tally::ignored;
      }
      own = vote;
      return missing() == 0 ? Tally::complete : Tally::counted;
  }
  return Tally::ignored;
}

std::size_t BallotBox::missing() const {
  return static_cast<std::size_t>(std::count(votes_.begin(), votes_.end(), Vote::none));
}

template <class Matches>
std::vector<NodeId> BallotBox::sites_with(const TxnContext& context, Matches matches) const {
  std::vector<NodeId> sites;
  for (std::size_t i = 0; i < votes_.size(); ++i) {
    if (matches(votes_[i])) {
      sites.push_back(context.cohort[i].node);
    }
  }
  return sites;
}

std::vector<NodeId> BallotBox::yes(const TxnContext& context) const {
  return sites_with(context, [](Vote vote) { return vote == Vote::yes; });
}

std::vector<NodeId> BallotBox::yes_or_silent(const TxnContext& context) const {
  return sites_with(context, [](Vote vote) { return vote == Vote::yes || vote == Vote::none; });
}

void BallotBox::encode(std::string& out) const {
  for (const Vote vote : votes_) {
    put(out, vote);
  }
}

}  // namespace geocommit
