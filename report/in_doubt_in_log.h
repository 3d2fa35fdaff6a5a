// Participants that were down when the daemons were asked what is in doubt: their logs say it.
#pragma once

#include <filesystem>
#include <vector>

#include "measure/summary.h"
#include "protocols/directory.h"

namespace geocommit {

/// The measured transactions that `node`, whose log lies in `folder`, is in doubt about at `now`: prepared, without an
/// outcome. Lower bounds; of a log that was written on another host, or before a reboot, they are 0 (its clock says
/// nothing here). A log that cannot be read gives none: the verdict names it.
[[nodiscard]] std::vector<OpenAtEnd> in_doubt_in_log(const std::filesystem::path& folder, const NodeInfo& node,
                                                     Duration decision_timeout, Instant now);

}  // namespace geocommit
