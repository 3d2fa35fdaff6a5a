// One home's sites as tables: a site's state is a number, and so is a message; what an input does to a site is computed
// once, by the real machine. A state of the whole is a few numbers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/mastership.h"
#include "sim/explore/failover/failover.h"

namespace geocommit::explore::failover {

inline constexpr std::size_t kSitesMost = 5;
inline constexpr std::size_t kInFlightMost = 48;

enum class Act : std::uint8_t { deliver, force, later, renew, tick, failover, transfer, crash, restart };

/// `arg`: deliver: the message; transfer: to which site; crash: so many of the unforced records are kept.
struct Step {
  Act act{};
  std::uint8_t site{};
  std::uint16_t arg{};
};

struct State {
  std::array<std::uint32_t, kSitesMost> site{};
  std::uint8_t failovers{}, transfers{}, crashes{}, renewals{}, hours{};
  std::uint8_t in_flight{};
  std::array<std::uint16_t, kInFlightMost> message{};  // Ascending: the network keeps no order. Never taken is lost.
};

class Model {
 public:
  explicit Model(const FailoverOptions& options);

  [[nodiscard]] State initial();
  /// All that can happen next, but for what would change nothing: a message that its receiver ignores now may as well
  /// stay in flight, where it can do all that it could do otherwise.
  void steps(const State& state, std::vector<Step>& out);
  [[nodiscard]] State after(const State& state, const Step& step);
  [[nodiscard]] bool two_masters(const State& state) const;
  /// A message was not sent as too many were in flight: the search is not complete.
  [[nodiscard]] bool overflowed() const { return overflowed_; }

  [[nodiscard]] std::string label(const State& state, const Step& step) const;
  [[nodiscard]] std::string describe(const State& state, std::size_t site) const;
  [[nodiscard]] std::size_t sites() const { return nodes_.size(); }
  [[nodiscard]] std::size_t site_states() const { return sites_.size(); }
  [[nodiscard]] std::size_t messages() const { return messages_.size(); }

 private:
  struct Site {
    Mastership machine;
    std::vector<std::pair<HomeRecordKind, HomeEpoch>> durable{}, pending{};
    bool up{true};
    std::uint32_t starts{1}, renewals{}, hours{};
    bool serves{};
  };
  struct Flying {
    NodeId from, to;
    HomeMessage message;
    auto operator<=>(const Flying&) const = default;
  };
  struct Effect {
    std::uint32_t site{};
    std::vector<std::uint16_t> sent{};
  };

  [[nodiscard]] Mastership fresh(std::size_t i) const { return {rules_, nodes_[i], nodes_[0], nodes_}; }
  [[nodiscard]] std::uint32_t intern(std::size_t i, Site site);
  [[nodiscard]] std::uint16_t intern(Flying flying);
  /// What a step does at site `i`, which is in state `id`.
  const Effect& effect(std::size_t i, std::uint32_t id, Act act, std::uint16_t arg);
  void apply(std::size_t i, Site& site, Act act, std::uint16_t arg, HomeEffects& out) const;
  void local_steps(const State& state, std::uint8_t i, std::vector<Step>& out) const;

  FailoverOptions options_;
  HomeRules rules_;
  std::vector<NodeId> nodes_;
  std::vector<Site> sites_;
  std::unordered_map<std::string, std::uint32_t> site_ids_;
  std::vector<Flying> messages_;
  std::unordered_map<std::uint64_t, Effect> effects_;
  bool overflowed_{};
};

}  // namespace geocommit::explore::failover
