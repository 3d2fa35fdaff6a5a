// Separate random streams of one seed: a change of the faults does not change the load, and so on.
#pragma once

#include <cstdint>

namespace geocommit::sim {

inline constexpr std::uint64_t kNetworkStream = 0x6e65'7477'6f72'6b00;
inline constexpr std::uint64_t kNetworkFaultStream = 0x6e65'7477'6f72'6b01;  ///< Which messages network faults hit.
inline constexpr std::uint64_t kDiskStream = 0x6469'736b'0000'0000;
inline constexpr std::uint64_t kFaultStream = 0x6661'756c'7473'0000;
inline constexpr std::uint64_t kFuzzStream = 0x6675'7a7a'0000'0000;
inline constexpr std::uint64_t kProtocolStream = 0x7072'6f74'6f63'0000;  ///< Plus a row's wire id: that row's.
inline constexpr std::uint64_t kHomeStream = 0x686f'6d65'0000'0000;  ///< What a seed draws of homes and their masters.
inline constexpr std::uint64_t kLeaseStream = 0x6c65'6173'6514'0000;
inline constexpr std::uint64_t kRestStream = 0x7265'7374'0000'0000;  ///< How what is at rest is disturbed.
// The workload has its own: workload/generator.h.

}  // namespace geocommit::sim
