#include "sim/event_queue.h"

#include <catch2/catch.hpp>
#include <map>
#include <utility>
#include <vector>

#include "workload/random.h"

using namespace geocommit;
using namespace geocommit::sim;

TEST_CASE("events come in the order of time, then of their making, at every scale of time") {
  // Against a tree: pushes near, far, beyond the wheel's turn; cancellations before and after a slice has come.
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed, 1);
    EventQueue queue;
    std::map<std::pair<std::int64_t, std::uint64_t>, EventSlot> model;
    std::int64_t now = 0;
    std::uint64_t made = 0;
    const std::int64_t scales[] = {1, 1'000, 300'000, 50'000'000, 3'000'000'000, 60'000'000'000};
    for (int step = 0; step < 3000; ++step) {
      const std::uint64_t what = random.below(10);
      if (what < 5) {
        const auto after = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(scales[random.below(6)])));
        const EventSlot slot = queue.push(now + after, EventKind::timer, 0, 0, ++made);
        model.emplace(std::pair(now + after, made), slot);
      } else if (what < 7 && !model.empty()) {
        auto victim = model.begin();
        std::advance(victim, static_cast<std::ptrdiff_t>(random.below(model.size())));
        queue.cancel(victim->second);
        model.erase(victim);
      } else {
        const std::int64_t until =
            now + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(scales[random.below(6)])));
        const EventSlot slot = queue.pop(until);
        if (model.empty() || model.begin()->first.first > until) {
          REQUIRE(slot == kNoEvent);
          now = until;
        } else {
          REQUIRE(slot == model.begin()->second);
          REQUIRE(queue.at(slot).arg == model.begin()->first.second);
          now = queue.at(slot).time_ns;
          model.erase(model.begin());
          if (random.chance(0.1)) {  // A node that is paused: again, later.
            queue.push_again(slot, now + 5);
            model.emplace(std::pair(now + 5, ++made), slot);
            const_cast<Event&>(queue.at(slot)).arg = made;  // NOLINT: the model's name for it
          } else {
            queue.release(slot);
          }
        }
      }
      REQUIRE(queue.size() == model.size());
    }
  }
}

TEST_CASE("memory is bounded by what is queued at once") {
  EventQueue queue;
  for (std::int64_t i = 0; i < 100'000; ++i) {
    const EventSlot timeout = queue.push(i * 1000 + 1'000'000'000, EventKind::timer, 0, 0, 0);
    queue.push(i * 1000, EventKind::message, 0, 0, 0);
    const EventSlot slot = queue.pop(i * 1000);
    REQUIRE(slot != kNoEvent);
    queue.release(slot);
    queue.cancel(timeout);
  }
  CHECK(queue.memory_slots() <= 4);
}
