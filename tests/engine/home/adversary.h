// The sites of one home, their disks and their network, in the hands of an adversary: messages late, lost, twice and
// out of order, crashes that lose what was not forced, clocks that drift as far as they may.
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <utility>
#include <vector>

#include "engine/home/mastership.h"

namespace geocommit {

struct Machines {
  static constexpr std::int64_t kStart = 1'000'000'000'000;  // ns; by the first site's clock: the others are elsewhere.

  struct Site {
    Mastership machine;
    std::vector<std::pair<HomeRecordKind, HomeEpoch>> durable;
    std::deque<std::pair<HomeRecordKind, HomeEpoch>> pending;
    double rate{1.0};
    bool up{true};
    std::uint32_t starts{1};
  };
  struct Flying {
    NodeId from, to;
    HomeMessage message;
  };

  Machines(std::uint64_t seed, std::vector<HomeRules> rules_of_site) : random(seed), rules(std::move(rules_of_site)) {
    for (std::uint32_t i = 0; i < rules.size(); ++i) {
      nodes.push_back(NodeId{i + 1});
    }
    for (std::uint32_t i = 0; i < rules.size(); ++i) {
      sites.push_back({Mastership(rules[i], nodes[i], nodes[0], nodes), {}, {}, 1.0, true, 1});
      sites.back().rate = 0.995 + 0.01 * static_cast<double>(random() % 1001) / 1000.0;
      sites.back().machine.start(now(i), Epoch{1});
    }
  }

  Instant now(std::size_t i) const {
    return Instant{
        Duration{static_cast<std::int64_t>(kStart * static_cast<std::int64_t>(i + 1) +
                                           static_cast<std::int64_t>(static_cast<double>(time_ns) * sites[i].rate))}};
  }

  void take(std::size_t i, HomeEffects& effects) {
    for (const HomeEffects::Force& force : effects.force) {
      sites[i].pending.emplace_back(force.kind, force.epoch);
    }
    for (auto& [to, message] : effects.send) {
      flying.push_back({nodes[i], to, message});
    }
    opened += effects.opened ? 1 : 0;
  }

  void deliver(std::size_t at) {
    const Flying one = flying[at];
    if (random() % 10 != 0) {  // Else it stays, and comes once more.
      flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(at));
    }
    const std::size_t i = one.to.value - 1;
    if (!sites[i].up || cut == one.from || cut == one.to) {
      return;
    }
    HomeEffects effects;
    if (one.message.kind == HomeMessageKind::handoff) {
      sites[i].machine.received_handoff(one.from, one.message, true, effects);
    } else {
      sites[i].machine.received(now(i), one.from, one.message, effects);
    }
    take(i, effects);
  }

  void step() {
    const std::uint64_t roll = random() % 100;
    const std::size_t i = random() % sites.size();
    Site& site = sites[i];
    HomeEffects effects;
    if (roll < 40) {
      if (!flying.empty()) {
        deliver(random() % flying.size());
      }
    } else if (roll < 50) {
      if (!flying.empty() && random() % 2 == 0) {
        flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(random() % flying.size()));
      }
    } else if (roll < 75) {
      time_ns += static_cast<std::int64_t>(random() % 40'000'000);
      for (std::size_t s = 0; s < sites.size(); ++s) {
        if (sites[s].up && random() % 3 != 0) {  // A timer may be late.
          HomeEffects ticked;
          sites[s].machine.tick(now(s), ticked);
          take(s, ticked);
        }
      }
    } else if (roll < 88) {
      if (site.up && !site.pending.empty()) {
        const auto record = site.pending.front();
        site.pending.pop_front();
        site.durable.push_back(record);
        site.machine.forced(now(i), record.first, record.second, effects);
        take(i, effects);
      }
    } else if (roll < 91) {
      crash(i);
    } else if (roll < 95) {
      if (!site.up) {
        restart(i);
      }
    } else if (roll < 97) {
      if (site.up) {
        site.machine.take_over(now(i), effects);
        take(i, effects);
      }
    } else if (roll < 98) {
      cut = random() % 2 == 0 ? nodes[i] : NodeId{};
    } else if (roll < 99) {
      if (site.up) {
        site.machine.transfer(now(i), nodes[random() % nodes.size()]);
      }
    } else if (site.up) {
      site.machine.drained(now(i), effects);
      take(i, effects);
    }
    while (flying.size() > 60) {
      flying.pop_front();
    }
  }

  void crash(std::size_t i) {
    sites[i].up = false;
    while (!sites[i].pending.empty()) {  // Any prefix of what was not forced survives.
      if (random() % 2 == 0) {
        sites[i].durable.push_back(sites[i].pending.front());
        sites[i].pending.pop_front();
      } else {
        sites[i].pending.clear();
      }
    }
  }

  void restart(std::size_t i) {
    sites[i].machine = Mastership(rules[i], nodes[i], nodes[0], nodes);
    for (const auto& [kind, epoch] : sites[i].durable) {
      sites[i].machine.replay(kind, epoch);
    }
    sites[i].machine.start(now(i), Epoch{++sites[i].starts});
    sites[i].up = true;
  }

  std::size_t masters() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < sites.size(); ++i) {
      count += sites[i].up && sites[i].machine.may_serve(now(i)) ? 1 : 0;
    }
    return count;
  }

  std::mt19937_64 random;
  std::vector<HomeRules> rules;
  std::vector<NodeId> nodes;
  std::vector<Site> sites;
  std::deque<Flying> flying;
  NodeId cut;  ///< Nothing reaches it, nothing leaves it.
  std::int64_t time_ns{};
  std::uint64_t opened{};
};

}  // namespace geocommit
