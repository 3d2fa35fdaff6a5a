#include "wan/emulation.h"

#include <sched.h>

#include <cerrno>

#include "wan/node_network.h"
#include "wan/tun_device.h"

namespace geocommit {

std::string_view to_string(Backend backend) {
  switch (backend) {
    case Backend::loopback:
      return "loopback";
    case Backend::tun:
      return "tun";
    case Backend::netem:
      return "netem";
  }
  GC_CHECK(false);
}

int Emulation::enter_namespace(int namespace_fd) noexcept {
  if (namespace_fd < 0) return 0;
  return ::setns(namespace_fd, CLONE_NEWNET) == 0 ? 0 : errno;
}

Result<void> Emulation::set_link(std::string_view from, std::string_view to, const LinkSpec& spec) {
  return change_link(
      from, to,
      {spec.delay, spec.jitter, spec.distribution, spec.loss, spec.rate_bits_per_second, spec.limit_packets, spec.up});
}

Result<void> Emulation::cut(std::string_view from, std::string_view to) {
  LinkChange change;
  change.up = false;
  return change_link(from, to, change);
}

Result<void> Emulation::heal(std::string_view from, std::string_view to) {
  LinkChange change;
  change.up = true;
  return change_link(from, to, change);
}

Result<void> Emulation::partition(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (const auto& left : a) {
    for (const auto& right : b) {
      if (auto done = cut(left, right); !done) return done;
      if (auto done = cut(right, left); !done) return done;
    }
  }
  return {};
}

Result<void> probe_backend(Backend backend) {
  switch (backend) {
    case Backend::loopback:
      return {};
    case Backend::tun:
      return in_scratch_process([]() -> Result<void> {
        const auto device = open_tun("wan0");
        return device ? Result<void>{} : device.error();
      });
    case Backend::netem:
      return in_scratch_process(probe_netem);
  }
  GC_CHECK(false);
}

Result<BackendChoice> choose_backend() {
  const auto netem = probe_backend(Backend::netem);
  if (netem) {
    return BackendChoice{Backend::netem, "netem: this kernel delayed packets between two scratch namespaces as asked"};
  }
  const auto tun = probe_backend(Backend::tun);
  if (tun) {
    return BackendChoice{Backend::tun, "tun: a TUN device opens in a scratch namespace; netem is not possible here (" +
                                           netem.error().message + ")"};
  }
  return Error{"no WAN emulation is possible here. netem: " + netem.error().message + ". tun: " + tun.error().message +
               ". Use emulation: loopback to run without a WAN."};
}

Result<std::unique_ptr<Emulation>> bring_up(Backend backend, const Topology& topology,
                                            const std::vector<WanNode>& nodes, const EmulationOptions& options) {
  auto table = LinkTable::make(topology, nodes);
  if (!table) return table.error();
  switch (backend) {
    case Backend::loopback:
      return bring_up_loopback(std::move(*table));
    case Backend::tun:
      return bring_up_tun(std::move(*table), options);
    case Backend::netem:
      return bring_up_netem(std::move(*table), options);
  }
  GC_CHECK(false);
}

}  // namespace geocommit
