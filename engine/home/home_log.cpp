#include "engine/home/home_log.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace geocommit {

HomeEpoch reached(const HomeHistory& history, std::uint64_t end) {
  const auto term =
      std::find_if(history.rbegin(), history.rend(), [end](const HomeTerm& one) { return one.start <= end; });
  GC_CHECK(term != history.rend());
  return term->epoch;
}

void HomeLog::restore(HomeHistory history, std::uint64_t last, std::vector<ShippedWrite> retained) {
  if (!history.empty()) {
    history_ = std::move(history);
  }
  last_ = durable_ = last;
  retained_.assign(std::make_move_iterator(retained.begin()), std::make_move_iterator(retained.end()));
}

void HomeLog::append(ShippedWrite write) {
  GC_CHECK(write.sequence == last_ + 1);
  ++last_;
  retained_.push_back(std::move(write));
}

void HomeLog::set_durable(std::uint64_t sequence) { durable_ = std::max(durable_, std::min(sequence, last_)); }

void HomeLog::confirm(std::uint64_t sequence) {
  while (!retained_.empty() && retained_.front().sequence <= sequence) {
    retained_.pop_front();
  }
}

HomeEpoch HomeLog::epoch_at(std::uint64_t sequence) const {
  for (auto term = history_.rbegin(); term != history_.rend(); ++term) {
    if (term->start < sequence) {
      return term->epoch;
    }
  }
  return history_.front().epoch;
}

std::uint64_t HomeLog::common_with(const HomeHistory& other) const {
  for (auto mine = history_.rbegin(); mine != history_.rend(); ++mine) {
    const auto theirs =
        std::find_if(other.begin(), other.end(), [&](const HomeTerm& t) { return t.epoch == mine->epoch; });
    if (theirs == other.end()) {
      continue;
    }
    const std::uint64_t my_end = mine == history_.rbegin() ? last_ : std::min(last_, std::prev(mine)->start);
    return std::next(theirs) == other.end() ? my_end : std::min(my_end, std::next(theirs)->start);
  }
  return confirmed();  // Of another world: nothing to go by but what all have confirmed.
}

std::uint64_t HomeLog::common_with(const HomeHistory& other, std::uint64_t last) const {
  return std::min(common_with(other), last);
}

std::vector<ShippedWrite> HomeLog::cut_to(std::uint64_t keep) {
  GC_CHECK_NOTE(keep >= confirmed(), "what every site has confirmed is never undone");
  std::vector<ShippedWrite> cut;
  while (last_ > keep) {
    cut.push_back(std::move(retained_.back()));
    retained_.pop_back();
    --last_;
  }
  durable_ = std::min(durable_, last_);
  return cut;
}

void HomeLog::begin_term(HomeEpoch epoch) {
  GC_CHECK(epoch > history_.back().epoch);
  std::erase_if(history_, [this](const HomeTerm& term) { return term.start > last_; });  // It never got there.
  history_.push_back({epoch, last_});
}

}  // namespace geocommit
