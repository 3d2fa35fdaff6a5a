#include "tests/measure/falsified.h"

#include <utility>

#include "tests/measure/verdict_worlds.h"

namespace geocommit::verdict_test {
namespace {

/// A replicated world of 2PC with one more transaction; `falsify` gets it, and what its client was told.
template <class Falsify>
std::function<Verdict()> told(bool commit, Falsify falsify) {
  return [commit, falsify] {
    World world("2pc", Placement::replicated);
    world.busy();
    const TxnId txn = world.transfer(0, 1, commit);
    falsify(world, txn, world.history.outcomes.back());
    return world.judge();
  };
}

template <class Falsify>
std::function<Verdict()> moved(Falsify falsify) {
  return [falsify] {
    Moved world;
    falsify(world);
    return world.judge();
  };
}

/// The first failover, which accounts for what it left behind; then eu accepts one more write.
TxnId after_failover(Moved& world) {
  const TxnId first = world.accept(world.us, Moved::kFirst, world.shared + 1);
  world.open(world.eu, {{world.us, Moved::kFirst, 0}, {world.us, Moved::kSecond, world.shared}});
  world.cut(world.us, first, world.shared + 1);
  return world.accept(world.eu, Moved::kSecond, world.shared + 1);
}

std::vector<Falsified> client_outcomes() {
  return {
      {"abort-told-as-commit", "a client is told commit of what aborted",
       told(false, [](World&, TxnId, ClientOutcome& outcome) { outcome.outcome = Outcome::commit; })},
      {"commit-told-as-abort", "a client is told abort of what committed",
       told(true, [](World&, TxnId, ClientOutcome& outcome) { outcome.outcome = Outcome::abort; })},
      {"aborted-here-executed-there", "told abort as one transaction, its request is executed as another",
       told(false,
            [](World& world, TxnId, ClientOutcome& outcome) {
              const ClientOutcome first = outcome;
              world.run({first.request, RegionId{1}, false, first.operations}, true);
              world.history.outcomes.pop_back();
            })},
      {"executed-by-two-coordinators", "a request is executed by two coordinators; its client hears of one",
       told(true,
            [](World& world, TxnId, ClientOutcome& outcome) {
              const ClientOutcome first = outcome;
              world.run({first.request, RegionId{2}, false, first.operations}, true);
              world.history.outcomes.pop_back();
            })},
      {"another's-name", "a client is told commit by the name of another's transaction",
       told(true,
            [](World& world, TxnId, ClientOutcome& outcome) { outcome.txn = world.history.outcomes.front().txn; })},
      {"outcome-left-out", "an outcome is missing from what a client wrote down",
       told(true, [](World& world, TxnId, ClientOutcome&) { world.history.outcomes.pop_back(); })},
      {"outcome-twice", "a request has two outcomes",
       told(true,
            [](World& world, TxnId, ClientOutcome& outcome) {
              const ClientOutcome again = outcome;
              world.history.outcomes.push_back(again);
            })},
      {"overdraft-accepted", "a site votes YES on what its balance cannot bear",
       told(true,
            [](World& world, TxnId, ClientOutcome& outcome) {
              world.run({{outcome.request.client, 7'000'000},
                         {},
                         false,
                         {{Entity{0}, -5000, false}, {Entity{1}, 5000, false}}},
                        true);
            })},
  };
}

std::vector<Falsified> recovery_points() {
  const auto third = [](const Moved& world) {
    return std::vector<HomePlace>{{world.us, Moved::kFirst, 0},
                                  {world.us, Moved::kSecond, world.shared},
                                  {world.us, Moved::kThird, world.shared}};
  };
  return {
      {"lost-later", "after a failover its own master drops an acknowledged write",
       moved([](Moved& world) { world.cut(world.eu, after_failover(world), world.shared + 1); })},
      {"lost-by-transfer", "after a failover a planned transfer leaves an acknowledged write behind",
       moved([third](Moved& world) {
         const TxnId txn = after_failover(world);
         world.open(world.ap, third(world), false);
         world.cut(world.eu, txn, world.shared + 1);
       })},
      {"overtaken-transfer-opens", "a transfer that a failover has overtaken deposes its master",
       moved([](Moved& world) {
         const TxnId txn = after_failover(world);
         world.open(world.ap, {{world.us, Moved::kFirst, 0}, {world.us, Moved::kThird, world.shared}}, false);
         world.cut(world.eu, txn, world.shared + 1);
       })},
      {"no-place-and-no-successor", "a master commits without effect what no later one accounts for",
       moved([](Moved& world) { without_place(world, world.eu, after_failover(world), Moved::kSecond); })},
      {"successor-drops-what-it-had", "a successor undoes a write that its log had when it opened",
       moved([](Moved& world) {
         const TxnId txn = world.accept(world.us, Moved::kFirst, world.shared + 1);
         world.open(world.eu, {{world.us, Moved::kFirst, 0}, {world.us, Moved::kSecond, world.shared + 1}});
         world.cut(world.us, txn, world.shared + 1);
       })},
      {"lease-ignored", "an old master accepts a write after its successor has opened", moved([](Moved& world) {
         const TxnId txn = world.accept(world.us, Moved::kFirst, world.shared + 1, Instant{2h});
         world.open(world.eu, {{world.us, Moved::kFirst, 0}, {world.us, Moved::kSecond, world.shared}}, true,
                    Instant{1h});
         world.cut(world.us, txn, world.shared + 1);
       })},
      {"not-fenced", "a successor opens without asking anybody", moved([third](Moved& world) {
         const TxnId txn = after_failover(world);
         world.open(world.ap, third(world));
         world.history.nodes[world.ap].facts.back().fenced = false;
         world.cut(world.eu, txn, world.shared + 1);
       })},
  };
}

}  // namespace

std::vector<Falsified> falsified_histories() {
  std::vector<Falsified> all = client_outcomes();
  for (Falsified& one : recovery_points()) {
    all.push_back(std::move(one));
  }
  return all;
}

std::string caught_by(const Verdict& verdict) {
  if (verdict.judgement == Judgement::pass || verdict.expected) {
    return "";
  }
  if (!verdict.examples.empty()) {
    const Violation& first = verdict.examples.front();
    return std::string(name_of(first.violation)) + ": " + first.what;
  }
  return verdict.unknown_reasons.empty() ? "" : "unknown: " + verdict.unknown_reasons.front();
}

}  // namespace geocommit::verdict_test
