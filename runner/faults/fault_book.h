// Which faults of a plan are in force, since when and until when, and what went wrong with them: what a cell's records
// say of them in the end. Plain state but for the plan itself, which never changes: whoever has it locks.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "experiment/fault_record.h"

namespace geocommit {

class FaultBook {
 public:
  using Clock = std::chrono::steady_clock;

  explicit FaultBook(std::vector<NamedFault> faults);
  [[nodiscard]] std::size_t size() const { return states_.size(); }
  /// By its place in the plan. Needs no lock.
  [[nodiscard]] const NamedFault& fault(std::size_t index) const { return states_[index].fault; }

  void load_begins(Clock::time_point now) { load_began_ = now; }
  /// 0 before it.
  [[nodiscard]] Duration since_load(Clock::time_point now) const;

  /// False: it is in force already. An order, which has no length, is over at once.
  [[nodiscard]] bool begin(std::size_t index, Clock::time_point now);
  /// False: it was not in force.
  [[nodiscard]] bool end(std::size_t index, Clock::time_point now);
  /// When one that is in force ends by itself; nothing: it does not.
  [[nodiscard]] std::optional<Clock::time_point> ends(std::size_t index) const { return states_[index].ends; }
  /// None is in force any more, and those that were have no end: the cell ended first. They are returned.
  [[nodiscard]] std::vector<std::size_t> cut_short();
  /// The node serves again, after the faults that had ended it.
  void node_ready(NodeId node, Clock::time_point now);
  /// Only the first is kept.
  void problem(std::size_t index, const std::string& what);
  [[nodiscard]] const std::string& problem(std::size_t index) const { return states_[index].problem; }

  /// Those in force now, or for a while since the last call, described.
  [[nodiscard]] std::vector<std::string> active(Clock::time_point now);
  /// When the last of what heals by itself will have healed, from `now`; 0: nothing is left.
  [[nodiscard]] Duration until_healed(Clock::time_point now) const;
  /// Something is in force and not going to end by itself.
  [[nodiscard]] bool forever() const;
  [[nodiscard]] std::vector<FaultRecord> records() const;

 private:
  struct State {
    NamedFault fault;
    std::vector<FaultTimes> times;
    std::string problem;
    bool active{};
    std::optional<Clock::time_point> ends;
  };
  std::vector<State> states_;
  std::optional<Clock::time_point> load_began_;
  Duration asked_{};  ///< When active() was.
};

}  // namespace geocommit
