#include "runtime/log/synced_mark.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

#include "os/unique_fd.h"
#include "runtime/log/crc32c.h"
#include "runtime/log/frame.h"
#include "runtime/log/storage.h"

namespace geocommit {
namespace {

// One slot is written while the other is whole. Native byte order: the file never leaves its machine.
struct Slot {
  std::uint64_t count{};  // Of set(); the higher of two whole slots counts. 0: never written.
  SyncedPlace place;
  std::uint32_t check{}, zero{};
};
constexpr std::size_t kSlots = 2;
constexpr std::size_t kFileBytes = 4096;
static_assert(sizeof(Slot) == 40 && kSlots * sizeof(Slot) <= kFileBytes);

std::uint32_t check_of(const Slot& slot) {
  std::array<char, sizeof slot.count + sizeof slot.place> bytes{};
  std::memcpy(bytes.data(), &slot.count, sizeof slot.count);
  std::memcpy(bytes.data() + sizeof slot.count, &slot.place, sizeof slot.place);
  return crc32c({bytes.data(), bytes.size()});
}

/// The newest whole slot; count 0 if there is none.
Slot newest(const char* file) {
  Slot best;
  for (std::size_t i = 0; i < kSlots; ++i) {
    Slot slot;
    std::memcpy(&slot, file + i * sizeof(Slot), sizeof slot);
    if (slot.count > best.count && slot.check == check_of(slot)) {
      best = slot;
    }
  }
  return best;
}

Error failed(const char* what, const std::filesystem::path& path) {
  return Error{std::string{"cannot "} + what + " " + path.string() + ": " + std::strerror(errno)};
}

/// Where the last byte that is not zero ends, from `offset` on.
std::uint64_t used_end(const std::filesystem::path& path, std::uint64_t offset) {
  std::ifstream in{path, std::ios::binary};
  in.seekg(static_cast<std::streamoff>(offset));
  std::vector<char> piece(1U << 20U);
  std::uint64_t end = offset;
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto got = static_cast<std::size_t>(in.gcount());
    for (std::size_t i = 0; i < got; ++i) {
      if (piece[i] != 0) {
        end = offset + i + 1;
      }
    }
    offset += got;
  }
  return end;
}

/// splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014), one draw.
std::uint64_t mix(std::uint64_t seed) {
  std::uint64_t z = seed + 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31U);
}

}  // namespace

Result<std::unique_ptr<SyncedMark>> SyncedMark::open(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / kSyncedMarkName;
  const UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640)};
  if (!fd.valid()) {
    return failed("make", path);
  }
  if (const int problem = ::posix_fallocate(fd.get(), 0, kFileBytes); problem != 0) {
    errno = problem;
    return failed("reserve space for", path);
  }
  void* memory = ::mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) {
    return failed("map", path);
  }
  std::unique_ptr<SyncedMark> mark{new SyncedMark(memory)};
  mark->count_ = newest(static_cast<const char*>(memory)).count;
  return mark;
}

SyncedMark::~SyncedMark() { (void)::munmap(memory_, kFileBytes); }

void SyncedMark::set(const SyncedPlace& place) {
  Slot slot;
  slot.count = ++count_;
  slot.place = place;
  slot.check = check_of(slot);
  std::memcpy(static_cast<char*>(memory_) + (count_ % kSlots) * sizeof slot, &slot, sizeof slot);
}

Result<std::optional<SyncedPlace>> SyncedMark::read(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / kSyncedMarkName;
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) {
    return std::optional<SyncedPlace>{};
  }
  const Result<std::string> bytes = posix_storage().read(path.string());
  if (!bytes) {
    return bytes.error();
  }
  Result<std::optional<SyncedPlace>> place = decode_mark(bytes.value());
  return place ? place : Result<std::optional<SyncedPlace>>{Error{path.string() + ": " + place.error().message}};
}

Result<std::optional<SyncedPlace>> decode_mark(std::string_view file) {
  if (file.size() < kSlots * sizeof(Slot)) {
    return Error{"is too short to be the mark of a log"};
  }
  const Slot slot = newest(file.data());
  return slot.count == 0 ? std::optional<SyncedPlace>{} : std::optional{slot.place};
}

Result<LostTail> lose_unsynced(const std::filesystem::path& directory, std::optional<std::uint64_t> torn_seed) {
  const Result<std::optional<SyncedPlace>> mark = SyncedMark::read(directory);
  if (!mark) {
    return mark.error();
  }
  LostTail lost;
  std::error_code problem;
  std::vector<std::filesystem::path> undurable;
  std::filesystem::path last;
  for (std::filesystem::directory_iterator entry{directory, problem}, end; !problem && entry != end;
       entry.increment(problem)) {
    const std::optional<std::uint64_t> number = segment_number(entry->path().filename().string());
    if (number && mark.value() && *number == mark.value()->segment) {
      last = entry->path();
    } else if (number && (!mark.value() || *number > mark.value()->segment)) {
      undurable.push_back(entry->path());
    }
  }
  if (problem) {
    return Error{"cannot list " + directory.string() + ": " + problem.message()};
  }
  if (mark.value() && last.empty()) {
    return Error{directory.string() + ": segment " + std::to_string(mark.value()->segment) +
                 ", which had been synced, is missing"};
  }
  for (const std::filesystem::path& path : undurable) {  // Its name never reached the disk, so no byte of it counts.
    ++lost.segments;
    lost.bytes += used_end(path, 0);
    if (!std::filesystem::remove(path, problem)) {
      return Error{"cannot remove " + path.string() + ": " + problem.message()};
    }
  }
  if (last.empty()) {
    return lost;
  }
  const std::uint64_t used = used_end(last, mark.value()->offset) - mark.value()->offset;
  const std::uint64_t kept = torn_seed && used > 0 ? mix(*torn_seed) % (used + 1) : 0;
  lost.bytes += used - kept;
  std::filesystem::resize_file(last, mark.value()->offset + kept, problem);
  if (problem) {
    return Error{"cannot cut " + last.string() + ": " + problem.message()};
  }
  return lost;
}

}  // namespace geocommit
