#include "wan/tun_device.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

namespace geocommit {

Result<UniqueFd> open_tun(const std::string& name) {
  UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) {
    return Error{std::string("/dev/net/tun cannot be opened for reading and writing: ") + std::strerror(errno)};
  }
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    return Error{"a TUN device cannot be made (TUNSETIFF): " + std::string(std::strerror(errno))};
  }
  return fd;
}

}  // namespace geocommit
