// Schedules in which a change of masters once lost what it need not: each is a run in virtual time, judged by the
// verdict.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "sim/world.h"
#include "tests/sim/three_regions.h"
#include "verdict/check.h"

using namespace geocommit;
using namespace geocommit::sim;

namespace {

/// Round trips in milliseconds, as topologies/aws-5.yaml has them; the first of `regions` of them.
WorldSpec aws(const std::vector<std::string>& regions, const std::vector<std::vector<double>>& round_trips) {
  WorldSpec spec;
  spec.protocol = find_protocol("home-region");
  spec.directory = Directory(regions, 1, Placement::replicated, 1000);
  for (std::size_t from = 0; from < regions.size(); ++from) {
    std::vector<LinkSpec> row(regions.size());
    for (std::size_t to = 0; to < regions.size(); ++to) {
      row[to].delay =
          from == to ? Duration{250us} : Duration{static_cast<std::int64_t>(round_trips[from][to] * 500'000)};
    }
    spec.links.push_back(row);
  }
  spec.timeouts = {1s, 1s, 500ms};
  spec.home = {.lease = 2s};
  spec.workload.local = 0.5;
  spec.duration = 25s;
  return spec;
}

Verdict judged(const WorldSpec& spec) {
  World world(spec);
  begin_load(world);
  return check(run_to_the_end(world));
}

}  // namespace

TEST_CASE("home region: a planned transfer that a failover has overtaken does not depose the majority's master") {
  WorldSpec spec = aws({"us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1", "ap-southeast-2"},
                       {{0, 64.4, 69.6, 149.7, 199.8},
                        {64.0, 0, 118.3, 98.2, 141.0},
                        {69.7, 118.6, 0, 202.3, 255.7},
                        {149.5, 98.6, 202.5, 0, 106.9},
                        {199.7, 141.1, 255.6, 105.8, 0}});
  spec.workload.rate_per_s = 100;
  spec.origins = {RegionId{1}, RegionId{2}, RegionId{3}};
  spec.faults = {order(FaultKind::transfer, RegionId{0}, RegionId{4}, 4s),
                 cut_off(spec.directory, {RegionId{0}, RegionId{4}}, 4250ms, 16s),
                 order(FaultKind::failover, RegionId{0}, RegionId{1}, 4600ms)};
  const Verdict verdict = judged(spec);
  CHECK(verdict.judgement == Judgement::pass);
  CHECK(verdict.committed > 1000);
  CHECK(verdict.rpo.acknowledged <= 2);  // What was drained at the old master just before the cut. It was 865.
}

TEST_CASE("home region: a successor that was cut off fetches what the others hold before it opens") {
  WorldSpec spec =
      aws({"us-east-1", "eu-west-1", "ap-northeast-1"}, {{0, 69.6, 149.7}, {69.7, 0, 202.3}, {149.5, 202.5, 0}});
  spec.workload.rate_per_s = 40;
  spec.duration = 12s;
  spec.faults = {cut_off(spec.directory, {RegionId{1}}, 3s, 4s),
                 order(FaultKind::failover, RegionId{0}, RegionId{1}, 6500ms)};
  const Verdict verdict = judged(spec);
  CHECK(verdict.judgement == Judgement::pass);
  CHECK(verdict.committed > 300);
  CHECK(verdict.rpo.acknowledged == 0);
  CHECK(verdict.rpo.unanswered == 0);
}
