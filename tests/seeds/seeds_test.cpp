// Random simulation with fixed seeds, the seeds that failed once, and the proof that it can fail.
#include <array>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <string>

#include "sim/fuzz.h"

using namespace geocommit;
using namespace geocommit::sim;

namespace {

constexpr std::uint64_t kSeeds = 1000;

void expect_clean(std::uint64_t seed, const Reduction& reduction, bool twice) {
  const FuzzCase one = draw_case(seed, reduction);
  const FuzzResult result = run_case(one);
  INFO("replay: ./geocommit " << replay_arguments(seed, reduction) << " --verbose");
  INFO(describe(one));
  std::string failures;
  for (const std::string& failure : result.failures) {
    failures += failure + "\n";
  }
  CHECK(failures == "");
  if (twice) {
    CHECK(run_case(one).trace_hash == result.trace_hash);
  }
}

/// Tells its machine that a record is durable as soon as it is written (pitfall 1).
class Hasty final : public CommitMachine {
 public:
  explicit Hasty(std::unique_ptr<CommitMachine> inner) : inner_(std::move(inner)) {}
  void step(Instant now, const Input& input, Outbox& out) override {
    Outbox own;
    inner_->step(now, input, own);
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (const auto* force = std::get_if<ForceLog>(&own[i])) {
        const LogRecord record = force->record;
        own[i] = AppendLog{record};
        inner_->step(now, LogForced{record.kind}, own);
      }
    }
    out.insert(out.end(), own.begin(), own.end());
  }
  [[nodiscard]] std::string describe() const override { return inner_->describe(); }
  void hash_state(std::string& out) const override { inner_->hash_state(out); }
  [[nodiscard]] SiteState site_state() const override { return inner_->site_state(); }
  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override {
    return std::make_unique<Hasty>(inner_->clone());
  }

 private:
  std::unique_ptr<CommitMachine> inner_;
};

std::unique_ptr<CommitMachine> make_hasty(Role role, const TxnContext& context) {
  auto inner = find_protocol("2pc")->make(role, context);
  return role == Role::participant ? std::make_unique<Hasty>(std::move(inner)) : std::move(inner);
}

}  // namespace

TEST_CASE("fixed seeds run clean, and the same twice") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    expect_clean(seed, {}, seed % 10 == 0);
  }
}

TEST_CASE("seeds that failed once") {
  std::ifstream file(GEOCOMMIT_SEEDS);
  REQUIRE(file.good());
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line.substr(0, line.find('#')));
    std::uint64_t seed = 0;
    std::string protocol;
    if (fields >> seed) {
      INFO(line);
      REQUIRE(fields >> protocol);
      REQUIRE(find_protocol(protocol) != nullptr);
      Reduction named;
      named.protocol = protocol;
      expect_clean(seed, named, false);
      ++count;
    }
  }
  CHECK(count >= 3);
}

TEST_CASE("a site that votes before its force is found, and the plan shrinks to what loses the record") {
  std::array<Protocol, 1> rows{*find_protocol("2pc")};
  rows[0].make = make_hasty;
  const auto fails = [&](FuzzCase one) {
    one.spec.protocol = rows.data();
    one.spec.rows = rows;
    return !run_case(one).failures.empty();
  };
  Reduction only;
  only.protocol = "2pc";
  std::uint64_t seed = 1;
  while (seed <= 1000 && !fails(draw_case(seed, only))) {
    ++seed;
  }
  INFO("seed " << seed);
  REQUIRE(seed <= 1000);
  const Reduction small = shrink(seed, only, fails);
  const FuzzCase minimal = draw_case(seed, small);
  INFO(describe(minimal));
  CHECK(fails(minimal));
  REQUIRE(minimal.spec.faults.size() >= 1);
  CHECK(minimal.spec.faults.size() <= 2);
  CHECK(std::any_of(minimal.spec.faults.begin(), minimal.spec.faults.end(), [](const Fault& fault) {
    const bool crash = fault.kind == FaultKind::crash || fault.kind == FaultKind::disk_fail_sync;
    return fault.kind == FaultKind::disk_full || (crash && fault.tail != Tail::kept);
  }));
}
