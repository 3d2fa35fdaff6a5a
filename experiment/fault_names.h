// What a fault of an experiment file names: nodes, regions and protocol points, looked up in the experiment. A name
// that is not there is an error with its place in the file and what there would be.
#pragma once

#include <string>
#include <vector>

#include "config/strict_yaml.h"
#include "protocols/directory.h"

namespace geocommit {

class FaultNames {
 public:
  /// `entry`: the fault's in the file.
  FaultNames(const yaml::Node& entry, const Directory& directory) : entry_(entry), directory_(directory) {}

  /// An agent or coordinator, by its own name or by its region's if it has only one of them.
  NodeId server(const std::string& name);
  /// All of them, by name.
  [[nodiscard]] std::vector<std::string> servers() const;
  RegionId region(const std::string& name);
  /// All nodes of the regions and nodes named, clients included: a region that is cut off is cut off with its clients.
  std::vector<NodeId> members(const std::vector<std::string>& names);
  /// Some protocol has to have it.
  void check_point(const std::string& point);

  void fail(const Error& error) { errors_.push_back(error.message); }
  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }

 private:
  /// Where in the file it is; the entry if that is not known.
  [[nodiscard]] yaml::Node place_of(const std::string& name) const;
  void unknown(const std::string& name, const std::string& expected, const std::vector<std::string>& known);

  const yaml::Node& entry_;
  const Directory& directory_;
  std::vector<std::string> errors_;
};

/// "a, b"
[[nodiscard]] std::string joined(const std::vector<std::string>& words, const char* between);

}  // namespace geocommit
