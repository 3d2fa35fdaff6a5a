#include "report/trace/marks.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace geocommit {

Result<void> append_fault_mark(const std::filesystem::path& file, const FaultMark& mark) {
  const nlohmann::ordered_json line{{"t_ns", mark.at.time_since_epoch().count()},
                                    {"event", mark.begins ? "begin" : "end"},
                                    {"kind", mark.kind},
                                    {"target", mark.target}};
  std::ofstream out(file, std::ios::app);
  out << line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << std::endl;
  if (!out) return Error{"cannot write " + file.string() + ": " + std::strerror(errno)};
  return {};
}

std::vector<FaultMark> read_fault_marks(const std::filesystem::path& file) {
  std::vector<FaultMark> out;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("t_ns") || !json["t_ns"].is_number_integer()) continue;
    const auto text = [&](const char* key) {
      return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string{};
    };
    out.push_back(
        {Instant{Duration{json["t_ns"].get<std::int64_t>()}}, text("event") == "begin", text("kind"), text("target")});
  }
  return out;
}

}  // namespace geocommit
