#include <utility>

#include "base/check.h"
#include "engine/resource_manager.h"

namespace geocommit {
namespace {

class EmbeddedResourceManager final : public ResourceManager {
 public:
  EmbeddedResourceManager(const Directory& directory, std::int64_t initial_balance, bool locked_before)
      : locked_before_(locked_before),
        directory_(directory),
        balances_(directory.keys_per_participant(), initial_balance),
        writers_(balances_.size()) {}

  [[nodiscard]] Executed execute(const TxnDescriptor& transaction) override {
    bool writes = false;
    for (const Operation& operation : transaction.operations) {
      if (operation.read) {
        continue;
      }
      writes = true;
      if (balances_[slot(operation.entity)] + operation.delta < 0) {
        return {Vote::no, Reason::constraint};
      }
    }
    const bool may_release = locked_before_ || transaction.cohort.size() == 1;
    return {!writes && may_release ? Vote::read_only : Vote::yes, Reason::none};
  }

  void commit(TxnId txn, const std::vector<Operation>& operations) override {
    for (const Operation& operation : operations) {
      if (!operation.read) {
        const std::size_t at = slot(operation.entity);
        balances_[at] += operation.delta;
        writers_[at] = txn;
      }
    }
  }

  void undo(const std::vector<Operation>& operations, const std::vector<TxnId>& versions) override {
    for (std::size_t i = 0; i < operations.size(); ++i) {
      if (!operations[i].read) {
        const std::size_t at = slot(operations[i].entity);
        balances_[at] -= operations[i].delta;
        writers_[at] = versions.size() == operations.size() ? versions[i] : TxnId{};  // An older log says none.
      }
    }
  }

  [[nodiscard]] std::vector<TxnId> versions(const std::vector<Operation>& operations) const override {
    std::vector<TxnId> versions;
    versions.reserve(operations.size());
    for (const Operation& operation : operations) {
      versions.push_back(writers_[slot(operation.entity)]);
    }
    return versions;
  }

  [[nodiscard]] std::int64_t balance(Entity entity) const override { return balances_[slot(entity)]; }

  [[nodiscard]] const std::vector<std::int64_t>& balances() const override { return balances_; }
  [[nodiscard]] const std::vector<TxnId>& writers() const override { return writers_; }
  void restore(std::vector<std::int64_t> balances, std::vector<TxnId> writers) override {
    GC_CHECK_NOTE(writers.empty() || writers.size() == balances.size(), "a version for each balance, or none");
    balances_ = std::move(balances);
    writers_ = std::move(writers);
    writers_.resize(balances_.size());
  }

 private:
  [[nodiscard]] std::size_t slot(Entity entity) const {
    const std::uint64_t slot = directory_.slot_of(entity);
    GC_CHECK_NOTE(slot < balances_.size(), "an operation reached a site that does not keep its entity");
    return slot;
  }

  bool locked_before_;
  const Directory& directory_;
  std::vector<std::int64_t> balances_;
  std::vector<TxnId> writers_;  // Their versions.
};

}  // namespace

std::unique_ptr<ResourceManager> make_embedded_resource_manager(const Directory& directory,
                                                                std::int64_t initial_balance) {
  return std::make_unique<EmbeddedResourceManager>(directory, initial_balance, false);
}

std::unique_ptr<ResourceManager> make_locked_before_prepare(const Directory& directory, std::int64_t initial_balance) {
  return std::make_unique<EmbeddedResourceManager>(directory, initial_balance, true);
}

}  // namespace geocommit
