// What the sentences of report/findings.cpp are made of: a protocol's cells at one point of a sweep, figures and words.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "report/findings.h"
#include "report/report_data.h"

namespace geocommit {

/// Null where the summary lacks it or it is something else.
[[nodiscard]] const Json* at(const Json& object, std::initializer_list<const char*> path);
[[nodiscard]] std::optional<double> number(const Json& object, std::initializer_list<const char*> path);
[[nodiscard]] std::string text(const Json& object, std::initializer_list<const char*> path);
[[nodiscard]] bool truth(const Json& object, std::initializer_list<const char*> path);

/// 10200 ms as "10.2 s", 152 as "152 ms".
[[nodiscard]] std::string span(double milliseconds);
/// "1 transaction", "14 transactions".
[[nodiscard]] std::string counted(double count, const std::string& one, const std::string& many);
/// "a, b and c".
[[nodiscard]] std::string listed(const std::vector<std::string>& items);

/// The repetitions of one protocol at one sweep point.
struct Group {
  std::string name;  ///< "2pc", with a sweep "2pc (region-cut-off, aws-3)".
  std::string protocol;
  std::string point;     ///< "region-cut-off, aws-3"; empty without a sweep.
  std::string scenario;  ///< "region-cut-off"; empty without scenarios.
  std::string rest;      ///< "aws-3": the point without its scenario.
  std::vector<const Json*> cells;

  [[nodiscard]] double sum(std::initializer_list<const char*> path) const;
  [[nodiscard]] double most(std::initializer_list<const char*> path) const;
  /// Middle of the repetitions' values; for a sentence, not for a table.
  [[nodiscard]] std::optional<double> middle(std::initializer_list<const char*> path) const;
  /// How often a participant was blocked: in doubt past its decision timeout.
  [[nodiscard]] double blocked() const;
  [[nodiscard]] bool planned_faults() const;
};
/// In any repetition: clients asked for more than was done.
[[nodiscard]] bool overloaded_of(const Group& group);
[[nodiscard]] std::vector<Group> groups_of(const Json& summary);

/// "us-east-1 was cut off": what was wrong, where it is one or two things; of faults that did happen. Empty: nothing.
[[nodiscard]] std::string troubles(const Group& group);

/// A sentence or two for each scenario: who held locks how long, who split, who went on, while what was wrong.
void add_scenarios(const std::vector<Group>& groups, std::vector<Finding>& out);

/// Wrong outcomes as clauses ("committed 14 transactions on one side and aborted them on the other"), the worst first.
[[nodiscard]] std::vector<std::string> wrongs_of(const Group& group);
/// Whether every violation of the group is one that the protocol's fault model predicts.
[[nodiscard]] bool all_expected(const Group& group);

}  // namespace geocommit
