#include "report/histogram_log.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "measure/hdr_log.h"

namespace geocommit {
namespace {

constexpr std::size_t kDecodedMax = std::size_t{1} << 20;  ///< 35,000 counts of 9 bytes are a third of it.

std::string compressed(const std::string& bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::string out(size, '\0');
  if (::compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                  static_cast<uLong>(bytes.size()), Z_BEST_COMPRESSION) != Z_OK) {
    return "";
  }
  out.resize(size);
  return out;
}

std::optional<std::string> decompressed(std::string_view bytes) {
  std::string out(kDecodedMax, '\0');
  auto size = static_cast<uLongf>(out.size());
  if (::uncompress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                   static_cast<uLong>(bytes.size())) != Z_OK) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

std::optional<Histogram> decode_line(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes || word_at(*bytes, 0) != kHdrCompressedCookie) return std::nullopt;
  const auto length = word_at(*bytes, 4);
  if (!length || *length != bytes->size() - 8) return std::nullopt;
  const auto plain = decompressed(std::string_view(*bytes).substr(8));
  return plain ? decode_hdr(*plain) : std::nullopt;
}

}  // namespace

HistogramLog::HistogramLog()
    : text_(
          "#[Histogram log format version 1.3]\n"
          "#[Values are nanoseconds; Interval_Max is in milliseconds]\n"
          "#[StartTime: 0.000 (seconds since epoch), of each cell's measurement window]\n"
          "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n") {}

void HistogramLog::add(const std::string& tag, const Histogram& histogram, Duration length) {
  if (histogram.count() == 0) return;
  const std::string packed = compressed(encode_hdr(histogram));
  std::string bytes;
  put_word(bytes, kHdrCompressedCookie);
  put_word(bytes, static_cast<std::uint32_t>(packed.size()));
  std::array<char, 96> numbers{};
  std::snprintf(numbers.data(), numbers.size(), ",0.000,%.3f,%.3f,", to_seconds(length), to_ms(histogram.max()));
  text_ += "Tag=" + tag + numbers.data() + base64(bytes + packed) + "\n";
}

std::optional<std::map<std::string, Histogram>> read_histogram_log(std::string_view text) {
  std::map<std::string, Histogram> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.empty() || line.front() == '#' || line.front() == '"') continue;
    const std::size_t tag = line.find(',');
    const std::size_t last = line.rfind(',');
    if (!line.starts_with("Tag=") || tag == std::string_view::npos) return std::nullopt;
    auto histogram = decode_line(line.substr(last + 1));
    if (!histogram) return std::nullopt;
    out[std::string(line.substr(4, tag - 4))] = std::move(*histogram);
  }
  return out;
}

}  // namespace geocommit
