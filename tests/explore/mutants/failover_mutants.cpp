// Broken variants of a home's mastership: planted at what a site hears and at its disk.
#include "tests/explore/mutants/mutants.h"

namespace geocommit::explore {
namespace {

/// The successor knows nothing of the others' logs, and opens with its own.
void without_positions(HomeMessage& message) {
  if (message.kind == HomeMessageKind::promise) {
    message.log = {};
  }
}

/// The successor does not wait for leases that may still run.
void without_leases(HomeMessage& message) {
  if (message.kind == HomeMessageKind::promise) {
    message.remaining = Duration::zero();
  }
}

bool is_promise(HomeRecordKind kind) { return kind == HomeRecordKind::promised; }

FailoverOptions within(std::uint32_t crashes, std::uint32_t writes, FailoverFilter filter) {
  FailoverOptions options;
  options.crashes = crashes;
  options.writes = writes;
  options.renewals = 1;
  options.hours = 3;
  options.filter = filter;
  return options;
}

}  // namespace

std::vector<FailoverMutant> all_failover_mutants() {
  std::vector<FailoverMutant> all;
  all.push_back({"elects-by-epoch-alone", "39",
                 "a promise says nothing of the log, and the successor opens with its own",
                 within(0, 1, {without_positions, nullptr, false})});
  all.push_back({"opens-before-fetch", "39", "a successor opens before what it has asked for is there",
                 within(0, 1, {nullptr, nullptr, true})});
  all.push_back({"promises-before-durable", "1",
                 "a site promises before that is durable, crashes, and lends to the old master",
                 within(1, 0, {nullptr, is_promise, false})});
  all.push_back({"does-not-wait-for-leases", "ADR 40", "a successor opens while leases that were reported still run",
                 within(0, 0, {without_leases, nullptr, false})});
  return all;
}

}  // namespace geocommit::explore
