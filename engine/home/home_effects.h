// What a step of a home's mastership machine asks of the world. Records first, then messages.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "engine/home/home_message.h"
#include "engine/record.h"

namespace geocommit {

struct HomeEffects {
  struct Force {
    HomeRecordKind kind{};  ///< promised, handed_over or opened; answered by Mastership::forced().
    HomeEpoch epoch;
    HomeOpening opening{};
  };
  std::vector<Force> force{};
  std::vector<std::pair<NodeId, HomeMessage>> send{};
  bool opened{};         ///< It is master now: tell everybody, begin to ship.
  bool deposed{};        ///< It was master (or on the way to be) and is not any more.
  bool lease_lost{};     ///< It still is master, but may not accept.
  bool called_off{};     ///< A planned transfer could not be drained; it goes on as master.
  bool handed_over{};    ///< The successor of a planned transfer is open.
  bool refused_order{};  ///< A fenced failover without leases.
  bool resumed{};        ///< It claims the home by itself, as nobody has finished a change that was begun.
  /// It opens without what a site that has promised holds up to here: that site did not answer.
  std::optional<HomePosition> left_behind{};
};

}  // namespace geocommit
