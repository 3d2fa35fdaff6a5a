// What a user demands of a run's figures: `thresholds: {2pc: {client_p99_ms: "< 400"}, all: {violations: "== 0"}}`.
// Whether a cell keeps them is report/thresholds.h's.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/strict_yaml.h"
#include "experiment/protocol_choice.h"

namespace geocommit {

/// One figure of a cell, as summary.json has it (docs/experiment-keys.md says what each is).
enum class ThresholdFigure : std::uint8_t {
  client_p50,
  client_p99,
  client_p999,
  commit_p50,
  commit_p99,
  lock_hold_p50,
  lock_hold_p99,
  longest_lock_hold,
  commits_per_s,
  availability,
  aborted_share,
  unknown,
  blocked,
  longest_blocked,
  violations,
  lost,
  messages_per_commit,
  forced_writes_per_commit,
  staleness_p99,
};
inline constexpr std::array kThresholdFigures{
    std::pair{"client_p50_ms", ThresholdFigure::client_p50},
    std::pair{"client_p99_ms", ThresholdFigure::client_p99},
    std::pair{"client_p999_ms", ThresholdFigure::client_p999},
    std::pair{"commit_p50_ms", ThresholdFigure::commit_p50},
    std::pair{"commit_p99_ms", ThresholdFigure::commit_p99},
    std::pair{"lock_hold_p50_ms", ThresholdFigure::lock_hold_p50},
    std::pair{"lock_hold_p99_ms", ThresholdFigure::lock_hold_p99},
    std::pair{"longest_lock_hold_ms", ThresholdFigure::longest_lock_hold},
    std::pair{"commits_per_s", ThresholdFigure::commits_per_s},
    std::pair{"availability", ThresholdFigure::availability},
    std::pair{"aborted_share", ThresholdFigure::aborted_share},
    std::pair{"unknown", ThresholdFigure::unknown},
    std::pair{"blocked", ThresholdFigure::blocked},
    std::pair{"longest_blocked_ms", ThresholdFigure::longest_blocked},
    std::pair{"violations", ThresholdFigure::violations},
    std::pair{"lost", ThresholdFigure::lost},
    std::pair{"messages_per_commit", ThresholdFigure::messages_per_commit},
    std::pair{"forced_writes_per_commit", ThresholdFigure::forced_writes_per_commit},
    std::pair{"staleness_p99_ms", ThresholdFigure::staleness_p99},
};

enum class Relation : std::uint8_t { below, at_most, equal, at_least, above };

struct Threshold {
  std::string label;  ///< Of a protocol, or "all".
  ThresholdFigure figure{};
  Relation relation{};
  double bound{};

  [[nodiscard]] bool concerns(std::string_view protocol) const { return label == "all" || label == protocol; }
  [[nodiscard]] bool kept_by(double value) const;
  /// More of it cannot keep it again: `<`, `<=` and `==`.
  [[nodiscard]] bool is_upper() const { return relation <= Relation::equal; }
};

/// "client_p99_ms < 400"
[[nodiscard]] std::string to_text(const Threshold& threshold);
/// By label in the order of the file, then as kThresholdFigures has them. A label is one of `protocols`, the name of
/// any protocol (which may be left out this time), or "all".
[[nodiscard]] yaml::Reader<std::vector<Threshold>> thresholds(const std::vector<ProtocolChoice>& protocols);
/// As the file has them: "{all: {violations: \"== 0\"}}".
[[nodiscard]] std::string to_yaml(const std::vector<Threshold>& thresholds);

}  // namespace geocommit
