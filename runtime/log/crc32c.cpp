#include "runtime/log/crc32c.h"

#include <array>
#include <cstddef>

namespace geocommit {
namespace {

constexpr std::uint32_t kPolynomialReflected = 0x82f63b78U;

// Slicing by four: table[k][b] is the CRC of byte b followed by k zero bytes.
using Tables = std::array<std::array<std::uint32_t, 256>, 4>;
constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kPolynomialReflected : 0U);
    }
    tables[0][byte] = crc;
  }
  for (std::size_t byte = 0; byte < 256; ++byte) {
    for (std::size_t k = 1; k < 4; ++k) {
      const std::uint32_t shorter = tables[k - 1][byte];
      tables[k][byte] = (shorter >> 8U) ^ tables[0][shorter & 0xffU];
    }
  }
  return tables;
}
constexpr Tables kTables = make_tables();

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  std::uint32_t crc = ~before;
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  for (; left >= 4; left -= 4, at += 4) {
    crc ^=
        std::uint32_t{at[0]} | std::uint32_t{at[1]} << 8U | std::uint32_t{at[2]} << 16U | std::uint32_t{at[3]} << 24U;
    crc = kTables[3][crc & 0xffU] ^ kTables[2][(crc >> 8U) & 0xffU] ^ kTables[1][(crc >> 16U) & 0xffU] ^
          kTables[0][crc >> 24U];
  }
  for (; left > 0; --left, ++at) {
    crc = (crc >> 8U) ^ kTables[0][(crc ^ *at) & 0xffU];
  }
  return ~crc;
}

}  // namespace geocommit
