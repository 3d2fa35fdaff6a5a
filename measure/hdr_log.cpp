#include "measure/hdr_log.h"

#include <algorithm>
#include <bit>
#include <map>

namespace geocommit {
namespace {

// Three digits: values below 2048 have a count each, then each power of two has 1024.
constexpr std::uint32_t kDigits = 3;
constexpr std::uint32_t kHalfBits = 10;
constexpr std::uint64_t kHalf = std::uint64_t{1} << kHalfBits;
constexpr std::uint64_t kHighest = (std::uint64_t{1} << 44U) - 1;
constexpr std::size_t kHeaderBytes = 40;

std::size_t index_of(std::uint64_t value) {
  const auto bits = static_cast<std::uint32_t>(std::bit_width(value | (2 * kHalf - 1)));
  const std::uint32_t bucket = bits - (kHalfBits + 1);
  return (static_cast<std::size_t>(bucket) << kHalfBits) + static_cast<std::size_t>(value >> bucket);
}

/// The middle of the values that share this index.
std::uint64_t value_of(std::size_t index) {
  if (index < 2 * kHalf) return index;
  const std::size_t bucket = (index >> kHalfBits) - 1;
  const std::uint64_t lowest = (static_cast<std::uint64_t>(index & (kHalf - 1)) + kHalf) << bucket;
  return lowest + (std::uint64_t{1} << bucket) / 2;
}

const std::size_t kIndices = index_of(kHighest) + 1;

void put_long(std::string& to, std::uint64_t value) {
  put_word(to, static_cast<std::uint32_t>(value >> 32U));
  put_word(to, static_cast<std::uint32_t>(value));
}

/// Zigzag, then seven bits a byte, low first; a ninth byte holds eight.
void put_variable(std::string& to, std::int64_t signed_value) {
  auto value = (static_cast<std::uint64_t>(signed_value) << 1U) ^ static_cast<std::uint64_t>(signed_value >> 63U);
  for (int i = 0; i < 8 && value >= 0x80; ++i) {
    to += static_cast<char>((value & 0x7fU) | 0x80U);
    value >>= 7U;
  }
  to += static_cast<char>(value);
}

std::optional<std::int64_t> take_variable(std::string_view bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (std::uint32_t i = 0; i < 9; ++i) {
    if (at >= bytes.size()) return std::nullopt;
    const std::uint64_t byte = static_cast<unsigned char>(bytes[at++]);
    if (i == 8) {
      value |= byte << 56U;
      break;
    }
    value |= (byte & 0x7fU) << (7 * i);
    if ((byte & 0x80U) == 0) break;
  }
  return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
}

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

void put_word(std::string& to, std::uint32_t value) {
  for (const std::uint32_t shift : {24U, 16U, 8U, 0U}) to += static_cast<char>((value >> shift) & 0xffU);
}

std::optional<std::uint32_t> word_at(std::string_view bytes, std::size_t at) {
  if (bytes.size() < 4 || at > bytes.size() - 4) return std::nullopt;
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) out = (out << 8U) | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

std::string encode_hdr(const Histogram& histogram) {
  std::map<std::size_t, std::uint64_t> counts;
  for (const auto& [bucket, count] : histogram.buckets()) {
    const Duration low = Histogram::bucket_lower(bucket);
    const Duration middle = low + (Histogram::bucket_upper(bucket) - low) / 2;
    const Duration value = std::clamp(middle, histogram.min(), std::max(histogram.min(), histogram.max()));
    counts[index_of(std::min(static_cast<std::uint64_t>(value.count()), kHighest))] += count;
  }
  std::string payload;
  std::size_t next = 0;
  for (const auto& [index, count] : counts) {
    // A run of zeros is one negative number.
    if (index > next) put_variable(payload, -static_cast<std::int64_t>(index - next));
    put_variable(payload, static_cast<std::int64_t>(count));
    next = index + 1;
  }
  std::string out;
  put_word(out, kHdrCookie);
  put_word(out, static_cast<std::uint32_t>(payload.size()));
  put_word(out, 0);  // Normalizing index offset.
  put_word(out, kDigits);
  put_long(out, 1);  // Lowest discernible value.
  put_long(out, kHighest);
  put_long(out, std::bit_cast<std::uint64_t>(1.0));  // Ratio of integer to double values.
  return out + payload;
}

std::optional<Histogram> decode_hdr(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const auto word = [&](std::size_t at) { return word_at(bytes, at).value_or(0); };
  if (word(0) != kHdrCookie || word(8) != 0 || word(12) != kDigits || word(16) != 0 || word(20) != 1)
    return std::nullopt;
  if (word(4) != bytes.size() - kHeaderBytes) return std::nullopt;
  Histogram out;
  std::size_t index = 0;
  for (std::size_t at = kHeaderBytes; at < bytes.size();) {
    const auto value = take_variable(bytes, at);
    if (!value) return std::nullopt;
    if (*value < 0) {
      if (*value < -static_cast<std::int64_t>(kIndices)) return std::nullopt;
      index += static_cast<std::size_t>(-*value);
    } else {
      if (index >= kIndices) return std::nullopt;
      out.record(Duration{static_cast<Duration::rep>(value_of(index++))}, static_cast<std::uint64_t>(*value));
    }
    if (index > kIndices) return std::nullopt;
  }
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      three = (three << 8U) | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::uint32_t k = 0; k < 4; ++k) {
      out += i + k > bytes.size() ? '=' : kAlphabet[(three >> (18 - 6 * k)) & 0x3fU];
    }
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  std::uint32_t bits = 0;
  std::uint32_t have = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '=' && i + 2 >= text.size() && text.find_first_not_of('=', i) == std::string_view::npos) break;
    const std::size_t value = kAlphabet.find(text[i]);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out += static_cast<char>((bits >> have) & 0xffU);
  }
  return out;
}

}  // namespace geocommit
