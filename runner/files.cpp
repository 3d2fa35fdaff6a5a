#include "runner/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "runtime/unique_fd.h"

namespace geocommit {
namespace {

Error failed(const std::filesystem::path& file, const char* what) {
  return Error{file.string() + ": cannot be " + what + ": " + std::strerror(errno)};
}

}  // namespace

Result<void> write_file(const std::filesystem::path& file, std::string_view text) {
  const std::filesystem::path temporary = file.string() + ".tmp";
  {
    const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
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

Result<Duration> measure_forced_write(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / ".forced-write-probe";
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd.valid()) return failed(file, "opened for writing");
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
  ::unlink(file.c_str());
  std::nth_element(taken.begin(), taken.begin() + kBlocks / 2, taken.end());
  return taken[kBlocks / 2];
}

}  // namespace geocommit
