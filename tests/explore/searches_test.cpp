// Small searches as they are printed: how many states each has, how deep they go, what is found and how it is told.
// A number that changes without a change of what the machines do is a search that looks at more or at less.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <sstream>
#include <utility>

#include "sim/explore/conflict/conflict.h"
#include "sim/explore/explore.h"
#include "sim/explore/failover/failover.h"
#include "sim/explore/shipping/shipping.h"

namespace geocommit::explore {
namespace {

/// Runs searches one after another, and keeps what they print; time passes when it is asked for.
class Printed {
 public:
  explicit Printed(std::size_t threads) : threads_(threads) {}
  template <class Options, class Change>
  void operator()(int (*run)(const Options&, const Host&), Options options, Change change) {
    change(options);
    options.limits.threads = threads_;
    std::ostringstream out;
    double clock = 0;
    const Host host{out, [&clock] { return clock += 0.05; }, [] { return std::size_t{7} << 20U; },
                    [](const std::string& name, const std::string&) { return name; }};
    const int status = run(options, host);
    text_ += out.str() + "status " + std::to_string(status) + "\n\n";
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::size_t threads_;
  std::string text_;
};

void transactions(Printed& print) {
  for (const std::string_view protocol : {"2pc", "3pc"}) {
    Options one;
    one.protocol = find_protocol(protocol);
    one.participants = 2;
    for (std::uint32_t Bounds::*bound :
         {&Bounds::crashes, &Bounds::partitions, &Bounds::duplicates, &Bounds::drops, &Bounds::denials, &Bounds::wounds,
          &Bounds::early_timers, &Bounds::early_firings}) {
      print(run_explore, one, [&](Options& o) { o.bounds.*bound = 1; });
    }
    print(run_explore, one, [](Options& o) { o.read_only = 1; });
    print(run_explore, one, [](Options& o) { o.bounds.crashes = 1, o.lost_tail = true, o.bounds.restarts = 0; });
    print(run_explore, one, [](Options& o) { o.participants = 1, o.bounds.crashes = 2, o.lost_tail = true; });
    print(run_explore, one, [](Options& o) { o.participants = 1, o.bounds.crashes = o.bounds.drops = 1; });
    print(run_explore, one, [](Options& o) { o.participants = 1, o.bounds.duplicates = o.bounds.denials = 1; });
    print(run_explore, one, [](Options& o) { o.bounds.crashes = 1, o.reduce = o.leave_out_inert = false; });
    print(run_explore, one, [](Options& o) { o.bounds.crashes = 1, o.symmetry = false; });
    print(run_explore, one, [](Options& o) { o.participants = 3, o.limits.depth = 8; });
    print(run_explore, one, [](Options& o) { o.bounds.crashes = 2, o.limits.states = 500, o.bounds.drops = 1; });
    print(run_explore, one, [](Options& o) { o.bounds.crashes = 1, o.limits.losses = 1; });
  }
}

void homes(Printed& print) {
  ShippingOptions one;
  one.writes = 1;
  using O = ShippingOptions;
  print(run_explore_shipping, one, [](O& o) { o.writes = 2; });
  print(run_explore_shipping, one, [](O& o) { o.replicas = 2; });
  print(run_explore_shipping, one, [](O& o) { o.crashes = 1; });
  print(run_explore_shipping, one, [](O& o) { o.crashes = 1, o.lost_tail = true, o.checkpoint_records = 2; });
  print(run_explore_shipping, one, [](O& o) { o.drops = 1; });
  print(run_explore_shipping, one, [](O& o) { o.duplicates = o.late_rounds = 1; });
  print(run_explore_shipping, one, [](O& o) { o.crashes = 1, o.limits.states = 50; });
  print(run_explore_shipping, one, [](O& o) {
    o.filter.hasty = [](const DurableRecord& record) { return std::holds_alternative<ShippedRecord>(record); };
  });
}

void failovers(Printed& print) {
  FailoverOptions one;
  one.sites = 2;
  one.hours = 2;
  using O = FailoverOptions;
  print(run_explore_failover, one, [](O&) {});
  print(run_explore_failover, one, [](O& o) { o.hours = 3, o.heartbeats = true; });
  print(run_explore_failover, one, [](O& o) { o.transfers = 1, o.failovers = 0; });
  print(run_explore_failover, one, [](O& o) { o.crashes = 1; });
  print(run_explore_failover, one, [](O& o) { o.renewals = 2, o.writes = 2; });
  print(run_explore_failover, one, [](O& o) { o.sites = 3, o.renewals = 0, o.writes = 0, o.limits.states = 3000; });
  print(run_explore_failover, one, [](O& o) { o.sites = 3, o.hours = 3, o.fencing = false; });
}

void conflicts(Printed& print) {
  ConflictOptions one;
  one.protocol = find_protocol("2pc");
  one.sites = 1;
  using O = ConflictOptions;
  print(run_explore_conflict, one, [](O& o) { o.sites = 2, o.limits.states = 3000; });
  print(run_explore_conflict, one, [](O& o) { o.locking = LockingPolicy::no_wait; });
  print(run_explore_conflict, one, [](O& o) { o.protocol = find_protocol("3pc"); });
  print(run_explore_conflict, one, [](O& o) { o.crashes = 1, o.lost_tail = true; });
  print(run_explore_conflict, one, [](O& o) { o.checkpoints = 1; });
  print(run_explore_conflict, one, [](O& o) { o.duplicates = 1; });
  print(run_explore_conflict, one, [](O& o) { o.drops = 1; });
}

}  // namespace

TEST_CASE("small searches come out as they were written down, whatever the number of threads") {
  const std::size_t threads = GENERATE(std::size_t{1}, std::size_t{3});
  using Searches = void (*)(Printed&);
  for (const auto& [name, searches] : std::initializer_list<std::pair<const char*, Searches>>{
           {"transactions", transactions}, {"homes", homes}, {"failovers", failovers}, {"conflicts", conflicts}}) {
    Printed print(threads);
    searches(print);
    const std::string path = std::string(GEOCOMMIT_SOURCE_DIR "/tests/explore/searches/") + name + ".txt";
    if (std::getenv("GEOCOMMIT_REWRITE") != nullptr && threads == 1) {
      std::ofstream(path) << print.text();
    }
    std::ifstream in(path);
    const std::string written{std::istreambuf_iterator<char>(in), {}};
    std::istringstream now(print.text()), then(written);
    int line = 0;
    for (std::string a, b; std::getline(now, a) && std::getline(then, b);) {
      INFO(threads << " threads, " << path << ":" << ++line
                   << "; if the machines do something else now, GEOCOMMIT_REWRITE=1 writes it anew");
      REQUIRE(a == b);
    }
    CHECK(print.text().size() == written.size());
  }
}

}  // namespace geocommit::explore
