// NodeStatus and NodeReport <-> control.proto.
#pragma once

#include "base/result.h"
#include "runtime/control.h"
#include "runtime/wire/control.pb.h"

namespace geocommit {

inline constexpr std::uint32_t kControlVersion = 1;

void write_status(const NodeStatus& status, wire::Status& out);
[[nodiscard]] NodeStatus read_status(const wire::Status& in);
void write_report(const NodeReport& report, wire::Report& out);
/// Error: a histogram or descriptor with impossible contents.
[[nodiscard]] Result<NodeReport> read_report(const wire::Report& in);

}  // namespace geocommit
