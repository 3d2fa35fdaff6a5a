#include "sim/explore/failover/failover.h"

#include <algorithm>
#include <deque>
#include <ostream>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/mastership.h"

namespace geocommit::explore {
namespace {

constexpr Duration kUnit = 1s;
constexpr Instant kBegin{Duration{3'600s}};
constexpr std::size_t kInFlightMost = 24;

struct Site {
  Mastership machine;
  std::vector<std::pair<HomeRecordKind, HomeEpoch>> durable, pending;
  bool up{true};
  std::uint32_t starts{1};
};
struct Flying {
  NodeId from, to;
  HomeMessage message;
  auto operator<=>(const Flying&) const = default;
};

enum class Act : std::uint8_t { deliver, force, later, renew, tick, failover, transfer, crash, restart };
struct Step {
  Act act{};
  std::uint16_t site{}, arg{};
};

struct State {
  std::vector<Site> sites;
  std::vector<Flying> flying;  // A set: the network keeps no order. What is never delivered is lost.
  Instant now{kBegin};
  std::uint32_t failovers{}, transfers{}, crashes{}, renewals{}, hours{};
};

const char* name_of(HomeMessageKind kind) {
  switch (kind) {
    case HomeMessageKind::renew:
      return "RENEW";
    case HomeMessageKind::grant:
      return "GRANT";
    case HomeMessageKind::claim:
      return "CLAIM";
    case HomeMessageKind::promise:
      return "PROMISE";
    case HomeMessageKind::refuse:
      return "REFUSE";
    case HomeMessageKind::handoff:
      return "HANDOFF";
    case HomeMessageKind::open:
      return "OPEN";
  }
  return "?";
}

/// What is kept of a state that was seen: two hashes of its canonical encoding.
using Digest = std::pair<std::uint64_t, std::uint64_t>;

Digest digest(const std::string& bytes) {
  std::uint64_t a = 0xcbf29ce484222325ULL;
  std::uint64_t b = 0x9e3779b97f4a7c15ULL;
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    a = (a ^ byte) * 0x100000001b3ULL;
    b = (b + byte) * 0xff51afd7ed558ccdULL;
    b ^= b >> 29U;
  }
  return {a, b};
}
struct DigestHash {
  std::size_t operator()(const Digest& d) const { return static_cast<std::size_t>(d.first ^ d.second); }
};

class Search {
 public:
  Search(const FailoverOptions& options, const Host& host) : options_(options), host_(host) {
    rules_.lease = 2 * kUnit;
    rules_.guard = kUnit / 4;
    rules_.retry = 100 * kUnit;  // Nothing is repeated: a late message does all that a repeated one could.
    rules_.drain_limit = 100 * kUnit;
    rules_.fencing = options.fencing;
    for (std::uint32_t i = 0; i < options.sites; ++i) {
      nodes_.push_back(NodeId{i + 1});
    }
  }

  FailoverResult run();

 private:
  struct Came {
    std::uint32_t from{};
    Step step;
  };

  [[nodiscard]] Mastership fresh(std::size_t i) const { return {rules_, nodes_[i], nodes_[0], nodes_}; }
  static void take(State& state, std::size_t i, HomeEffects& effects);
  [[nodiscard]] std::vector<Step> steps(const State& state) const;
  [[nodiscard]] State after(const State& state, const Step& step) const;
  [[nodiscard]] bool two_masters(const State& state) const;
  [[nodiscard]] static std::string key(const State& state);
  [[nodiscard]] std::string describe(const State& before, const Step& step) const;
  [[nodiscard]] std::string way_to(std::uint32_t at, const State& initial) const;

  FailoverOptions options_;
  const Host& host_;
  HomeRules rules_;
  std::vector<NodeId> nodes_;
  std::vector<Came> came_;
};

void Search::take(State& state, std::size_t i, HomeEffects& effects) {
  for (const HomeEffects::Force& force : effects.force) {
    state.sites[i].pending.emplace_back(force.kind, force.epoch);
  }
  for (auto& [to, message] : effects.send) {
    message.history.clear();
    Flying one{Flying{NodeId{static_cast<std::uint32_t>(i + 1)}, to, std::move(message)}};
    const auto at = std::lower_bound(state.flying.begin(), state.flying.end(), one);
    if ((at == state.flying.end() || *at != one) && state.flying.size() < kInFlightMost) {
      state.flying.insert(at, std::move(one));
    }
  }
}

std::vector<Step> Search::steps(const State& state) const {
  std::vector<Step> out;
  for (std::uint16_t i = 0; i < state.sites.size(); ++i) {
    const Site& site = state.sites[i];
    if (!site.up) {
      out.push_back({Act::restart, i, 0});
      continue;
    }
    if (!site.pending.empty()) {
      out.push_back({Act::force, i, 0});
    }
    const auto deadline = site.machine.deadline();
    if (deadline && *deadline <= state.now) {
      if (!site.machine.is_master() || !options_.fencing) {
        out.push_back({Act::tick, i, 0});
      } else if (state.renewals < options_.renewals) {
        out.push_back({Act::renew, i, 0});
      }
    }
    if (state.failovers < options_.failovers && site.machine.role() == HomeRole::replica) {
      out.push_back({Act::failover, i, 0});
    }
    if (state.transfers < options_.transfers && site.machine.role() == HomeRole::master) {
      for (std::uint16_t to = 0; to < state.sites.size(); ++to) {
        if (to != i) {
          out.push_back({Act::transfer, i, to});
        }
      }
    }
    if (state.crashes < options_.crashes) {
      for (std::uint16_t kept = 0; kept <= site.pending.size(); ++kept) {
        out.push_back({Act::crash, i, kept});
      }
    }
  }
  for (std::uint16_t m = 0; m < state.flying.size(); ++m) {
    out.push_back({Act::deliver, 0, m});
  }
  if (state.hours < options_.hours) {
    out.push_back({Act::later, 0, 0});
  }
  return out;
}

State Search::after(const State& state, const Step& step) const {
  State next = state;
  HomeEffects effects;
  switch (step.act) {
    case Act::deliver: {
      const Flying one = next.flying[step.arg];
      next.flying.erase(next.flying.begin() + step.arg);
      const std::size_t to = one.to.value - 1;
      if (!next.sites[to].up) {
        return next;
      }
      if (one.message.kind == HomeMessageKind::handoff) {
        next.sites[to].machine.received_handoff(one.from, one.message, true, effects);
      } else {
        next.sites[to].machine.received(next.now, one.from, one.message, effects);
      }
      take(next, to, effects);
      return next;
    }
    case Act::force: {
      Site& site = next.sites[step.site];
      const auto record = site.pending.front();
      site.pending.erase(site.pending.begin());
      site.durable.push_back(record);
      site.machine.forced(next.now, record.first, record.second, effects);
      break;
    }
    case Act::later:
      next.now += kUnit;
      ++next.hours;
      return next;
    case Act::renew:
      ++next.renewals;
      next.sites[step.site].machine.tick(next.now, effects);
      break;
    case Act::tick:
      next.sites[step.site].machine.tick(next.now, effects);
      break;
    case Act::failover:
      ++next.failovers;
      next.sites[step.site].machine.take_over(next.now, effects);
      break;
    case Act::transfer:
      ++next.transfers;
      next.sites[step.site].machine.transfer(next.now, nodes_[step.arg]);
      next.sites[step.site].machine.drained(next.now, effects);
      break;
    case Act::crash: {
      Site& site = next.sites[step.site];
      ++next.crashes;
      site.up = false;
      site.durable.insert(site.durable.end(), site.pending.begin(), site.pending.begin() + step.arg);
      site.pending.clear();
      return next;
    }
    case Act::restart: {
      Site& site = next.sites[step.site];
      site.machine = fresh(step.site);
      for (const auto& [kind, epoch] : site.durable) {
        site.machine.replay(kind, epoch);
      }
      site.machine.start(next.now, Epoch{++site.starts});
      site.up = true;
      return next;
    }
  }
  take(next, step.site, effects);
  return next;
}

bool Search::two_masters(const State& state) const {
  return std::count_if(state.sites.begin(), state.sites.end(),
                       [&](const Site& site) { return site.up && site.machine.may_serve(state.now); }) > 1;
}

std::string Search::key(const State& state) {
  std::string out;
  const auto put = [&](std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) {
      out.push_back(static_cast<char>((value >> shift) & 0xffU));
    }
  };
  for (const Site& site : state.sites) {
    put(std::uint64_t{site.starts} << 1U | (site.up ? 1U : 0U));
    if (site.up) {
      site.machine.hash_state(state.now, out);
    }
    for (const auto* records : {&site.durable, &site.pending}) {
      for (const auto& [kind, epoch] : *records) {
        put(epoch.value << 3U | static_cast<std::uint64_t>(kind));
      }
      put(~std::uint64_t{0});
    }
  }
  for (const Flying& one : state.flying) {
    put(std::uint64_t{one.from.value} << 32U | one.to.value);
    put(one.message.epoch.value << 4U | static_cast<std::uint64_t>(one.message.kind) << 1U |
        (one.message.opened ? 1U : 0U));
    put(one.message.number);
    put(static_cast<std::uint64_t>(one.message.remaining.count()));
  }
  for (const std::uint32_t count : {state.failovers, state.transfers, state.crashes, state.renewals, state.hours}) {
    out.push_back(static_cast<char>(count));
  }
  return out;
}

std::string Search::describe(const State& before, const Step& step) const {
  const std::string site = "site " + std::to_string(step.site + 1);
  switch (step.act) {
    case Act::deliver: {
      const Flying& one = before.flying[step.arg];
      return std::string(name_of(one.message.kind)) + " of epoch " + std::to_string(one.message.epoch.value) +
             ", site " + std::to_string(one.from.value) + " -> site " + std::to_string(one.to.value);
    }
    case Act::force:
      return site + ": its record is durable";
    case Act::later:
      return "half a lease passes";
    case Act::renew:
      return site + " asks for its lease";
    case Act::tick:
      return site + ": a timer";
    case Act::failover:
      return site + " is ordered to take over";
    case Act::transfer:
      return site + " is ordered to hand over to site " + std::to_string(step.arg + 1);
    case Act::crash:
      return site + " crashes";
    case Act::restart:
      return site + " starts again";
  }
  return "?";
}

std::string Search::way_to(std::uint32_t at, const State& initial) const {
  std::vector<Step> way;
  for (; at != 0; at = came_[at].from) {
    way.push_back(came_[at].step);
  }
  std::reverse(way.begin(), way.end());
  State state = initial;
  std::string out;
  for (const Step& step : way) {
    out += "  " + describe(state, step) + "\n";
    state = after(state, step);
  }
  for (std::size_t i = 0; i < state.sites.size(); ++i) {
    if (state.sites[i].up && state.sites[i].machine.may_serve(state.now)) {
      out += "  -> site " + std::to_string(i + 1) + " accepts writes under epoch " +
             std::to_string(state.sites[i].machine.epoch().value) + "\n";
    }
  }
  return out;
}

FailoverResult Search::run() {
  FailoverResult result;
  State initial;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    initial.sites.push_back({fresh(i), {}, {}, true, 1});
    initial.sites.back().machine.start(initial.now, Epoch{1});
  }
  std::unordered_set<Digest, DigestHash> seen{digest(key(initial))};
  std::deque<std::pair<std::uint32_t, State>> frontier{{0, initial}};
  came_.push_back({});
  const double began = host_.seconds();
  while (!frontier.empty()) {
    const auto [at, state] = std::move(frontier.front());
    frontier.pop_front();
    if (came_.size() > options_.states || (options_.seconds > 0 && host_.seconds() - began > options_.seconds)) {
      result.states = came_.size();
      return result;
    }
    for (const Step& step : steps(state)) {
      ++result.steps;
      State next = after(state, step);
      if (!seen.insert(digest(key(next))).second) {
        continue;
      }
      came_.push_back({at, step});
      const auto index = static_cast<std::uint32_t>(came_.size() - 1);
      if (two_masters(next)) {
        result.states = came_.size();
        result.violation = way_to(index, initial);
        return result;
      }
      frontier.emplace_back(index, std::move(next));
    }
  }
  result.states = came_.size();
  result.complete = true;
  return result;
}

}  // namespace

FailoverResult search_failover(const FailoverOptions& options, const Host& host) { return Search(options, host).run(); }

int run_explore_failover(const FailoverOptions& options, const Host& host) {
  const FailoverResult result = search_failover(options, host);
  host.out << "home-region, mastership of one home at " << options.sites << " sites: " << options.failovers
           << " failovers, " << options.transfers << " transfers, " << options.crashes << " crashes, "
           << options.renewals << " renewals, " << options.hours << " half leases"
           << (options.fencing ? "" : ", without fencing") << "\n"
           << result.states << " states, " << result.steps << " steps\n";
  if (!result.violation.empty()) {
    host.out << "two masters at once, the shortest way:\n" << result.violation;
    return kViolation;
  }
  host.out << (result.complete ? "no state has two masters\n" : "not searched to the end\n");
  return result.complete ? kClean : kNotExhausted;
}

}  // namespace geocommit::explore
