// Numbers as few bytes: what a state is kept as.
#pragma once

#include <cstdint>
#include <string_view>

namespace geocommit::explore::packed {

inline constexpr std::uint16_t kLate = 0x8000;  ///< Of a message in flight: a second copy.

class Writer {
 public:
  /// There must be 10 bytes for the largest of numbers, 3 for a message.
  explicit Writer(char* to) : at_(to) {}
  [[nodiscard]] char* end() const { return at_; }

  /// LEB128: seven bits a byte, the low ones first.
  void put(std::uint64_t value) {
    for (; value >= 0x80U; value >>= 7U) {
      *at_++ = static_cast<char>(value | 0x80U);
    }
    *at_++ = static_cast<char>(value);
  }
  /// Messages in flight: ascending, the late copies last. Of each only what it has more than the one before it.
  template <class Messages>
  void put_messages(const Messages& messages, std::size_t count) {
    std::uint32_t before = 0;
    bool late = false;
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_late = (messages[i] & kLate) != 0;
      before = is_late == late ? before : 0;
      late = is_late;
      const std::uint32_t number = messages[i] & (kLate - 1U);
      put((number - before) << 1U | (late ? 1U : 0U));
      before = number;
    }
  }

 private:
  char* at_;
};

[[nodiscard]] inline std::uint64_t get(std::string_view bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80U) {
      return value;
    }
  }
}

template <class Add>
void get_messages(std::string_view bytes, std::size_t& at, const Add& add) {
  std::uint32_t before = 0;
  bool late = false;
  while (at < bytes.size()) {
    const auto coded = static_cast<std::uint32_t>(get(bytes, at));
    const bool is_late = (coded & 1U) != 0;
    before = (is_late == late ? before : 0) + (coded >> 1U);
    late = is_late;
    add(static_cast<std::uint16_t>(before | (late ? kLate : 0U)));
  }
}

/// Counts of which it is known how many values each can have, as one number; read in the opposite order.
class Counts {
 public:
  explicit Counts(std::uint64_t number = 0) : number_(number) {}
  void add(std::uint64_t value, std::uint64_t choices) {
    number_ = number_ * choices + (value < choices ? value : choices - 1);
  }
  [[nodiscard]] std::uint8_t take(std::uint64_t choices) {
    const auto least = static_cast<std::uint8_t>(number_ % choices);
    number_ /= choices;
    return least;
  }
  [[nodiscard]] std::uint64_t number() const { return number_; }

 private:
  std::uint64_t number_;
};

}  // namespace geocommit::explore::packed
