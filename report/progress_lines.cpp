#include "report/progress_lines.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "os/files.h"
#include "report/rounding.h"

namespace geocommit {
namespace {

using Json = nlohmann::ordered_json;

std::string line(std::string_view event, const Json& more) {
  Json out{{"event", event}};
  out.update(more);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json or_null(double value) { return value > 0 ? Json(three_decimals(value)) : Json(nullptr); }

}  // namespace

std::string started_line(const Plan& plan, const std::string& emulation, const std::filesystem::path& results) {
  return line("started", {{"experiment", plan.experiment.name},
                          {"emulation", emulation},
                          {"cells", plan.cells.size()},
                          {"estimated_s", three_decimals(to_seconds(plan.estimated_time()))},
                          {"results", valid_utf8(results.string())}});
}

std::string cell_line(const Plan& plan, std::size_t number) {
  const Cell& cell = plan.cells.at(number - 1);
  Json sweep = Json::object();
  for (const auto& [key, value] : plan.point(cell).values) {
    sweep[key] = value;
  }
  return line("cell", {{"cell", cell.id},
                       {"number", number},
                       {"of", plan.cells.size()},
                       {"protocol", cell.label},
                       {"sweep", sweep},
                       {"repetition", cell.repetition}});
}

std::string load_line(const LoadProgress& load) {
  return line("load", {{"cell", load.cell},
                       {"elapsed_s", three_decimals(to_seconds(load.elapsed))},
                       {"total_s", three_decimals(to_seconds(load.total))},
                       {"commits_per_s", three_decimals(load.commits_per_s)},
                       {"client_p50_ms", or_null(load.client_p50_ms)},
                       {"client_p99_ms", or_null(load.client_p99_ms)},
                       {"in_doubt", load.in_doubt},
                       {"blocked", load.blocked},
                       {"faults", load.faults}});
}

std::string judged_line(const CellResult& result) {
  const CellSummary& s = result.summary;
  Json out{{"cell", result.cell.id},
           {"verdict", name_of(s.verdict.judgement)},
           {"expected", s.verdict.expected},
           {"valid", result.valid()},
           {"committed", s.transactions.committed},
           {"aborted", s.transactions.aborted_total()},
           {"committed_per_s", six_decimals(s.load.committed_per_s)}};
  if (s.commit_latency.count > 0) {
    out["commit_p50_ms"] = rounded_ms(s.commit_latency.p50);
    out["commit_p99_ms"] = rounded_ms(s.commit_latency.p99);
  }
  if (!result.failure.empty()) {
    out["failure"] = result.failure;
  }
  return line("judged", out);
}

std::string ended_line(int status) { return line("ended", {{"status", status}}); }

}  // namespace geocommit
