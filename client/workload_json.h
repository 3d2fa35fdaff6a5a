// A WorkloadSpec as JSON: how the runner hands it to the client process (ClientConfig::workload_json).
#pragma once

#include <string>

#include "base/result.h"
#include "workload/generator.h"

namespace geocommit {

[[nodiscard]] std::string to_json(const WorkloadSpec& spec);
/// Strict: every key, no other, of the right type, and values that a generator can work with.
[[nodiscard]] Result<WorkloadSpec> parse_workload(const std::string& json);

}  // namespace geocommit
