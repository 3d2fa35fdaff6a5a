#include "os/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "os/unique_fd.h"

namespace geocommit {
namespace {

Error failed(const std::filesystem::path& file, const char* what) {
  return Error{file.string() + ": cannot be " + what + ": " + std::strerror(errno)};
}

/// A file of a name that nobody can foresee, which is there only while this lives. It has its name until then, as some
/// file systems do not sync what has none; Ctrl-C waits, so that it is not left behind.
class ProbeFile {
 public:
  explicit ProbeFile(const std::filesystem::path& folder) {
    sigset_t ends;
    ::sigemptyset(&ends);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaddset(&ends, number);
    ::pthread_sigmask(SIG_BLOCK, &ends, &before_);
    std::string name = (folder / ".geocommit-probe-XXXXXX").string();
    fd_ = UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
    path_ = name;
  }
  ~ProbeFile() {
    if (fd_.valid()) ::unlink(path_.c_str());
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  ProbeFile(const ProbeFile&) = delete;
  ProbeFile& operator=(const ProbeFile&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const UniqueFd& fd() const { return fd_; }

 private:
  sigset_t before_{};
  UniqueFd fd_;
  std::filesystem::path path_;
};

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

/// Bytes of the character that the text begins with; 0: it is not UTF-8 (RFC 3629, section 4).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return at(i) >= low && at(i) <= high;
  };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    return follows(1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    return follows(1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

Result<void> write_file(const std::filesystem::path& file, std::string_view text) {
  const std::filesystem::path temporary = file.string() + ".tmp";
  {
    // A file of our own making: never what somebody put there, were it a link to elsewhere.
    ::unlink(temporary.c_str());
    const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!fd.valid()) return failed(temporary, "opened for writing");
    while (!text.empty()) {
      const ssize_t written = ::write(fd.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return failed(temporary, "written");
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) return failed(file, "replaced");
  return {};
}

Result<void> make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Error{folder.string() + ": cannot be made: " + error.message()};
  return {};
}

Result<LineFile> LineFile::open(const std::filesystem::path& file) {
  LineFile out;
  out.name_ = file.string();
  out.file_.reset(std::fopen(file.c_str(), "ae"));
  if (!out.file_) return failed(file, "opened for writing");
  return out;
}

Result<void> LineFile::line(std::string_view text) {
  std::string whole(text);
  whole += '\n';
  if (std::fwrite(whole.data(), 1, whole.size(), file_.get()) != whole.size() || std::fflush(file_.get()) != 0) {
    return failed(name_, "written");
  }
  return {};
}

std::string csv(std::string_view field) {
  if (field.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(field);
  std::string out = "\"";
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    out += length > 0 ? text.substr(0, length) : kReplacement;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::filesystem::path nearest_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::absolute(path, error);
  while (!std::filesystem::is_directory(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

Result<Duration> measure_forced_write(const std::filesystem::path& folder) {
  const ProbeFile probe(folder);
  const std::filesystem::path& file = probe.path();
  if (!probe.fd().valid()) return failed(file, "opened for writing");
  const UniqueFd& fd = probe.fd();
  // Preallocated, as a log segment is: an append that grows the file costs another journal write.
  std::array<char, 4096> block{};
  constexpr int kBlocks = 32;
  for (int i = 0; i < kBlocks; ++i) {
    if (::pwrite(fd.get(), block.data(), block.size(), static_cast<off_t>(block.size()) * i) < 0) {
      return failed(file, "written");
    }
  }
  if (::fsync(fd.get()) != 0) return failed(file, "synced");
  std::vector<Duration> taken;
  for (int i = 0; i < kBlocks; ++i) {
    block.fill(static_cast<char>(i));
    const auto start = std::chrono::steady_clock::now();
    if (::pwrite(fd.get(), block.data(), 256, static_cast<off_t>(block.size()) * i) < 0 || ::fdatasync(fd.get()) != 0) {
      return failed(file, "written and synced");
    }
    taken.push_back(std::chrono::steady_clock::now() - start);
  }
  std::nth_element(taken.begin(), taken.begin() + kBlocks / 2, taken.end());
  return taken[kBlocks / 2];
}

}  // namespace geocommit
