// CRC-32C (Castagnoli polynomial 0x1EDC6F41, reflected, as in iSCSI, RFC 3720 appendix B.4): the checksum of log
// frames.
#pragma once

#include <cstdint>
#include <string_view>

namespace geocommit {

/// Of `bytes`, continuing from the checksum of what came before (0: nothing).
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

}  // namespace geocommit
