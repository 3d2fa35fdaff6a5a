// A client's session that has every lock of a site before any transaction comes there. A transaction's lock request
// therefore waits in the engine's own queue until the session lets go, which is when the script says so.
#pragma once

#include "engine/peer_message.h"
#include "protocols/registry.h"

namespace geocommit::trace {

/// Its row: a participant that locks when told to, and lets go when told to; no message, no record, no timer.
[[nodiscard]] Protocol session_row();
/// Told by `client` to the start `epoch` of `site`.
[[nodiscard]] PeerMessage session_locks(NodeId client, NodeId site, Epoch epoch, Entity entity);
[[nodiscard]] PeerMessage session_lets_go(NodeId client, NodeId site);

}  // namespace geocommit::trace
