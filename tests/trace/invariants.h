// What must hold at every step of a trace and at its end (docs/GLOSSARY.md, AC1 to AC5; pitfalls 1, 3, 33).
#pragma once

#include "tests/trace/world.h"

namespace geocommit::trace {

/// Called before `message` leaves `node`.
void check_send(World& world, const Node& node, const Message& message);
/// Called before the client is answered.
void check_reply(World& world, const Node& node, const ClientReply& reply);
/// Called when `node` decides; history still holds the previous decision.
void check_decide(World& world, const Node& node, Outcome outcome);
/// Called before `node` releases its locks.
void check_release(World& world, const Node& node);
/// Called before `node` forgets.
void check_forget(World& world, const Node& node);
/// After heal and drain: everybody who voted YES knows one outcome, nothing is held or open.
/// blocked: some sites are expected to be left in doubt (then the others are checked).
void check_end(World& world, bool blocked);

inline constexpr const char* kSplit = "split outcome";

}  // namespace geocommit::trace
