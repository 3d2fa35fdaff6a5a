#include "wan/namespaces.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

#include "wan/emulation.h"
#include "wan/netlink.h"

namespace geocommit {
namespace {

Error failed(const std::string& what) { return Error{what + ": " + std::strerror(errno)}; }

Result<void> write_file(const std::string& path, const std::string& text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return failed("open " + path);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return failed("write " + path);
  return {};
}

Result<void> loopback_up() {
  auto netlink = Netlink::open();
  if (!netlink) return netlink.error();
  return netlink->set_up("lo");
}

}  // namespace

Result<UniqueFd> current_namespace() {
  UniqueFd fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return failed("open /proc/thread-self/ns/net");
  return fd;
}

Result<void> in_namespace(int namespace_fd, const std::function<Result<void>()>& work) {
  Result<void> result;
  std::thread worker([&] {
    if (::setns(namespace_fd, CLONE_NEWNET) != 0) {
      result = failed("enter a network namespace");
      return;
    }
    result = work();
  });
  worker.join();
  return result;
}

Result<UniqueFd> make_namespace(const std::function<Result<void>()>& setup) {
  Result<UniqueFd> result = Error{"not run"};
  std::thread worker([&] {
    if (::unshare(CLONE_NEWNET) != 0) {
      result = failed("make a network namespace");
      return;
    }
    if (auto up = loopback_up(); !up) {
      result = up.error();
      return;
    }
    if (auto done = setup(); !done) {
      result = done.error();
      return;
    }
    result = current_namespace();
  });
  worker.join();
  return result;
}

Result<void> enter_private_namespace() {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  // Root in this user namespace keeps it; anyone else, and a root without CAP_SYS_ADMIN, makes one.
  if (::unshare(CLONE_NEWNET) != 0) {
    if (errno != EPERM) return failed("make a network namespace");
    if (::unshare(CLONE_NEWUSER) != 0) {
      return failed(
          "make a user namespace (needed to build networks as an ordinary user; see user.max_user_namespaces "
          "and kernel.unprivileged_userns_clone)");
    }
    if (auto done = write_file("/proc/self/setgroups", "deny"); !done) return done;
    if (auto done = write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1"); !done) return done;
    if (auto done = write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1"); !done) return done;
    if (::unshare(CLONE_NEWNET) != 0) return failed("make a network namespace inside the user namespace");
  }
  return loopback_up();
}

Result<void> in_scratch_process(const std::function<Result<void>()>& work, int timeout_s) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed("pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return failed("fork");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    auto result = enter_private_namespace();
    if (result) result = work();
    const std::string text = result ? "" : result.error().message.substr(0, 4000);
    const bool written = ::write(write_end.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(result && written ? 0 : 1);
  }
  write_end.reset();
  pollfd waiting{read_end.get(), POLLIN, 0};
  const int ready = ::poll(&waiting, 1, timeout_s * 1000);  // readable, or closed by the child's end
  if (ready <= 0) ::kill(child, SIGKILL);
  char buffer[4096];
  const ssize_t size = ready > 0 ? ::read(read_end.get(), buffer, sizeof buffer) : 0;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (ready <= 0) return Error{"no answer within " + std::to_string(timeout_s) + " s"};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error{size > 0 ? std::string(buffer, static_cast<std::size_t>(size)) : "the scratch process died"};
}

Result<void> write_sysctl(const std::string& path, const std::string& value) {
  return write_file("/proc/sys/" + path, value);
}

std::string read_sysctl(const std::string& path) {
  std::ifstream stream("/proc/sys/" + path);
  std::string value;
  std::getline(stream, value);
  return value;
}

uid_t real_uid() {
  std::ifstream stream("/proc/self/uid_map");
  long long inside = 0;
  long long outside = 0;
  long long count = 0;
  const auto uid = static_cast<long long>(::getuid());
  while (stream >> inside >> outside >> count) {
    if (uid >= inside && uid < inside + count) return static_cast<uid_t>(outside + (uid - inside));
  }
  return ::getuid();
}

}  // namespace geocommit
