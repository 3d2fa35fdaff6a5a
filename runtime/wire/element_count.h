// How many fields a protobuf message holds, counted before it is parsed: a small hostile frame of empty submessages
// would else become a large heap (pitfall 28: 1 MiB of empty submessages grew to 117 MiB). Allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace geocommit {

/// Which fields of a message are messages themselves.
struct MessageShape {
  struct Child {
    std::uint32_t field;
    const MessageShape* shape;
  };
  std::span<const Child> children;
};

/// The number of fields, at every depth; nullopt if there are more than `limit`, or the bytes are not a message of
/// this shape (groups are refused).
[[nodiscard]] std::optional<std::size_t> count_elements(std::string_view bytes, const MessageShape& shape,
                                                        std::size_t limit);

/// The shape of wire::Envelope.
[[nodiscard]] const MessageShape& envelope_shape();

}  // namespace geocommit
