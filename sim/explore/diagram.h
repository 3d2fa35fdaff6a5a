// A trace for people: one column per node, time runs down.
#pragma once

#include <string>

#include "sim/explore/world.h"

namespace geocommit::explore {

class Diagram {
 public:
  explicit Diagram(const NodeModel& model) : model_(model) {}
  void start(const State& state);
  void step(const State& before, const Successor& next, const std::string& label);
  void end(const std::string& what);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  [[nodiscard]] std::string lifelines(const State& state) const;
  void line(int number, std::string row);
  void arrow(std::string& row, std::size_t from, std::size_t to, const std::string& label) const;
  [[nodiscard]] static std::size_t column(std::size_t node);

  const NodeModel& model_;
  std::string text_;
  int steps_{};
};

}  // namespace geocommit::explore
