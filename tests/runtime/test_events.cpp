// The event logs: what is kept, what is bounded, what survives a killed process.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "protocols/registry.h"
#include "runtime/events/event_log.h"
#include "runtime/events/files.h"

using namespace geocommit;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/geocommit-events-XXXXXX";  // NOLINT: mkdtemp
    path = ::mkdtemp(name);
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

TxnDescriptor txn(std::uint64_t counter) {
  TxnDescriptor d;
  d.txn = {NodeId{1001}, Epoch{1}, counter};
  d.protocol = find_protocol("2pc")->wire_id;
  d.coordinator = NodeId{1001};
  d.operations = {{Entity{1}, 1, false}};
  return d;
}

/// Of the first numbers, the first one that is (not) in a sample of half.
std::uint64_t counter_in_sample(bool wanted) {
  std::uint64_t counter = 1;
  while (in_sample(txn(counter).txn, 0.5) != wanted) ++counter;
  return counter;
}

/// A log in memory, at a time that the test sets.
struct Recorder {
  explicit Recorder(TraceSettings with = {.sample = 0.0, .window = 100})
      : settings(with),
        slots(with.window),
        log(
            settings, {slots.data(), slots.size(), &written}, [this] { return Instant{Duration{now}}; },
            [this](const Event* events, std::size_t count) { kept.insert(kept.end(), events, events + count); }) {}
  [[nodiscard]] std::vector<EventType> types(std::uint64_t counter) const {
    std::vector<EventType> out;
    for (const Event& event : kept) {
      if (event.counter == counter && event.type != EventType::name) out.push_back(event.type);
    }
    return out;
  }
  TraceSettings settings;
  std::vector<Event> slots;
  std::uint64_t written{};
  std::int64_t now{1000};
  std::vector<Event> kept;
  EventLog log;
};

}  // namespace

TEST_CASE("a sample is the same transactions everywhere, and about its share of them") {
  int in = 0;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const TxnId id{NodeId{1001 + static_cast<std::uint32_t>(i % 3)}, Epoch{1}, i};
    in += in_sample(id, 0.01) ? 1 : 0;
    CHECK(in_sample(id, 1.0));
    CHECK_FALSE(in_sample(id, 0.0));
  }
  CHECK(in > 900);
  CHECK(in < 1100);
}

TEST_CASE("sampled transactions are kept as they happen, the others pass through the window") {
  Recorder recorder({.sample = 0.5, .window = 100});
  const std::uint64_t sampled = counter_in_sample(true), other = counter_in_sample(false);
  recorder.log.voted(txn(sampled), Vote::yes, Reason::none);
  recorder.log.locks_granted(txn(other), true);
  REQUIRE(recorder.kept.size() == 1);
  CHECK(recorder.kept[0].counter == sampled);
  CHECK(recorder.kept[0].t_ns == 1000);
  CHECK(recorder.written == 1);
  CHECK(recorder.slots[0].counter == other);
  CHECK(recorder.slots[0].flag == 1);
}

TEST_CASE("a transaction whose timer fires is kept from its beginning on, out of the window") {
  Recorder recorder;
  recorder.log.locks_granted(txn(1), false);
  recorder.log.locks_granted(txn(2), false);
  recorder.log.voted(txn(1), Vote::yes, Reason::none);
  CHECK(recorder.kept.empty());
  recorder.log.machine_stepped(txn(1), Role::participant, TimerFired{1}, {});
  recorder.log.settle();
  CHECK(recorder.types(1) == std::vector<EventType>{EventType::granted, EventType::voted, EventType::timer});
  CHECK(recorder.types(2).empty());
  Outbox outbox;
  outbox.emplace_back(Decide{Outcome::abort, Reason::terminated});
  recorder.log.machine_stepped(txn(1), Role::participant, LogForced{2}, outbox);  // From now on at once.
  CHECK(recorder.types(1).size() == 5);
  recorder.log.transaction_forgotten(txn(1), Role::participant, Outcome::abort, {});
  CHECK(recorder.types(1).back() == EventType::forgotten);
}

TEST_CASE("blocked transactions, those held up by them, and recovered ones are kept; and without a call to settle") {
  Recorder recorder;
  for (std::uint64_t i = 1; i <= 3; ++i) recorder.log.locks_granted(txn(i), false);
  recorder.log.in_doubt_ended(txn(1), Outcome::commit, 5s, 4s);
  recorder.log.held_up_by_blocked(txn(2), "lock_timeout");
  recorder.log.machine_stepped(txn(3), Role::participant, Recovered{}, {});
  recorder.log.in_doubt_ended(txn(4), Outcome::commit, 100ms, 0ms);  // Not blocked.
  recorder.now += 60'000'000;
  recorder.log.voted(txn(5), Vote::yes, Reason::none);  // The next event, whosever, settles.
  CHECK(recorder.types(1) == std::vector<EventType>{EventType::granted, EventType::unblocked});
  CHECK(recorder.types(2) == std::vector<EventType>{EventType::granted, EventType::held_up});
  CHECK(recorder.types(3) == std::vector<EventType>{EventType::granted, EventType::recovered});
  CHECK(recorder.types(4).empty());
  CHECK(recorder.types(5).empty());
}

