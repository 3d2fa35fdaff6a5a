// Histograms in the interchange form of HdrHistogram: its encoding "V2" (before compression) and base64. Pure; the file
// is written by report/histogram_log.h. Format: HdrHistogram's own sources (AbstractHistogram.encodeIntoByteBuffer,
// ZigZagEncoding), described in docs/results.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "measure/histogram.h"

namespace geocommit {

/// First words of an encoding; 0x10 in the low byte: counts are variable-length integers.
inline constexpr std::uint32_t kHdrCookie = 0x1c849313, kHdrCompressedCookie = 0x1c849314;

/// Values are nanoseconds, three significant digits (an error below 0.1 %, half of our own buckets'); each of our
/// buckets counts at its middle, the extreme ones not beyond min and max.
[[nodiscard]] std::string encode_hdr(const Histogram& histogram);

/// The inverse, up to the bucket's width. None if it is not such an encoding (of three digits, nanoseconds); never
/// reads past the text, whatever it says.
[[nodiscard]] std::optional<Histogram> decode_hdr(std::string_view bytes);

/// Big-endian, as the format has it.
void put_word(std::string& to, std::uint32_t value);
[[nodiscard]] std::optional<std::uint32_t> word_at(std::string_view bytes, std::size_t at);

[[nodiscard]] std::string base64(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace geocommit
