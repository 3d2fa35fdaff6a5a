// Results without metrics.series: what timeseries.csv, histograms/ and summary.json still tell. By region, not by node;
// distributions only as a whole, at the end of their cell.
#pragma once

#include "report/series/openmetrics.h"
#include "report/series/sample_writer.h"

namespace geocommit {

[[nodiscard]] Result<ReplaySpan> from_old_results(const std::filesystem::path& results, const std::string& run,
                                                  SampleWriter& out);

}  // namespace geocommit
