#include "protocols/paxos_commit/acceptors.h"

#include <algorithm>

#include "protocols/paxos_commit/paxos_commit.h"

namespace geocommit::paxos_commit {

std::size_t faults_of(std::size_t sites, std::size_t f) { return std::min(f, sites / 2); }

Acceptors::Acceptors(const TxnContext& context) {
  const std::size_t faults = faults_of(context.cohort.size(), static_cast<std::size_t>(context.options.value(kF)));
  members_.push_back(context.coordinator);
  for (std::size_t place = 0; place < 2 * faults; ++place) {
    members_.push_back(context.cohort[place].node);
  }
}

bool Acceptors::contains(NodeId node) const {
  return std::find(members_.begin(), members_.end(), node) != members_.end();
}

bool Acceptors::is_first(NodeId node) const {
  const auto last = members_.begin() + static_cast<std::ptrdiff_t>(majority());
  return std::find(members_.begin(), last, node) != last;
}

Ballot next_ballot(const TxnContext& context, Ballot above) {
  const auto own = std::find_if(context.cohort.begin(), context.cohort.end(),
                                [&](const Member& member) { return member.node == context.self; });
  const auto place =
      context.self == context.coordinator ? 0U : static_cast<std::uint32_t>(own - context.cohort.begin()) + 1;
  const auto places = static_cast<std::uint32_t>(context.cohort.size()) + 1;
  return Ballot{(above.value / places + 1) * places + place};
}

NodeId leader_of(const TxnContext& context, Ballot ballot) {
  const auto places = static_cast<std::uint32_t>(context.cohort.size()) + 1;
  const std::uint32_t place = ballot.value % places;
  if (ballot.value < places) {
    return {};
  }
  return place == 0 ? context.coordinator : context.cohort[place - 1].node;
}

}  // namespace geocommit::paxos_commit
