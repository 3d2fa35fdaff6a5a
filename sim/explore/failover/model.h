// One home's sites as tables: a site's state is a number, and so is a message; what an input does to a site is computed
// once, by the real machine. A state of the whole is a few numbers.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/home/home_log.h"
#include "engine/home/mastership.h"
#include "sim/explore/failover/failover.h"

namespace geocommit::explore::failover {

inline constexpr std::size_t kSitesMost = 5;
inline constexpr std::size_t kInFlightMost = 48;

enum class Act : std::uint8_t {
  deliver,
  force,
  later,
  renew,
  tick,
  write,
  drained,
  failover,
  transfer,
  crash,
  restart
};

/// `arg`: deliver: the message; transfer: to which site; crash: so many of the unforced records are kept.
struct Step {
  Act act{};
  std::uint8_t site{};
  std::uint16_t arg{};
};

struct State {
  std::array<std::uint32_t, kSitesMost> site{};
  std::uint8_t failovers{}, transfers{}, crashes{}, renewals{}, hours{}, writes{};
  std::uint8_t in_flight{};
  std::array<std::uint16_t, kInFlightMost> message{};  // Ascending: the network keeps no order. Never taken is lost.
};

/// The sites' clocks, all alike.
inline constexpr Duration kUnit = 1s;
[[nodiscard]] constexpr Instant time_of(std::uint32_t hours) { return Instant{Duration{3'600s}} + kUnit * hours; }
/// Does it count promises?
[[nodiscard]] inline bool collects(const Mastership& machine) {
  return machine.role() == HomeRole::claiming || machine.role() == HomeRole::fetching;
}

class Model {
 public:
  explicit Model(const FailoverOptions& options);

  [[nodiscard]] State initial();
  /// All that can happen next, but for what would change nothing (FailoverReductions::ignored).
  void steps(const State& state, std::vector<Step>& out);
  [[nodiscard]] State after(const State& state, const Step& step);
  /// What is wrong with the state that a step leads to; empty: nothing.
  [[nodiscard]] std::string violation(const State& state, const Step& step, const State& next);
  /// A message was not sent as too many were in flight: the search is not complete.
  [[nodiscard]] bool overflowed() const { return overflowed_; }

  [[nodiscard]] std::string label(const State& state, const Step& step) const;
  [[nodiscard]] std::string describe(const State& state, std::size_t site) const;
  /// The sites and what is left of the bounds, by content: the same number in every search.
  [[nodiscard]] std::size_t sites_of(const State& state) const;
  /// The same as people see it; of all but the first site in any order.
  [[nodiscard]] std::string shown(const State& state) const;
  [[nodiscard]] std::size_t sites() const { return nodes_.size(); }
  [[nodiscard]] std::size_t site_states() const { return sites_.size(); }
  [[nodiscard]] std::size_t messages() const { return messages_.size(); }

 private:
  /// On disk: a home's record, or that writes have been appended up to `end`.
  struct Record {
    bool writes{};
    HomeRecordKind kind{};
    HomeEpoch epoch;
    std::uint64_t end{};  // writes: the last one; adopted: what was kept.
    HomeHistory history;  // adopted
  };
  /// What a site that has promised held then, durably: what the machine is told of it is not to be trusted here.
  struct Held {
    HomeHistory history;
    std::uint64_t end{};
    auto operator<=>(const Held&) const = default;
  };
  struct Site {
    Mastership machine;
    HomeLog log;
    std::vector<Record> durable{}, pending{};
    std::map<NodeId, Held> heard{};  // With the promises that a claim of this site has collected.
    std::string wrong{};             // It has opened without what it had to have.
    bool up{true};
    std::uint32_t starts{1}, renewals{}, hours{};
    bool serves{};
    std::size_t content{};  // Of its key.
  };
  struct Flying {
    NodeId from, to;
    HomeMessage message;
    bool ship{};  // All of a log: `history` up to `log.end`; `epoch`: for which claim.
    Held held{};  // promise, handoff: the truth.
    auto operator<=>(const Flying&) const = default;
  };
  struct Did {
    HomeEffects effects;
    std::vector<Flying> sent{};
    const Held* handed_over{};
  };
  struct Effect {
    std::uint32_t site{};
    std::vector<std::uint16_t> sent{};
    std::string wrong{};
  };

  [[nodiscard]] Site fresh(std::size_t i) const {
    Mastership machine(rules_, nodes_[i], nodes_[0], nodes_);
    const HomeEpoch first = machine.epoch();
    return {std::move(machine), HomeLog(first)};
  }
  [[nodiscard]] static std::string key_of(std::size_t i, Site& site, Instant horizon);
  [[nodiscard]] std::uint32_t intern(std::size_t i, Site site);
  [[nodiscard]] std::uint16_t intern(Flying flying);
  /// What a step does at site `i`, which is in state `id`.
  const Effect& effect(std::size_t i, std::uint32_t id, Act act, std::uint16_t arg);
  void apply(std::size_t i, Site& site, Act act, std::uint16_t arg, Did& out) const;
  void deliver(Site& site, const Flying& one, Did& out) const;
  void take_ship(Site& site, const Flying& one, Did& out) const;
  void force(std::size_t i, Site& site, Did& out) const;
  void ship(std::size_t i, const Site& site, HomePosition log, Did& out) const;
  void restart(std::size_t i, Site& site) const;
  /// Records, messages and the log, as engine/home/masterships.cpp does it.
  void perform(std::size_t i, Site& site, Did& out) const;
  void check_opening(Site& site, const HomeEffects::Force& force, const Held* handed_over) const;
  /// Whatever happens, its receiver will never do anything about it.
  [[nodiscard]] bool dead(const State& state, std::uint16_t message) const;
  void local_steps(const State& state, std::uint8_t i, std::vector<Step>& out) const;

  FailoverOptions options_;
  HomeRules rules_;
  std::vector<NodeId> nodes_;
  std::vector<Site> sites_;
  std::unordered_map<std::string, std::uint32_t> site_ids_;
  std::vector<Flying> messages_;
  std::map<Flying, std::uint16_t> message_ids_;
  std::unordered_map<std::uint64_t, Effect> effects_;
  bool overflowed_{};
};

}  // namespace geocommit::explore::failover
