#include "client/outcomes.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

namespace geocommit {
namespace {

constexpr std::string_view kMagic = "GCOUTC01";
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kFrameBytes = 6;
constexpr std::size_t kFixedBytes = 8 + 16 + 4 + 16;
constexpr std::size_t kOperationBytes = 17;
constexpr std::size_t kReadBytes = 4 + 8 + 16 + 8;
constexpr std::uint8_t kMeasured = 1, kHasRead = 2;
constexpr std::size_t kWriteAt = 1U << 20U;
constexpr std::uintmax_t kFileMax = std::uintmax_t{16} << 30U;
constexpr auto kLastReason = static_cast<std::uint8_t>(Reason::forgotten);
constexpr auto kLastOutcome = static_cast<std::uint8_t>(Outcome::abort);

template <class Int>
void put(std::string& out, Int value) {
  auto bits = static_cast<std::uint64_t>(value);
  for (std::size_t i = 0; i < sizeof(Int); ++i) {
    out.push_back(static_cast<char>(bits & 0xffU));
    bits >>= 8U;
  }
}

template <class Int>
Int get(std::string_view& in) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sizeof(Int); ++i) {
    bits |= std::uint64_t{static_cast<unsigned char>(in[i])} << (8 * i);
  }
  in.remove_prefix(sizeof(Int));
  return static_cast<Int>(bits);
}

std::uint32_t fnv(std::string_view bytes) {
  std::uint32_t h = 0x811c9dc5U;
  for (const char c : bytes) {
    h = (h ^ static_cast<unsigned char>(c)) * 0x01000193U;
  }
  return h;
}

TxnId get_txn(std::string_view& in) {
  const NodeId coordinator{get<std::uint32_t>(in)};
  const Epoch epoch{get<std::uint32_t>(in)};
  return {coordinator, epoch, get<std::uint64_t>(in)};
}

void put(std::string& out, const TxnId& txn) {
  put(out, txn.coordinator.value);
  put(out, txn.epoch.value);
  put(out, txn.counter);
}

bool decode_reads(std::string_view in, std::vector<ReadValue>& out) {
  const std::size_t count = in.empty() ? 0 : get<std::uint8_t>(in);
  if (count == 0 || in.size() != count * kReadBytes) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const NodeId site{get<std::uint32_t>(in)};
    const Entity entity{get<std::uint64_t>(in)};
    const TxnId version = get_txn(in);
    out.push_back({site, entity, version, get<std::int64_t>(in)});
  }
  return true;
}

/// False: not what a writer writes.
bool decode(std::string_view in, ClientOutcome& out) {
  if (in.size() < kFixedBytes) {
    return false;
  }
  out.request.sequence = get<std::uint64_t>(in);
  out.txn = get_txn(in);
  const auto outcome = get<std::uint8_t>(in);
  const auto reason = get<std::uint8_t>(in);
  const auto flags = get<std::uint8_t>(in);
  const auto operations = get<std::uint8_t>(in);
  out.intended_start = Duration{get<std::int64_t>(in)};
  out.latency = Duration{get<std::int64_t>(in)};
  if (outcome > kLastOutcome || reason > kLastReason || flags > (kMeasured | kHasRead) ||
      in.size() < operations * kOperationBytes) {
    return false;
  }
  out.outcome = static_cast<Outcome>(outcome);
  out.reason = static_cast<Reason>(reason);
  out.measured = (flags & kMeasured) != 0;
  out.operations.reserve(operations);
  for (std::uint8_t i = 0; i < operations; ++i) {
    const Entity entity{get<std::uint64_t>(in)};
    const auto delta = get<std::int64_t>(in);
    out.operations.push_back({entity, delta, get<std::uint8_t>(in) != 0});
  }
  return (flags & kHasRead) == 0 ? in.empty() : decode_reads(in, out.reads);
}

}  // namespace

Result<std::unique_ptr<OutcomeWriter>> OutcomeWriter::create(const std::filesystem::path& file, NodeId client,
                                                             RegionId origin) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) {
    return Error{"cannot write " + file.string() + ": " + std::strerror(errno)};
  }
  auto writer = std::unique_ptr<OutcomeWriter>(new OutcomeWriter(fd, file.string()));
  writer->buffer_ = kMagic;
  put(writer->buffer_, client.value);
  put(writer->buffer_, origin.value);
  if (auto done = writer->flush(); !done) {
    return done.error();
  }
  return writer;
}

