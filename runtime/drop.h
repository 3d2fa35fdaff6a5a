// Why a message did not arrive at the engine, or did not leave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace geocommit {

enum class Drop : std::uint8_t {
  peer_down,      ///< Sending: not connected, or its queue is full. Counted in items.
  unknown_peer,   ///< Sending: no address. Counted in items.
  too_large,      ///< Sending: an item that no frame can carry.
  garbage,        ///< Receiving: not an envelope, or one with impossible contents. Counted in frames, as the rest.
  wrong_version,  ///< Receiving: another version of the wire format.
  wrong_run,      ///< Receiving: a message of another run.
  wrong_sender,   ///< Receiving: not a node of this run, or one that may not send this.
  fault,          ///< Sending: a fault that was ordered took it. Counted in items.
};
inline constexpr std::size_t kDropCauses = 8;
/// The value of the label `cause`.
[[nodiscard]] std::string_view name_of(Drop cause);

}  // namespace geocommit
