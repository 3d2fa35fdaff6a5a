#include "engine/memory.h"

namespace geocommit {

void FinishedMemory::remember(const FinishedTxn& finished) {
  if (below_watermark(finished.txn)) {
    return;
  }
  auto& of = coordinators_[finished.txn.coordinator].finished;
  size_ += of.insert_or_assign(Watermark{finished.txn.epoch, finished.txn.counter}, finished).second ? 1 : 0;
}

const FinishedTxn* FinishedMemory::find(TxnId txn) const {
  const auto of = coordinators_.find(txn.coordinator);
  if (of == coordinators_.end()) {
    return nullptr;
  }
  const auto it = of->second.finished.find(Watermark{txn.epoch, txn.counter});
  return it == of->second.finished.end() ? nullptr : &it->second;
}

void FinishedMemory::raise(NodeId coordinator, Watermark watermark) {
  if (watermark == Watermark{}) {
    return;
  }
  OfCoordinator& of = coordinators_[coordinator];
  if (watermark <= of.watermark) {
    return;
  }
  of.watermark = watermark;
  const auto end = of.finished.lower_bound(watermark);
  for (auto it = of.finished.begin(); it != end;) {
    it = of.finished.erase(it);
    --size_;
  }
}

bool FinishedMemory::below_watermark(TxnId txn) const {
  return Watermark{txn.epoch, txn.counter} < watermark_of(txn.coordinator);
}

Watermark FinishedMemory::watermark_of(NodeId coordinator) const {
  const auto of = coordinators_.find(coordinator);
  return of == coordinators_.end() ? Watermark{} : of->second.watermark;
}

std::vector<FinishedTxn> FinishedMemory::all() const {
  std::vector<FinishedTxn> result;
  result.reserve(size_);
  for (const auto& [coordinator, of] : coordinators_) {
    for (const auto& [key, finished] : of.finished) {
      result.push_back(finished);
    }
  }
  return result;
}

std::map<NodeId, Watermark> FinishedMemory::watermarks() const {
  std::map<NodeId, Watermark> result;
  for (const auto& [coordinator, of] : coordinators_) {
    result.emplace(coordinator, of.watermark);
  }
  return result;
}

void RequestMemory::remember(const FinishedRequest& finished) {
  if (!by_id_.insert_or_assign(finished.request, finished).second) {
    return;
  }
  order_.push_back(finished);
  while (order_.size() > limit_) {
    by_id_.erase(order_.front().request);
    order_.pop_front();
  }
}

const FinishedRequest* RequestMemory::find(RequestId id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &it->second;
}

}  // namespace geocommit
