// The messages, records and timers that protocols have in common, each under the number that a protocol gives it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>

#include "base/check.h"
#include "protocols/registry.h"

namespace geocommit {

template <class E>
requires std::is_enum_v<E>
constexpr std::uint8_t raw(E number) { return static_cast<std::uint8_t>(number); }

namespace rows {

template <class E>
constexpr KindRow prepare(E kind) {
  return {raw(kind), "PREPARE", MessageClass::prepare};
}
template <class E>
constexpr KindRow vote(E kind) {
  return {raw(kind), "VOTE", MessageClass::vote, Meaning::yes};
}
template <class E>
constexpr KindRow decision(E kind) {
  return {raw(kind), "DECISION", MessageClass::decision};
}
template <class E>
constexpr KindRow ack(E kind) {
  return {raw(kind), "ACK", MessageClass::ack, Meaning::outcome};
}
template <class E>
constexpr KindRow ack_abort(E kind) {
  return {raw(kind), "ACK_ABORT", MessageClass::ack, Meaning::outcome, Outcome::abort};
}
template <class E>
constexpr KindRow inquiry(E kind) {
  return {raw(kind), "INQUIRY", MessageClass::inquiry};
}
template <class E>
constexpr KindRow answer(E kind) {
  return {raw(kind), "ANSWER", MessageClass::inquiry};
}
template <class E>
constexpr KindRow in_doubt(E kind) {
  return {raw(kind), "IN_DOUBT", MessageClass::inquiry};
}

template <class E>
constexpr RecordRow prepared(E record) {
  return {raw(record), "prepared", Meaning::yes};
}
template <class E>
constexpr RecordRow commit(E record) {
  return {raw(record), "commit", Meaning::outcome};
}
template <class E>
constexpr RecordRow abort(E record) {
  return {raw(record), "abort", Meaning::outcome};
}
/// Of a name of its own. none: only its machine reads it.
template <class E>
constexpr RecordRow record(E record, std::string_view name, Meaning meaning = Meaning::none) {
  return {raw(record), name, meaning};
}
template <class E>
constexpr RecordRow end(E record) {
  return {raw(record), "end", Meaning::end};
}

template <class E>
constexpr TimerRow timer(E number, std::string_view name) {
  return {raw(number), name};
}

}  // namespace rows

/// The roles of a protocol that has a coordinator and participants, and what makes their machines.
inline constexpr std::array<Role, 2> kTwoRoles{Role::coordinator, Role::participant};
template <auto make_coordinator, auto make_participant>
std::unique_ptr<CommitMachine> make_one_of_two(Role role, const TxnContext& context) {
  GC_CHECK_NOTE(role == Role::coordinator || role == Role::participant, "a role that the row has not");
  return role == Role::coordinator ? make_coordinator(context) : make_participant(context);
}

/// A row's route: every copy of every entity written, one read; the coordinator in the request's region.
template <std::uint8_t kProtocol>
Route route_everywhere(const Request& request, const Directory& directory) {
  return {request.origin, kProtocol, place_everywhere(request, directory)};
}

}  // namespace geocommit
