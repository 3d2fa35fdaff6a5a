#include "runtime/events/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <tuple>
#include <utility>

#include "os/unique_fd.h"

namespace geocommit {
namespace {

/// Before the records of both files.
struct Header {
  std::array<char, 8> magic{'G', 'C', 'E', 'V', 'E', 'N', 'T', '1'};
  std::uint32_t node{}, record_bytes{sizeof(Event)};
  std::uint64_t capacity{};  ///< The window's, in records; 0 in events.bin.
  std::uint64_t written{};   ///< Into the window, ever.
  std::array<std::uint64_t, 2> reserved{};
};
static_assert(sizeof(Header) == sizeof(Event));
constexpr std::uint64_t kCapacityMost = 1U << 24U;
constexpr std::uintmax_t kFileMost = 1ULL << 30U;

Error failed(const std::string& what, const std::filesystem::path& file) {
  return Error{what + " " + file.string() + ": " + std::strerror(errno)};
}

bool is_ours(const Header& header) {
  return header.magic == Header{}.magic && header.record_bytes == sizeof(Event) && header.capacity <= kCapacityMost;
}

bool write_all(int fd, const void* data, std::size_t bytes) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t done = ::write(fd, from, bytes);
    if (done <= 0 && errno != EINTR) {
      return false;
    }
    from += std::max<ssize_t>(done, 0);
    bytes -= static_cast<std::size_t>(std::max<ssize_t>(done, 0));
  }
  return true;
}

struct Raw {
  Header header;
  std::vector<Event> records;
  bool torn{};
};

Result<Raw> read_raw(const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  std::ifstream in(file, std::ios::binary);
  if (error || !in || bytes > kFileMost) {
    return Error{file.string() + (bytes > kFileMost && !error ? ": too large" : ": cannot be read")};
  }
  Raw out;
  if (!in.read(reinterpret_cast<char*>(&out.header), sizeof out.header) || !is_ours(out.header)) {
    return Error{file.string() + ": no event log"};
  }
  out.records.resize(static_cast<std::size_t>(bytes / sizeof(Event) - 1));
  out.torn = bytes % sizeof(Event) != 0;
  if (!in.read(reinterpret_cast<char*>(out.records.data()),
               static_cast<std::streamsize>(out.records.size() * sizeof(Event)))) {
    return Error{file.string() + ": cannot be read"};
  }
  return out;
}

std::string name_in(const Event& event) {
  std::string text;
  const auto put = [&](const auto& field) { text.append(reinterpret_cast<const char*>(&field), sizeof field); };
  put(event.counter);
  put(event.coordinator);
  put(event.epoch);
  put(event.peer);
  put(event.extra);
  return text.c_str();  // Up to the first zero.
}

}  // namespace

class EventFiles::Impl {
 public:
  ~Impl() {
    if (mapped_ != nullptr) {
      ::munmap(mapped_, mapped_bytes_);
    }
  }

  Result<void> open_kept(const std::filesystem::path& file, NodeId node) {
    kept_ = UniqueFd{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
    struct stat status {};
    if (!kept_.valid() || ::fstat(kept_.get(), &status) != 0) {
      return failed("cannot open", file);
    }
    Header header;
    auto bytes = static_cast<std::size_t>(status.st_size);
    if (bytes >= sizeof header &&
        (::pread(kept_.get(), &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header) || !is_ours(header))) {
      return Error{file.string() + ": no event log"};
    }
    if (bytes < sizeof header) {
      header = {};
      header.node = node.value;
      if (::ftruncate(kept_.get(), 0) != 0 || !write_all(kept_.get(), &header, sizeof header)) {
        return failed("cannot write", file);
      }
      bytes = sizeof header;
    }
    bytes -= bytes % sizeof(Event);
    if (::ftruncate(kept_.get(), static_cast<off_t>(bytes)) != 0 ||
        ::lseek(kept_.get(), static_cast<off_t>(bytes), SEEK_SET) < 0) {
      return failed("cannot write", file);
    }
    kept_bytes_ = bytes - sizeof header;
    return {};
  }

  /// Its blocks are reserved: a mapped file on a full disk would be a SIGBUS.
  bool map_window(const std::filesystem::path& file, NodeId node, std::size_t capacity) {
    const std::size_t bytes = sizeof(Header) + capacity * sizeof(Event);
    const UniqueFd fd{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
    struct stat status {};
    if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
      return false;
    }
    Header header;
    const bool continues = status.st_size == static_cast<off_t>(bytes) &&
                           ::pread(fd.get(), &header, sizeof header, 0) == static_cast<ssize_t>(sizeof header) &&
                           is_ours(header) && header.capacity == capacity;
    if (!continues &&
        (::ftruncate(fd.get(), 0) != 0 || ::posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes)) != 0)) {
      (void)::unlink(file.c_str());
      return false;
    }
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (at == MAP_FAILED) {
      return false;
    }
    mapped_ = at;
    mapped_bytes_ = bytes;
    header_ = static_cast<Header*>(at);
    if (!continues) {
      *header_ = {};
      header_->node = node.value;
      header_->capacity = capacity;
    }
    slots_ = reinterpret_cast<Event*>(header_ + 1);
    return true;
  }

  void window_in_memory(std::size_t capacity) {
    memory_.resize(capacity);
    slots_ = memory_.data();
    header_ = &own_header_;
    header_->capacity = capacity;
  }

  UniqueFd kept_;
  std::size_t kept_bytes_{};
  bool broken_{};
  Header* header_{};
  Event* slots_{};

 private:
  void* mapped_{};
  std::size_t mapped_bytes_{};
  Header own_header_;
  std::vector<Event> memory_;
};

