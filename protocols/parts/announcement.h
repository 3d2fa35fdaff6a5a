// A coordinator's part: what is told until everybody has acknowledged it (Mohan, Lindsay, Obermarck 1986, section 3:
// a coordinator forgets a commit only when every prepared site has acknowledged it).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/machine_base.h"

namespace geocommit {

/// DECISION to each of `sites`, in order.
void send_decisions(Effects effects, std::uint8_t kind, const std::vector<NodeId>& sites, Outcome outcome,
                    Reason reason, bool retry);

class Announcement {
 public:
  /// `kind`: DECISION; `timer`: when it is told again, after 1, 2, 4, ... 16 times `resend`.
  Announcement(std::uint8_t kind, std::uint8_t timer, Duration resend) : kind_(kind), timer_(timer), resend_(resend) {}

  /// Tells `outcome` to `sites`; the point `to_one` stands between the first and the others. `retry`: they may have
  /// been told before.
  void begin(Effects effects, std::vector<NodeId> sites, Outcome outcome, std::string_view to_one, bool retry);
  /// The timer: those who have not acknowledged are told again.
  void again(Effects effects);
  /// False: nobody waited for that.
  bool acknowledged(NodeId site) { return std::erase(waiting_, site) > 0; }
  [[nodiscard]] bool is_over() const { return waiting_.empty(); }
  [[nodiscard]] std::size_t unacknowledged() const { return waiting_.size(); }

  void encode(std::string& out) const;

 private:
  std::uint8_t kind_, timer_;
  Outcome outcome_{Outcome::undecided};
  std::vector<NodeId> waiting_;
  Backoff resend_;
};

}  // namespace geocommit
