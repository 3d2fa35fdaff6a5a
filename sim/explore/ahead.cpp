#include "sim/explore/ahead.h"

#include <algorithm>

#include "sim/explore/step_index.h"

namespace geocommit::explore {

void Ahead::Notes::clear() {
  begin_ = 0;
  next_.clear();
  bytes_.clear();
  states_.clear();
}

void Ahead::Notes::add(std::string_view bytes) {
  const std::uint64_t hash = hash_of(bytes);
  visited_->prefetch(hash);
  next_.push_back({hash, static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(bytes.size())});
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void Ahead::Notes::end_state(const Foreseen& what) {
  if (!what.known) {
    next_.resize(begin_);
  }
  next_.erase(std::remove_if(next_.begin() + static_cast<std::ptrdiff_t>(begin_), next_.end(),
                             [this](const Next& next) {
                               return visited_->contains({bytes_.data() + next.begin, next.size}, next.hash);
                             }),
              next_.end());
  states_.push_back({what, begin_, next_.size()});
  begin_ = next_.size();
}

void Ahead::look(Visited::Place from, std::uint64_t states, const Look& look) {
  at_ = 0;
  places_.clear();
  for (Visited::Place place = from; places_.size() < std::min<std::uint64_t>(states, kMost);) {
    places_.push_back(place);
    place = place == visited_.last() ? place : visited_.after(place);
  }
  const std::size_t groups = (places_.size() + kGroup - 1) / kGroup;
  while (notes_.size() < groups) {
    notes_.emplace_back(visited_);
  }
  crew_.run(groups, [&](std::size_t worker, std::size_t group) {
    Notes& notes = notes_[group];
    notes.clear();
    for (std::size_t i = group * kGroup; i < std::min(places_.size(), (group + 1) * kGroup); ++i) {
      Foreseen what;
      try {
        what = look(worker, visited_.bytes_of(places_[i]), notes);
      } catch (const Unknown&) {
        what = {};
      }
      notes.end_state(what);
    }
  });
}

const Foreseen* Ahead::take() {
  if (at_ == places_.size()) {
    return nullptr;
  }
  ++at_;
  return &notes_[(at_ - 1) / kGroup].states_[(at_ - 1) % kGroup].what;
}

}  // namespace geocommit::explore