TEST_CASE("the window forgets the oldest, the limit what comes last, and says so") {
  Recorder recorder({.sample = 0.0, .limit = 10 * sizeof(Event), .window = 4});
  for (std::uint64_t i = 0; i < 6; ++i) recorder.log.voted(txn(1), Vote::yes, Reason::none);
  recorder.log.keep(txn(1).txn);
  recorder.log.settle();
  CHECK(recorder.types(1).size() == 4);
  for (int i = 0; i < 20; ++i) recorder.log.voted(txn(1), Vote::yes, Reason::none);
  CHECK(recorder.types(1).size() == 10);
  CHECK(recorder.log.missed() == 14);
  CHECK(std::count_if(recorder.kept.begin(), recorder.kept.end(),
                      [](const Event& e) { return e.type == EventType::full; }) == 1);
}

TEST_CASE("files: a killed process loses nothing, the next one goes on, a torn record is cut") {
  const Folder folder;
  const TraceSettings settings{.sample = 0.0, .window = 8};
  std::int64_t now = 1;
  const auto clock = [&now] { return Instant{Duration{++now}}; };
  const auto life = [&](std::uint32_t epoch, auto&& act) {
    auto files = EventFiles::open(folder.path, NodeId{7}, settings);
    REQUIRE(files.ok());
    EventFiles& out = *files.value();
    EventLog log(
        settings, out.window(), clock, [&](const Event* e, std::size_t n) { out.append(e, n); }, out.kept_bytes());
    log.started(Epoch{epoch}, 99);
    act(log);
    // No settle, no close: killed.
  };
  life(1, [](EventLog& log) {
    log.locks_granted(txn(1), false);
    log.noted(txn(1), Role::coordinator, "votes-collected");
  });
  {
    std::ofstream torn(folder.path / kEventsFile, std::ios::app | std::ios::binary);
    torn << "half a record";
  }
  auto read = read_events(folder.path, [](const TxnId&) { return true; });
  REQUIRE(read.ok());
  CHECK(read.value().torn);
  REQUIRE(read.value().events.size() == 3);
  life(2, [](EventLog& log) {
    log.machine_stepped(txn(1), Role::participant, Recovered{}, {});
    log.settle();
  });
  read = read_events(folder.path, [](const TxnId&) { return false; });
  REQUIRE(read.ok());
  CHECK_FALSE(read.value().torn);
  CHECK(read.value().node == NodeId{7});
  std::vector<EventType> types;
  for (const Event& event : read.value().events) types.push_back(event.type);
  CHECK(types == std::vector<EventType>{EventType::started, EventType::granted, EventType::note, EventType::started,
                                        EventType::recovered});
  CHECK(read.value().names.at(read.value().events[2].value) == "votes-collected");
}

TEST_CASE("settling keeps what is asked for out of the window, and removes it") {
  const Folder folder;
  const TraceSettings settings{.sample = 0.0, .window = 8};
  {
    auto files = EventFiles::open(folder.path, NodeId{7}, settings);
    REQUIRE(files.ok());
    EventLog log(
        settings, files.value()->window(), [] { return Instant{5ns}; },
        [&](const Event* e, std::size_t n) { files.value()->append(e, n); });
    log.locks_granted(txn(1), false);
    log.locks_granted(txn(2), false);
  }
  REQUIRE(fs::exists(folder.path / kEventsWindowFile));
  REQUIRE(settle_events(folder.path, [](const TxnId& id) { return id.counter == 2; }).ok());
  CHECK_FALSE(fs::exists(folder.path / kEventsWindowFile));
  CHECK(settle_events(folder.path, [](const TxnId&) { return true; }).ok());  // Once more: harmless.
  const auto read = read_events(folder.path, [](const TxnId&) { return true; });
  REQUIRE(read.ok());
  REQUIRE(read.value().events.size() == 1);
  CHECK(read.value().events[0].counter == 2);
}

TEST_CASE("what is no event log is refused, and said so") {
  const Folder folder;
  CHECK_FALSE(read_events(folder.path, [](const TxnId&) { return true; }).ok());
  std::ofstream(folder.path / kEventsFile) << std::string(500, 'x');
  const auto read = read_events(folder.path, [](const TxnId&) { return true; });
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().message.find("no event log") != std::string::npos);
  CHECK_FALSE(EventFiles::open(folder.path, NodeId{7}, {}).ok());
}
