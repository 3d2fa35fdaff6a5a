#include "engine/memory.h"

#include <algorithm>

namespace geocommit {
namespace {

Watermark place_of(const FinishedTxn& finished) { return {finished.txn.epoch, finished.txn.counter}; }

bool comes_before(const FinishedTxn& finished, const Watermark& place) { return place_of(finished) < place; }

}  // namespace

const FinishedMemory::OfCoordinator* FinishedMemory::find(NodeId coordinator) const {
  const std::uint32_t* at = index_.find(coordinator);
  return at != nullptr ? &coordinators_[*at].second : nullptr;
}

FinishedMemory::OfCoordinator& FinishedMemory::of(NodeId coordinator) {
  const auto [at, made] = index_.try_emplace(coordinator);
  if (made) {
    *at = static_cast<std::uint32_t>(coordinators_.size());
    coordinators_.emplace_back(coordinator, OfCoordinator{});
  }
  return coordinators_[*at].second;
}

void FinishedMemory::remember(const FinishedTxn& finished) {
  OfCoordinator& list = of(finished.txn.coordinator);
  const Watermark place = place_of(finished);
  if (place < list.watermark) {
    return;
  }
  // Nearly always at the end, or a few places before it.
  auto at = list.finished.end();
  const auto begin = list.finished.begin() + static_cast<std::ptrdiff_t>(list.first);
  while (at != begin && place < place_of(*(at - 1))) {
    --at;
  }
  if (at != begin && place_of(*(at - 1)) == place) {
    *(at - 1) = finished;
    return;
  }
  list.finished.insert(at, finished);
  ++size_;
}

const FinishedTxn* FinishedMemory::find(TxnId txn) const {
  const OfCoordinator* list = find(txn.coordinator);
  if (list == nullptr) {
    return nullptr;
  }
  const Watermark place{txn.epoch, txn.counter};
  const auto begin = list->finished.begin() + static_cast<std::ptrdiff_t>(list->first);
  const auto it = std::lower_bound(begin, list->finished.end(), place, comes_before);
  return it == list->finished.end() || place_of(*it) != place ? nullptr : &*it;
}

void FinishedMemory::raise(NodeId coordinator, Watermark watermark) {
  if (watermark == Watermark{}) {
    return;
  }
  OfCoordinator& list = of(coordinator);
  if (watermark <= list.watermark) {
    return;
  }
  list.watermark = watermark;
  const std::size_t before = list.first;
  while (list.first < list.finished.size() && comes_before(list.finished[list.first], watermark)) {
    ++list.first;
  }
  size_ -= list.first - before;
  if (2 * list.first >= list.finished.size()) {
    list.finished.erase(list.finished.begin(), list.finished.begin() + static_cast<std::ptrdiff_t>(list.first));
    list.first = 0;
  }
}

bool FinishedMemory::below_watermark(TxnId txn) const {
  return Watermark{txn.epoch, txn.counter} < watermark_of(txn.coordinator);
}

Watermark FinishedMemory::watermark_of(NodeId coordinator) const {
  const OfCoordinator* list = find(coordinator);
  return list == nullptr ? Watermark{} : list->watermark;
}

std::vector<FinishedTxn> FinishedMemory::all() const {
  std::vector<FinishedTxn> result;
  result.reserve(size_);
  for (const auto& [coordinator, watermark] : watermarks()) {
    const OfCoordinator& list = *find(coordinator);
    result.insert(result.end(), list.finished.begin() + static_cast<std::ptrdiff_t>(list.first), list.finished.end());
  }
  return result;
}

std::map<NodeId, Watermark> FinishedMemory::watermarks() const {
  std::map<NodeId, Watermark> result;
  for (const auto& [coordinator, list] : coordinators_) {
    result.emplace(coordinator, list.watermark);
  }
  return result;
}

void RequestMemory::remember(const FinishedRequest& finished) {
  const auto [at, made] = by_id_.try_emplace(finished.request);
  if (!made) {
    order_[static_cast<std::size_t>(*at - dropped_)] = finished;
    return;
  }
  *at = dropped_ + order_.size();
  order_.push_back(finished);
  while (order_.size() > limit_) {
    const RequestId& oldest = order_.front().request;
    std::uint64_t& highest = dropped_up_to_[oldest.client];
    highest = std::max(highest, oldest.sequence);
    by_id_.erase(oldest);
    order_.pop_front();
    ++dropped_;
  }
}

const FinishedRequest* RequestMemory::find(RequestId id) const {
  const std::uint64_t* at = by_id_.find(id);
  return at == nullptr ? nullptr : &order_[static_cast<std::size_t>(*at - dropped_)];
}

bool RequestMemory::forgotten(RequestId id) const {
  const auto highest = dropped_up_to_.find(id.client);
  return highest != dropped_up_to_.end() && id.sequence <= highest->second && find(id) == nullptr;
}

void RequestMemory::restore_dropped(const std::map<NodeId, std::uint64_t>& dropped) {
  for (const auto& [client, sequence] : dropped) {
    std::uint64_t& highest = dropped_up_to_[client];
    highest = std::max(highest, sequence);
  }
}

}  // namespace geocommit
