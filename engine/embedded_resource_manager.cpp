#include <utility>

#include "base/check.h"
#include "engine/resource_manager.h"

namespace geocommit {
namespace {

class EmbeddedResourceManager final : public ResourceManager {
 public:
  EmbeddedResourceManager(const Directory& directory, std::int64_t initial_balance)
      : directory_(directory), balances_(directory.keys_per_participant(), initial_balance) {}

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
    return {writes ? Vote::yes : Vote::read_only, Reason::none};
  }

  void commit(const std::vector<Operation>& operations) override {
    for (const Operation& operation : operations) {
      if (!operation.read) {
        balances_[slot(operation.entity)] += operation.delta;
      }
    }
  }

  [[nodiscard]] const std::vector<std::int64_t>& balances() const override { return balances_; }
  void restore(std::vector<std::int64_t> balances) override { balances_ = std::move(balances); }

 private:
  [[nodiscard]] std::size_t slot(Entity entity) const {
    const std::uint64_t slot = directory_.slot_of(entity);
    GC_CHECK_NOTE(slot < balances_.size(), "an operation reached a site that does not keep its entity");
    return slot;
  }

  const Directory& directory_;
  std::vector<std::int64_t> balances_;
};

}  // namespace

std::unique_ptr<ResourceManager> make_embedded_resource_manager(const Directory& directory,
                                                                std::int64_t initial_balance) {
  return std::make_unique<EmbeddedResourceManager>(directory, initial_balance);
}

}  // namespace geocommit
