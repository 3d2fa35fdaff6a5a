#include "tests/explore/same_ends.h"

#include <catch2/catch.hpp>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "protocols/three_phase_commit/three_phase_commit.h"
#include "protocols/two_phase_commit/two_phase_commit.h"
#include "sim/explore/ends.h"

namespace geocommit::explore {
namespace {

/// A machine in whose state it shows which messages it has taken, in which order: nothing that the reductions leave out
/// goes unseen because a real machine does not care.
class Remembering final : public CommitMachine {
 public:
  explicit Remembering(std::unique_ptr<CommitMachine> real, std::string taken = {})
      : real_(std::move(real)), taken_(std::move(taken)) {}
  void step(Instant now, const Input& input, Outbox& out) override {
    constexpr std::size_t kMost = 4;
    if (const auto* received = std::get_if<Received>(&input); received != nullptr && taken_.size() < kMost) {
      taken_.push_back(static_cast<char>(received->message.kind));
    }
    real_->step(now, input, out);
  }
  [[nodiscard]] std::string describe() const override { return real_->describe(); }
  void hash_state(std::string& out) const override {
    real_->hash_state(out);
    out += taken_ + ";";
  }
  [[nodiscard]] SiteState site_state() const override { return real_->site_state(); }
  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override {
    return std::make_unique<Remembering>(real_->clone(), taken_);
  }

 private:
  std::unique_ptr<CommitMachine> real_;
  std::string taken_;
};

template <std::uint8_t kWire>
Protocol remembering() {
  Protocol row = *find_protocol(kWire);
  row.make = [](Role role, const TxnContext& context) -> std::unique_ptr<CommitMachine> {
    return std::make_unique<Remembering>(find_protocol(kWire)->make(role, context));
  };
  return row;
}

struct Kind {
  std::string_view name;
  void (*allow)(Options& options);
};
constexpr Kind kKinds[] = {
    {"crash", [](Options& o) { ++o.bounds.crashes; }},
    {"partition", [](Options& o) { ++o.bounds.partitions; }},
    {"duplicate", [](Options& o) { ++o.bounds.duplicates; }},
    {"drop", [](Options& o) { ++o.bounds.drops; }},
    {"early timer", [](Options& o) { ++o.bounds.early_timers; }},
    {"early firing", [](Options& o) { ++o.bounds.early_firings; }},
    {"denial", [](Options& o) { ++o.bounds.denials; }},
    {"wound", [](Options& o) { ++o.bounds.wounds; }},
    {"lost tail", [](Options& o) { o.lost_tail = true; }},
    {"reader", [](Options& o) { o.read_only = 1; }},
    {"no restart", [](Options& o) { o.bounds.restarts = 0; }},
};

std::set<std::string> kinds_of(const Report& report) {
  std::set<std::string> kinds;
  for (const Finding& finding : report.violations) {
    kinds.insert(finding.what);
  }
  return kinds;
}

/// False: too large to be searched without reductions here.
bool compare(Options options, std::uint64_t states_most) {
  options.show = 1000;
  options.limits.states = states_most;
  options.reduce = options.leave_out_inert = false;
  Ends all;
  const Report full = explore_ends(options, all);
  if (full.ending == Ending::states) {
    return false;
  }
  CHECK(full.ending == Ending::exhausted);
  for (const bool inert : {false, true}) {
    options.reduce = true;
    options.leave_out_inert = inert;
    Ends some;
    const Report reduced = explore_ends(options, some);
    CAPTURE(inert);
    CHECK(reduced.ending == Ending::exhausted);
    CHECK(kinds_of(reduced) == kinds_of(full));
    CHECK(reduced.commits == full.commits);
    CHECK(reduced.aborts == full.aborts);
    CHECK((reduced.blocking > 0) == (full.blocking > 0));
    CHECK(some.healed.size() == all.healed.size());
    CHECK((some.healed == all.healed));
    if (!inert) {  // Else what is left in flight to a node that is down differs.
      CHECK(some.resting.size() == all.resting.size());
      CHECK((some.resting == all.resting));
      CHECK(reduced.blocking == full.blocking);
    }
  }
  return true;
}

void choose(Options options, std::size_t first, std::size_t left, std::string chosen, std::uint64_t states_most,
            Compared& compared) {
  if (left == 0) {
    CAPTURE(options.protocol->name, options.participants, chosen);
    ++compared.configurations;
    compared.searched += compare(options, states_most) ? 1 : 0;
    return;
  }
  for (std::size_t kind = first; kind < std::size(kKinds); ++kind) {
    Options more = options;
    kKinds[kind].allow(more);
    choose(more, kind, left - 1, chosen + std::string(kKinds[kind].name) + ", ", states_most, compared);
  }
}

}  // namespace

Compared compare_ends(std::size_t faults, std::uint64_t states_most) {
  const Protocol rows[] = {*find_protocol("2pc"), *find_protocol("3pc"), remembering<two_phase_commit::kWireId>(),
                           remembering<three_phase_commit::kWireId>()};
  Compared compared;
  for (const Protocol& row : rows) {
    for (const std::uint32_t participants : {1U, 2U}) {
      Options options;
      options.protocol = &row;
      options.participants = participants;
      choose(options, 0, faults, "", states_most, compared);
    }
  }
  return compared;
}

}  // namespace geocommit::explore
