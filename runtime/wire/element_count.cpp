#include "runtime/wire/element_count.h"

#include <array>

namespace geocommit {
namespace {

using Child = MessageShape::Child;

// Field numbers of runtime/wire/peer.proto. tests/runtime holds this table to the generated code: a frame of every
// payload has the same count by this table and by hand.
constexpr MessageShape kLeaf{};
constexpr std::array<Child, 4> kDescriptorChildren{{{1, &kLeaf}, {4, &kLeaf}, {6, &kLeaf}, {8, &kLeaf}}};
constexpr MessageShape kDescriptor{kDescriptorChildren};
constexpr std::array<Child, 1> kReadsChildren{{{3, &kLeaf}}};
constexpr MessageShape kReads{kReadsChildren};
constexpr std::array<Child, 3> kProtocolChildren{{{1, &kLeaf}, {15, &kDescriptor}, {16, &kReads}}};
constexpr MessageShape kProtocol{kProtocolChildren};
constexpr std::array<Child, 1> kFirstIsLeaf{{{1, &kLeaf}}};
constexpr MessageShape kOneId{kFirstIsLeaf};
constexpr std::array<Child, 2> kRequestChildren{{{1, &kLeaf}, {4, &kLeaf}}};
constexpr MessageShape kRequest{kRequestChildren};
constexpr std::array<Child, 2> kQueryChildren{{{1, &kLeaf}, {2, &kRequest}}};
constexpr MessageShape kQuery{kQueryChildren};
constexpr std::array<Child, 3> kReplyChildren{{{1, &kLeaf}, {2, &kLeaf}, {5, &kReads}}};
constexpr MessageShape kReply{kReplyChildren};
constexpr std::array<Child, 3> kShippedChildren{{{2, &kLeaf}, {3, &kLeaf}, {4, &kLeaf}}};
constexpr MessageShape kShipped{kShippedChildren};
constexpr std::array<Child, 2> kShipChildren{{{3, &kShipped}, {5, &kLeaf}}};
constexpr MessageShape kShip{kShipChildren};
constexpr std::array<Child, 1> kHomeChildren{{{7, &kLeaf}}};
constexpr MessageShape kHome{kHomeChildren};
constexpr std::array<Child, 11> kItemChildren{{{1, &kProtocol},
                                               {2, &kLeaf},
                                               {3, &kOneId},
                                               {4, &kRequest},
                                               {5, &kReply},
                                               {6, &kQuery},
                                               {7, &kRequest},
                                               {8, &kReply},
                                               {9, &kShip},
                                               {10, &kLeaf},
                                               {11, &kHome}}};
constexpr MessageShape kItem{kItemChildren};
constexpr std::array<Child, 1> kEnvelopeChildren{{{7, &kItem}}};
constexpr MessageShape kEnvelope{kEnvelopeChildren};

bool take_varint(std::string_view& bytes, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 70 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= shift < 64 ? std::uint64_t{byte & 0x7fU} << shift : 0;
    if ((byte & 0x80U) == 0) {
      return true;
    }
  }
  return false;
}

// Recursion is as deep as the shape, six levels.
bool count(std::string_view bytes, const MessageShape& shape, std::size_t limit, std::size_t& total) {
  while (!bytes.empty()) {
    std::uint64_t tag = 0;
    std::uint64_t value = 0;
    if (++total > limit || !take_varint(bytes, tag)) {
      return false;
    }
    switch (tag & 7U) {
      case 0:
        if (!take_varint(bytes, value)) {
          return false;
        }
        continue;
      case 1:
      case 5: {
        const std::size_t width = (tag & 7U) == 1 ? 8 : 4;
        if (bytes.size() < width) {
          return false;
        }
        bytes.remove_prefix(width);
        continue;
      }
      case 2: {
        if (!take_varint(bytes, value) || value > bytes.size()) {
          return false;
        }
        const std::string_view inner = bytes.substr(0, value);
        bytes.remove_prefix(value);
        for (const Child& child : shape.children) {
          if (child.field == tag >> 3U && !count(inner, *child.shape, limit, total)) {
            return false;
          }
        }
        continue;
      }
      default:
        return false;
    }
  }
  return true;
}

}  // namespace

std::optional<std::size_t> count_elements(std::string_view bytes, const MessageShape& shape, std::size_t limit) {
  std::size_t total = 0;
  if (!count(bytes, shape, limit, total)) {
    return std::nullopt;
  }
  return total;
}

const MessageShape& envelope_shape() { return kEnvelope; }

}  // namespace geocommit
