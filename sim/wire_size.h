// How many bytes things take, by the sizes of the real wire format's fields (runtime/wire): a model, within a few
// percent, so that bytes and link rates mean something in virtual time.
#pragma once

#include <cstddef>

#include "engine/peer_message.h"
#include "engine/record.h"

namespace geocommit::sim {

[[nodiscard]] std::size_t wire_size(const PeerPayload& payload);
[[nodiscard]] std::size_t record_size(const DurableRecord& record);

}  // namespace geocommit::sim
