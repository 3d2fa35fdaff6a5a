// Participants count as interchangeable only where every step that the search met says so.
#include <catch2/catch.hpp>
#include <memory>

#include "protocols/two_phase_commit/two_phase_commit.h"
#include "sim/explore/explore.h"
#include "tests/explore/mutants/changes.h"

namespace geocommit::explore {
namespace {

/// The cohort's first site is marked in messages of that kind, whoever sends them. Nobody takes them for anything else.
template <two_phase_commit::Kind kKind>
struct MarksTheFirst {
  void operator()(CommitMachine& real, const TxnContext& context, Instant now, const Input& input, Outbox& out) const {
    const std::size_t before = out.size();
    real.step(now, input, out);
    for (std::size_t i = before; i < out.size(); ++i) {
      auto* send = std::get_if<Send>(&out[i]);
      const NodeId first = context.cohort.empty() ? NodeId{} : context.cohort.front().node;
      if (send != nullptr && send->message.kind == raw(kKind) && (context.self == first || send->message.to == first)) {
        send->message.reason = Reason::unavailable;
      }
    }
  }
};

template <two_phase_commit::Kind kKind>
Protocol marking() {
  Protocol row = *find_protocol("2pc");
  row.make = [](Role role, const TxnContext& context) -> std::unique_ptr<CommitMachine> {
    return std::make_unique<Mutated<MarksTheFirst<kKind>>>(two_phase_commit::make(role, context), context);
  };
  return row;
}

Report searched(const Protocol& row, std::uint32_t readers) {
  Options options;
  options.protocol = &row;
  options.participants = 2;
  options.read_only = readers;
  return explore(options);
}

}  // namespace

TEST_CASE("one step that treats two sites differently is enough to count every state by itself") {
  using two_phase_commit::Kind;
  const Protocol plain = *find_protocol("2pc");
  struct Marked {
    Protocol row;
    std::uint32_t readers;
  };
  // What readers vote is a site's very first step, what writers acknowledge its last.
  for (const auto& [row, readers] : {Marked{marking<Kind::vote>(), 2}, Marked{marking<Kind::vote>(), 0},
                                     Marked{marking<Kind::decision>(), 0}, Marked{marking<Kind::ack>(), 0}}) {
    const Report same = searched(plain, readers);
    CHECK(same.symmetric);
    const Report other = searched(row, readers);
    CHECK(other.ending == Ending::exhausted);
    CHECK(!other.symmetric);
    CHECK(other.states > same.states);
  }
}

}  // namespace geocommit::explore
