#include "tests/planted/parts.h"

#include <algorithm>
#include <array>

#include "engine/lock_manager.h"
#include "engine/resource_manager.h"

namespace geocommit::planted {
namespace {

class GrantsEverything final : public LockManager {
 public:
  using LockManager::LockManager;
  LockAnswer acquire(const LockAge&, std::vector<LockRequest>, Instant, Effects&) override {
    return LockAnswer::granted;
  }
  void reinstate(const LockAge&, std::vector<LockRequest>, Instant) override {}
  Held release(TxnId, Instant, Effects&) override { return {}; }
};

class ReadsWithoutLocks final : public LockManager {
 public:
  using LockManager::LockManager;
  LockAnswer acquire(const LockAge& owner, std::vector<LockRequest> requests, Instant now, Effects& effects) override {
    std::erase_if(requests, [](const LockRequest& request) { return request.mode == LockMode::shared; });
    return requests.empty() ? LockAnswer::granted : LockManager::acquire(owner, std::move(requests), now, effects);
  }
  void reinstate(const LockAge& owner, std::vector<LockRequest> requests, Instant now) override {
    std::erase_if(requests, [](const LockRequest& request) { return request.mode == LockMode::shared; });
    LockManager::reinstate(owner, std::move(requests), now);
  }
};

class ServesBeforeReinstating final : public LockManager {
 public:
  using LockManager::LockManager;
  void reinstate(const LockAge&, std::vector<LockRequest>, Instant) override {}
};

template <class Planted>
std::unique_ptr<LockManager> make(LockingPolicy policy) {
  return std::make_unique<Planted>(policy);
}

constexpr std::array<Variant, 4> kVariants{{
    {"grants-everything", "a lock manager that grants whatever it is asked for", {make<GrantsEverything>, nullptr}},
    {"reads-without-locks", "a lock manager that knows writers only", {make<ReadsWithoutLocks>, nullptr}},
    {"releases-reads-early",
     "a site that only reads lets go of its locks with its vote, while another still waits for its own",
     {nullptr, make_locked_before_prepare}},
    {"serves-before-reinstating",
     "a site serves after a crash without the locks of its transactions in doubt",
     {make<ServesBeforeReinstating>, nullptr}},
}};

}  // namespace

std::span<const Variant> variants() { return kVariants; }

const Variant* find_variant(std::string_view name) {
  const auto found =
      std::find_if(kVariants.begin(), kVariants.end(), [&](const Variant& variant) { return variant.name == name; });
  return found == kVariants.end() ? nullptr : &*found;
}

}  // namespace geocommit::planted
