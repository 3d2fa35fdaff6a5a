// What may go wrong as far as a claim of safety depends on it, and under how much of it a protocol claims never to
// split. docs/fault-models.md says what each world lets go wrong.
#pragma once

#include <cstdint>
#include <string_view>

namespace geocommit {

/// Each is worse than those before it: who stands it, stands them too.
enum class Failure : std::uint8_t {
  crash,       ///< A process ends. Of its log, what was forced stays; what it has sent still arrives.
  lost_sends,  ///< It takes with it any part of what it had sent and nobody has received.
  partition,   ///< Between processes that live, a message is lost, or later than a timeout allows.
};

/// A value: everything up to the worst failure that is survived.
class FaultModel {
 public:
  static const FaultModel crashes_where_sent_arrives, crashes, crashes_and_partitions;

  [[nodiscard]] constexpr bool survives(Failure failure) const { return failure <= worst_; }
  /// For people: "crashes, partitions".
  [[nodiscard]] constexpr std::string_view text() const {
    switch (worst_) {
      case Failure::crash:
        return "crashes, sent arrives";
      case Failure::lost_sends:
        return "crashes";
      case Failure::partition:
        return "crashes, partitions";
    }
    return "?";
  }
  bool operator==(const FaultModel&) const = default;

 private:
  constexpr explicit FaultModel(Failure worst) : worst_(worst) {}
  Failure worst_;
};

inline constexpr FaultModel FaultModel::crashes_where_sent_arrives{Failure::crash};
inline constexpr FaultModel FaultModel::crashes{Failure::lost_sends};
inline constexpr FaultModel FaultModel::crashes_and_partitions{Failure::partition};

/// What makes a commit irrevocable.
enum class CommitPoint : std::uint8_t {
  forced,  ///< A durable record of it: nobody is told before one exists (2PC, 3PC: the coordinator's).
  /// Its having been sent to every site that has to know: who is first to commit has sent it to all others before, or
  /// has it durable. Holds only where what a dead process has sent still arrives.
  sent,
  /// Its having been accepted, durably, by a majority of acceptors. No record of the outcome need exist when it is
  /// told, and a coordinator that finds none of its own may conclude nothing of that
  /// (docs/adr/0045-chosen-by-acceptors.md).
  accepted,
};

}  // namespace geocommit
