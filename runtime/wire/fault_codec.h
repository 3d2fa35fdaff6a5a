// Fault orders and reports <-> control.proto.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/faults/fault_order.h"
#include "runtime/wire/control.pb.h"

namespace geocommit {

void write_order(const FaultOrder& order, wire::FaultOrder& out);
/// Error: an unknown kind, a probability that is none, no id.
[[nodiscard]] Result<FaultOrder> read_order(const wire::FaultOrder& in);
void write_fired(const FiredFault& fired, wire::FiredFault& out);
[[nodiscard]] FiredFault read_fired(const wire::FiredFault& in);

/// `sequence` is repeated in the answer.
[[nodiscard]] std::string encode_fault_report(const FaultReport& report, std::uint64_t sequence);
[[nodiscard]] Result<FaultReport> decode_fault_report(std::string_view bytes, std::uint64_t& sequence);
[[nodiscard]] std::string encode_fault_answer(std::uint64_t sequence);
/// 0: not an answer.
[[nodiscard]] std::uint64_t decode_fault_answer(std::string_view bytes);

}  // namespace geocommit