EventFiles::EventFiles(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventFiles::~EventFiles() = default;

Result<std::unique_ptr<EventFiles>> EventFiles::open(const std::filesystem::path& folder, NodeId node,
                                                     const TraceSettings& settings) {
  auto impl = std::make_unique<Impl>();
  if (Result<void> opened = impl->open_kept(folder / kEventsFile, node); !opened) {
    return opened.error();
  }
  const std::size_t capacity = std::clamp<std::size_t>(settings.window, 1, kCapacityMost);
  if (!impl->map_window(folder / kEventsWindowFile, node, capacity)) {
    impl->window_in_memory(capacity);
  }
  return std::unique_ptr<EventFiles>{new EventFiles(std::move(impl))};
}

EventWindow EventFiles::window() {
  return {impl_->slots_, static_cast<std::size_t>(impl_->header_->capacity), &impl_->header_->written};
}

std::size_t EventFiles::kept_bytes() const { return impl_->kept_bytes_; }

void EventFiles::append(const Event* events, std::size_t count) {
  impl_->broken_ = impl_->broken_ || !write_all(impl_->kept_.get(), events, count * sizeof(Event));
}

Result<NodeEvents> read_events(const std::filesystem::path& folder, const std::function<bool(const TxnId&)>& wanted) {
  Result<Raw> kept = read_raw(folder / kEventsFile);
  if (!kept) {
    return kept.error();
  }
  NodeEvents out;
  out.node = NodeId{kept.value().header.node};
  out.torn = kept.value().torn;
  for (const Event& event : kept.value().records) {
    if (event.type == EventType::name) {
      out.names[event.value] = name_in(event);
    } else if (event.type == EventType::full) {
      out.full = true;
    } else {
      out.events.push_back(event);
    }
  }
  std::error_code error;
  if (std::filesystem::exists(folder / kEventsWindowFile, error)) {
    if (Result<Raw> recent = read_raw(folder / kEventsWindowFile); recent) {
      Raw& raw = recent.value();
      EventWindow(raw.records.data(), raw.records.size(), &raw.header.written).for_each([&](const Event& event) {
        if (wanted(event.txn())) {
          out.events.push_back(event);
        }
      });
    }
  }
  // What came out of the window is behind what happened meanwhile, and may be there twice after a crash.
  std::stable_sort(out.events.begin(), out.events.end(),
                   [](const Event& a, const Event& b) { return a.t_ns < b.t_ns; });
  std::vector<Event> once;
  for (const Event& event : out.events) {
    bool known = false;
    for (auto at = once.rbegin(); at != once.rend() && at->t_ns == event.t_ns && !known; ++at) {
      known = at->same(event);
    }
    if (!known) {
      once.push_back(event);
    }
  }
  out.events = std::move(once);
  return out;
}

Result<void> settle_events(const std::filesystem::path& folder, const std::function<bool(const TxnId&)>& wanted) {
  const std::filesystem::path window = folder / kEventsWindowFile;
  std::error_code error;
  if (!std::filesystem::exists(window, error)) {
    return {};
  }
  Result<Raw> recent = read_raw(window);
  if (recent) {
    const UniqueFd kept{::open((folder / kEventsFile).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)};
    struct stat status {};
    if (!kept.valid() || ::fstat(kept.get(), &status) != 0 ||
        ::ftruncate(kept.get(), status.st_size - status.st_size % static_cast<off_t>(sizeof(Event))) != 0) {
      return failed("cannot open", folder / kEventsFile);
    }
    Raw& raw = recent.value();
    bool written = true;
    EventWindow(raw.records.data(), raw.records.size(), &raw.header.written).for_each([&](const Event& event) {
      if (written && wanted(event.txn())) {
        written = write_all(kept.get(), &event, sizeof event);
      }
    });
    if (!written) {
      return failed("cannot write", folder / kEventsFile);
    }
  }
  std::filesystem::remove(window, error);
  return recent ? Result<void>{} : Result<void>{recent.error()};
}

Result<void> write_events(const std::filesystem::path& folder, NodeId node, const std::vector<Event>& events) {
  const std::filesystem::path file = folder / kEventsFile;
  const UniqueFd fd{::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
  Header header;
  header.node = node.value;
  if (!fd.valid() || !write_all(fd.get(), &header, sizeof header) ||
      !write_all(fd.get(), events.data(), events.size() * sizeof(Event))) {
    return failed("cannot write", file);
  }
  return {};
}

}  // namespace geocommit
