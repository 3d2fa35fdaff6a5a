// Random schedules of real engines against the invariants of tests/trace: 2PC under everything that its fault model
// allows, 3PC under crashes with timeouts far above every delay (perfect failure detection). A failure prints the seed
// and the whole trace; a seed always gives the same run.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>

#include "tests/protocols/rows.h"
#include "tests/trace/invariants.h"
#include "tests/trace/world.h"

namespace geocommit::trace {
namespace {

class RandomRun {
 public:
  RandomRun(const Protocol& protocol, std::uint64_t seed)
      : RandomRun(protocol, seed, protocol.safe_under.survives(Failure::partition)) {}
  RandomRun(const Protocol& protocol, std::uint64_t seed, bool partitions)
      : random_(seed), partitions_(partitions), sites_(1 + pick(4)), world_(protocol, sites_) {}

  std::string run() {
    world_.set_timeouts({1000ms, 2000ms, 200ms});
    for (Node& node : world_.nodes()) {
      const std::uint32_t vote = pick(20);
      node.vote = vote == 0 ? Vote::no : vote == 1 ? Vote::read_only : Vote::yes;
      node.reason = vote == 0 ? Reason::constraint : Reason::none;
      for (const Node& other : world_.nodes()) {
        world_.set_delay(node.id, other.id, std::chrono::milliseconds(1 + pick(40)));
      }
    }
    if (pick(2) == 0) {
      world_.stamp_watermarks();
    }
    for (std::uint32_t points = pick(4); points > 0; --points) {
      crash_at_point();
    }
    world_.begin();
    const std::uint32_t actions = 2 + pick(14);
    for (std::uint32_t i = 0; i < actions; ++i) {
      world_.run_events(pick(pick(3) == 0 ? 40 : 6));
      act();
    }
    repair();
    return world_.take_text();
  }

  [[nodiscard]] const World& world() const { return world_; }

 private:
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }
  NodeId any_node() { return world_.nodes()[pick(sites_ + 1)].id; }

  void act() {
    const std::uint32_t what = pick(partitions_ ? 12 : 7);
    switch (what) {
      case 0:
      case 1:
        return world_.crash(any_node());
      case 2:
      case 3:
        return world_.recover(any_node());
      case 4:
        if (!world_.sent().empty()) {
          const auto& sent = world_.sent();
          world_.redeliver(sent[pick(static_cast<std::uint32_t>(sent.size()))], std::chrono::milliseconds(pick(50)));
        }
        return;
      case 5:
        if (pick(4) == 0) {
          world_.wound();
        }
        return;
      case 6:
        return crash_at_point();
      case 7:
      case 8:
        return world_.cut(any_node(), any_node());
      case 9:
        return world_.heal();
      case 10:
        return world_.add_rule({LinkRule::Action::hold, "*", any_node(), any_node(), 1});
      case 11:
        return world_.release_held();
      default:
        return;
    }
  }

  void crash_at_point() {
    const auto points = world_.protocol().points;
    const std::string point(points[pick(static_cast<std::uint32_t>(points.size()))]);
    const NodeId node = any_node();
    world_.at_point(node, point, [this, node] { world_.crash(node); });
  }

  void repair() {
    world_.clear_points();
    world_.heal();
    world_.clear_rules();
    world_.release_held();
    for (const Node& node : world_.nodes()) {
      world_.recover(node.id);
    }
    if (!world_.run_until_quiet(600s)) {
      world_.violation("not quiet 600 s after everything was repaired");
    }
    check_end(world_, false);
  }

  std::mt19937_64 random_;
  bool partitions_;
  std::uint32_t sites_;
  World world_;
};

/// GEOCOMMIT_RANDOM_SEEDS=300000 for a longer search.
std::uint64_t seeds() {
  const char* wanted = std::getenv("GEOCOMMIT_RANDOM_SEEDS");  // NOLINT: one thread
  return wanted == nullptr ? 4000 : std::strtoull(wanted, nullptr, 10);
}

}  // namespace

TEST_CASE("random schedules keep every invariant and end decided") {
  for (const Protocol& protocol : rows_under_test()) {
    const std::uint64_t last = seeds();
    std::uint32_t commits = 0;
    std::uint32_t aborts = 0;
    for (std::uint64_t seed = 1; seed <= last; ++seed) {
      RandomRun run(protocol, seed);
      const std::string text = run.run();
      for (const Node& node : run.world().nodes()) {
        commits += node.decided == Outcome::commit ? 1 : 0;
        aborts += node.decided == Outcome::abort ? 1 : 0;
      }
      if (!run.world().violations().empty()) {
        INFO(protocol.name << " seed " << seed << "\n" << text);
        FAIL(run.world().violations().front());
      }
    }
    INFO(protocol.name << " commits " << commits << " aborts " << aborts);
    CHECK(commits > 1000);  // The schedules must be worth something.
    CHECK(aborts > 1000);
  }
}

TEST_CASE("a seed gives the same run twice") {
  for (const Protocol& protocol : rows_under_test()) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      CHECK(RandomRun(protocol, seed).run() == RandomRun(protocol, seed).run());
    }
  }
}

TEST_CASE("random partitions find the split of 3PC, and nothing worse") {
  const Protocol& protocol = *find_protocol("3pc");
  std::uint32_t splits = 0;
  for (std::uint64_t seed = 1; seed <= 4000; ++seed) {
    RandomRun run(protocol, seed, true);
    const std::string text = run.run();
    for (const std::string& violation : run.world().violations()) {
      INFO("seed " << seed << "\n" << text);
      REQUIRE(violation == kSplit);
    }
    splits += run.world().violations().empty() ? 0 : 1;
  }
  CHECK(splits > 0);  // pitfall 16: it must be found.
}

}  // namespace geocommit::trace