OutcomeWriter::~OutcomeWriter() {
  write_out();
  ::close(fd_);
}

void OutcomeWriter::append(const ClientOutcome& outcome) {
  const std::size_t n = outcome.operations.size() <= kOperationsInRecord ? outcome.operations.size() : 0;
  const std::size_t m = outcome.reads.size() <= kOperationsInRecord ? outcome.reads.size() : 0;
  const std::size_t frame = buffer_.size();
  put(buffer_, static_cast<std::uint16_t>(kFixedBytes + n * kOperationBytes + (m > 0 ? 1 + m * kReadBytes : 0)));
  put(buffer_, std::uint32_t{0});
  put(buffer_, outcome.request.sequence);
  put(buffer_, outcome.txn);
  put(buffer_, static_cast<std::uint8_t>(outcome.outcome));
  put(buffer_, static_cast<std::uint8_t>(outcome.reason));
  put(buffer_, static_cast<std::uint8_t>((outcome.measured ? kMeasured : 0) | (m > 0 ? kHasRead : 0)));
  put(buffer_, static_cast<std::uint8_t>(n));
  put(buffer_, std::int64_t{outcome.intended_start.count()});
  put(buffer_, std::int64_t{outcome.latency.count()});
  for (std::size_t i = 0; i < n; ++i) {
    put(buffer_, outcome.operations[i].entity.value);
    put(buffer_, outcome.operations[i].delta);
    put(buffer_, static_cast<std::uint8_t>(outcome.operations[i].read ? 1 : 0));
  }
  if (m > 0) {
    put(buffer_, static_cast<std::uint8_t>(m));
  }
  for (std::size_t i = 0; i < m; ++i) {
    put(buffer_, outcome.reads[i].site.value);
    put(buffer_, outcome.reads[i].entity.value);
    put(buffer_, outcome.reads[i].version);
    put(buffer_, outcome.reads[i].value);
  }
  const std::uint32_t sum = fnv(std::string_view(buffer_).substr(frame + kFrameBytes));
  for (std::size_t i = 0; i < sizeof sum; ++i) {
    buffer_[frame + 2 + i] = static_cast<char>(sum >> (8 * i) & 0xffU);
  }
  if (buffer_.size() >= kWriteAt) {
    write_out();
  }
}

void OutcomeWriter::write_out() {
  std::string_view rest = buffer_;
  while (!rest.empty() && problem_.empty()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written > 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (written < 0 && errno != EINTR) {
      problem_ = "cannot write " + path_ + ": " + std::strerror(errno);
    }
  }
  buffer_.clear();
}

Result<void> OutcomeWriter::flush() {
  write_out();
  return problem_.empty() ? Result<void>{} : Result<void>{Error{problem_}};
}

Result<OutcomeFile> read_outcomes(const std::filesystem::path& file) {
  std::error_code failed;
  const std::uintmax_t size = std::filesystem::file_size(file, failed);
  if (failed || size > kFileMax) {
    return Error{"cannot read " + file.string() + ": " + (failed ? failed.message() : "it is too large")};
  }
  std::string bytes(size, '\0');
  std::ifstream stream(file, std::ios::binary);
  if (!stream.read(bytes.data(), static_cast<std::streamsize>(size))) {
    return Error{"cannot read " + file.string()};
  }
  std::string_view in = bytes;
  if (in.size() < kHeaderBytes || in.substr(0, kMagic.size()) != kMagic) {
    return Error{file.string() + " is not a client's outcome file"};
  }
  in.remove_prefix(kMagic.size());
  OutcomeFile out;
  out.client = NodeId{get<std::uint32_t>(in)};
  out.origin = RegionId{get<std::uint32_t>(in)};
  while (!in.empty()) {
    const std::size_t at = size - in.size();
    std::string_view frame = in;
    if (frame.size() < kFrameBytes) {
      out.cut_short = true;
      return out;
    }
    const auto length = get<std::uint16_t>(frame);
    const auto sum = get<std::uint32_t>(frame);
    if (frame.size() < length) {
      out.cut_short = true;
      return out;
    }
    ClientOutcome outcome;
    if (fnv(frame.substr(0, length)) != sum || !decode(frame.substr(0, length), outcome)) {
      return Error{file.string() + " is damaged at offset " + std::to_string(at)};
    }
    outcome.request.client = out.client;
    outcome.origin = out.origin;
    out.outcomes.push_back(std::move(outcome));
    in.remove_prefix(kFrameBytes + length);
  }
  return out;
}

}  // namespace geocommit
