#include "runtime/log/storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "os/unique_fd.h"

namespace geocommit {
namespace {

Error failed(const char* what, const std::string& path) {
  return Error{std::string{"cannot "} + what + " " + path + ": " + std::strerror(errno)};
}

class PosixFile final : public StorageFile {
 public:
  PosixFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written <= 0) {
        return failed("write", path_);
      }
      offset += static_cast<std::uint64_t>(written);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }
  Result<void> sync() override {
    if (::fdatasync(fd_.get()) != 0) {
      return failed("sync", path_);
    }
    return {};
  }
  Result<void> truncate(std::uint64_t bytes) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(bytes)) != 0) {
      return failed("truncate", path_);
    }
    return {};
  }

 private:
  UniqueFd fd_;
  std::string path_;
};

class PosixStorage final : public Storage {
 public:
  Result<std::unique_ptr<StorageFile>> create(const std::string& path, std::uint64_t bytes) override {
    UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640)};
    if (!fd.valid()) {
      return failed("create", path);
    }
    // A file system that cannot reserve blocks still works: it may run out of space later, which is fatal there.
    if (bytes > 0 && ::fallocate(fd.get(), 0, 0, static_cast<off_t>(bytes)) != 0 &&
        (errno != EOPNOTSUPP || ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0)) {
      return failed("reserve space for", path);
    }
    return std::unique_ptr<StorageFile>{std::make_unique<PosixFile>(std::move(fd), path)};
  }
  Result<std::unique_ptr<StorageFile>> open(const std::string& path) override {
    UniqueFd fd{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
    if (!fd.valid()) {
      return failed("open", path);
    }
    return std::unique_ptr<StorageFile>{std::make_unique<PosixFile>(std::move(fd), path)};
  }
  Result<std::string> read(const std::string& path) override {
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat status {};
    if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
      return failed("read", path);
    }
    std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t have = 0;
    while (have < bytes.size()) {
      const ssize_t got = ::read(fd.get(), bytes.data() + have, bytes.size() - have);
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got < 0) {
        return failed("read", path);
      }
      if (got == 0) {
        bytes.resize(have);  // shortened meanwhile
        break;
      }
      have += static_cast<std::size_t>(got);
    }
    return bytes;
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return ::rename(from.c_str(), to.c_str()) == 0 ? Result<void>{} : failed("rename", from);
  }
  Result<void> remove(const std::string& path) override {
    return ::unlink(path.c_str()) == 0 || errno == ENOENT ? Result<void>{} : failed("remove", path);
  }
  Result<void> make_directory(const std::string& path) override {
    std::error_code problem;
    std::filesystem::create_directories(path, problem);
    return problem ? Result<void>{Error{"cannot make " + path + ": " + problem.message()}} : Result<void>{};
  }
  Result<void> sync_directory(const std::string& path) override {
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    return fd.valid() && ::fsync(fd.get()) == 0 ? Result<void>{} : failed("sync", path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    std::vector<std::string> names;
    std::error_code problem;
    if (!std::filesystem::exists(path, problem)) {
      return names;
    }
    for (std::filesystem::directory_iterator entry{path, problem}, end; !problem && entry != end;
         entry.increment(problem)) {
      if (entry->is_regular_file(problem)) {
        names.push_back(entry->path().filename().string());
      }
    }
    if (problem) {
      return Error{"cannot list " + path + ": " + problem.message()};
    }
    std::sort(names.begin(), names.end());
    return names;
  }
};

}  // namespace

Storage& posix_storage() {
  static PosixStorage storage;
  return storage;
}

}  // namespace geocommit
