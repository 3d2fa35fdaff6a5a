// No emulation: every process on 127.0.0.1, no impairment.
#include "wan/node_network.h"

namespace geocommit {
namespace {

class LoopbackEmulation final : public Emulation {
 public:
  explicit LoopbackEmulation(LinkTable table) : table_(std::move(table)) {}

  [[nodiscard]] Backend backend() const override { return Backend::loopback; }
  [[nodiscard]] std::string wan_address(std::string_view node) const override {
    (void)table_.index_of(node);
    return "127.0.0.1";
  }
  [[nodiscard]] std::string management_address(std::string_view node) const override { return wan_address(node); }
  [[nodiscard]] std::string runner_address() const override { return "127.0.0.1"; }
  [[nodiscard]] int namespace_fd(std::string_view) const override { return -1; }
  [[nodiscard]] Result<void> change_link(std::string_view, std::string_view, const LinkChange&) override {
    return Error{"emulation: loopback has no links to change; use tun, netem or auto"};
  }
  [[nodiscard]] Result<LinkSpec> link(std::string_view, std::string_view) const override { return LinkSpec{}; }
  [[nodiscard]] Result<void> heal_all() override { return {}; }
  [[nodiscard]] Result<RouterStats> stats() override { return RouterStats{}; }
  [[nodiscard]] Result<void> reset_stats() override { return {}; }
  [[nodiscard]] int failure_fd() const override { return -1; }
  [[nodiscard]] Result<void> health() override { return {}; }
  [[nodiscard]] std::map<std::string, std::string> describe() const override {
    return {{"backend", "loopback"}, {"kernel", kernel_release()}};
  }
  [[nodiscard]] std::vector<int> processes() const override { return {}; }
  void close() override {}

 private:
  LinkTable table_;
};

}  // namespace

Result<std::unique_ptr<Emulation>> bring_up_loopback(LinkTable table) {
  return std::unique_ptr<Emulation>(std::make_unique<LoopbackEmulation>(std::move(table)));
}

}  // namespace geocommit
