// The course of a fault plan in virtual time: which faults begin when, what they do, when they have been in force.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/network.h"
#include "sim/processes.h"
#include "sim/world_context.h"

namespace geocommit::sim {

class FaultCourse {
 public:
  FaultCourse(WorldContext& world, Network& network, Processes& processes)
      : world_(world), network_(network), processes_(processes) {}

  /// The load begins: from now on the plan's clock runs, and protocol points are counted.
  void start();
  /// A protocol point of the node, in the middle of its step.
  void noted(const Node& node, std::string_view event);
  /// Its time has come. `stepping`: the node in whose step it begins, if it is one.
  void begin(std::size_t index, const Node* stepping = nullptr);
  /// Its time is over.
  void end(std::size_t index);
  /// What ends it has happened: it is not in force any more.
  void end_span(std::size_t index);
  /// World's.
  Duration let_end();
  void heal();
  [[nodiscard]] const std::vector<FaultSpan>& spans() const { return spans_; }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;
  struct Trigger {
    std::size_t fault{};
    std::uint32_t seen{};
  };

  bool begin_at_node(std::size_t index, const Node* stepping);
  void order_move(const Fault& fault);

  WorldContext& world_;
  Network& network_;
  Processes& processes_;
  std::vector<Trigger> triggers_;
  std::vector<FaultSpan> spans_;
  std::vector<std::size_t> in_force_;  ///< By fault: its span, kNone while it is not in force.
  bool last_{};                        ///< No further one begins.
  bool healed_{};
};

}  // namespace geocommit::sim
