#include "experiment/theory.h"

namespace geocommit {

Prediction predict_cell(const Plan& plan, const Cell& cell, Duration force, double lock_wait_share, bool emulated) {
  const Directory directory = plan.directory(cell);
  PredictionInput input;
  input.protocol = cell.protocol;
  input.directory = &directory;
  input.workload = plan.point(cell).settings.workload;
  input.origins = plan.origins(cell);
  input.seed = plan.seed(cell);
  input.force = force;
  input.jitter = plan.topology(cell).impaired();
  input.lock_wait_share = lock_wait_share;
  const auto& regions = plan.topology(cell).regions();
  for (const std::string& from : regions) {
    std::vector<Duration> row;
    for (const std::string& to : regions) {
      const auto a = plan.topology(cell).find(from);
      const auto b = plan.topology(cell).find(to);
      row.push_back(emulated && a && b ? plan.topology(cell).link(*a, *b).delay : Duration{0});
    }
    input.one_way.push_back(std::move(row));
  }
  return predict(input);
}

}  // namespace geocommit
