// Any input in any state: nothing undefined happens, a machine decides once, the same inputs give the same outputs, and
// clone and hash_state cover the complete state.
#include <catch2/catch.hpp>
#include <optional>
#include <random>

#include "protocols/registry.h"
#include "tests/protocols/rows.h"

namespace geocommit {
namespace {

constexpr NodeId kCoordinator{1001};

class Inputs {
 public:
  explicit Inputs(std::uint64_t seed) : random_(seed) {}

  Input next() {
    switch (pick(10)) {
      case 0:
        return Begin{};
      case 1:
        return TimerFired{static_cast<std::uint8_t>(pick(9))};
      case 2:
      case 3:
        return LogForced{static_cast<std::uint8_t>(pick(10))};
      case 4:
        return Executed{static_cast<Vote>(pick(4)), Reason::constraint};
      case 5:
        if (pick(4) == 0) {
          return Wounded{};
        }
        return pick(10) == 0 ? Input{recovered()} : Input{Received{message()}};
      default:
        return Received{message()};
    }
  }

 private:
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

  Message message() {
    Message m;
    m.from = pick(4) == 0 ? kCoordinator : NodeId{1 + pick(4)};
    m.to = NodeId{1};
    m.kind = static_cast<std::uint8_t>(pick(14));
    m.to_role = static_cast<Role>(pick(2));
    m.ballot = Ballot{pick(3)};
    m.outcome = static_cast<Outcome>(pick(3));
    m.vote = static_cast<Vote>(pick(4));
    m.state = static_cast<SiteState>(pick(6));
    m.retry = pick(2) == 0;
    return m;
  }

  Recovered recovered() {
    Recovered r;
    const std::uint32_t count = pick(4);
    for (std::uint32_t i = 0; i < count; ++i) {
      LogRecord record;
      record.kind = static_cast<std::uint8_t>(pick(10));
      record.outcome = static_cast<Outcome>(pick(3));
      record.with_descriptor = i == 0;
      r.durable.push_back(record);
    }
    return r;
  }

  std::mt19937_64 random_;
};

std::string hash(const CommitMachine& machine) {
  std::string bytes;
  machine.hash_state(bytes);
  return bytes;
}

/// Outputs as text, to compare two runs.
std::string text(const Outbox& out) {
  std::string all;
  for (const Output& output : out) {
    all += std::to_string(output.index());
    if (const auto* send = std::get_if<Send>(&output)) {
      const Message& m = send->message;
      all += ":" + std::to_string(m.kind) + ">" + std::to_string(m.to.value) + "/" +
             std::to_string(static_cast<int>(m.outcome)) + std::to_string(static_cast<int>(m.vote));
    } else if (const auto* note = std::get_if<Note>(&output)) {
      all += ":" + std::string(note->event);
    }
    all += " ";
  }
  return all;
}

}  // namespace

TEST_CASE("machines survive any input in any state") {
  const TxnId txn{kCoordinator, Epoch{1}, 1};
  const std::vector<Member> cohort{{NodeId{1}, Epoch{1}}, {NodeId{2}, Epoch{1}}, {NodeId{3}, Epoch{1}}};
  for (const Protocol& row : rows_under_test()) {
    for (const Role role : row.roles) {
      for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
        const bool known = seed % 7 != 0;  // Some are made by an inquiry alone.
        const TxnContext context{txn,
                                 host_of(role) == NodeKind::coordinator ? kCoordinator : NodeId{1},
                                 kCoordinator,
                                 known ? cohort : std::vector<Member>{},
                                 {500ms, 500ms, 200ms}};
        const auto machine = row.make(role, context);
        Inputs inputs(seed);
        std::optional<Outcome> decided;
        bool forgotten = false;
        for (int i = 0; i < 60; ++i) {
          const Input input = inputs.next();
          const auto twin = machine->clone();
          REQUIRE(hash(*twin) == hash(*machine));
          Outbox out;
          Outbox twin_out;
          machine->step({}, input, out);
          twin->step({}, input, twin_out);
          REQUIRE(text(out) == text(twin_out));
          REQUIRE(hash(*twin) == hash(*machine));
          REQUIRE(machine->describe() == twin->describe());
          for (const Output& output : out) {
            if (forgotten) {
              REQUIRE(std::holds_alternative<Note>(output));
            }
            if (const auto* decide = std::get_if<Decide>(&output)) {
              REQUIRE(decide->outcome != Outcome::undecided);
              REQUIRE_FALSE(decided.has_value());
              decided = decide->outcome;
            }
            if (const auto* send = std::get_if<Send>(&output)) {
              REQUIRE(send->message.kind != 0);
              REQUIRE(row.kind_name(send->message.kind) != "?");
              REQUIRE(send->message.to.value != 0);
            }
            if (const auto* force = std::get_if<ForceLog>(&output)) {
              REQUIRE(row.record_name(force->record.kind) != "?");
            }
            if (const auto* timer = std::get_if<SetTimer>(&output)) {
              REQUIRE(row.timer_name(timer->timer) != "?");
              REQUIRE(timer->after > Duration{0});
            }
            forgotten = forgotten || std::holds_alternative<Forget>(output);
          }
        }
      }
    }
  }
}

}  // namespace geocommit
