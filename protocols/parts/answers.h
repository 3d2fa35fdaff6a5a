// What is said of a transaction when somebody asks, or has told.
#pragma once

#include <cstdint>

#include "protocols/machine_base.h"

namespace geocommit {

/// To the coordinator, or to a peer: the coordinator is a node of its own. Who says abort gives no other reason than
/// that the transaction has been terminated.
void send_answer(Effects effects, std::uint8_t kind, NodeId to, SiteState state, Outcome outcome, bool retry,
                 Ballot ballot = {});
/// To the coordinator: the commit is durable here.
void send_acknowledgement(Effects effects, std::uint8_t kind, bool retry);

}  // namespace geocommit
