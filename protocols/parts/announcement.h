// A coordinator's part: what is told until everybody has acknowledged it (Mohan, Lindsay, Obermarck 1986, section 3:
// a coordinator that presumes abort forgets a commit only when every prepared site has acknowledged it; one that
// presumes commit, an abort).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/machine_base.h"

namespace geocommit {

/// DECISION to each of `sites`, in order. The point `to_one`, if it has a name, stands between the first and the
/// others.
void send_decisions(Effects effects, std::uint8_t kind, const std::vector<NodeId>& sites, Outcome outcome,
                    Reason reason, bool retry, std::string_view to_one = {});

class Announcement {
 public:
  /// What its message, its timer and its last record are called in the protocol at hand.
  struct Words {
    std::uint8_t decision{}, timer{}, end{};
  };
  /// Of a protocol that calls them what all do.
  template <class Kind, class Timer, class Record>
  [[nodiscard]] static constexpr Words words() {
    return {static_cast<std::uint8_t>(Kind::decision), static_cast<std::uint8_t>(Timer::resend),
            static_cast<std::uint8_t>(Record::end)};
  }

  /// Told again after 1, 2, 4, ... 16 times `resend`.
  Announcement(Words words, Duration resend) : words_(words), resend_(resend) {}

  /// Tells the outcome to `sites`; "decision-sent-to-one" stands between the first and the others. `retry`: they may
  /// have been told before.
  void begin(Effects effects, std::vector<NodeId> sites, bool retry, Outcome outcome = Outcome::commit,
             Reason reason = Reason::none);
  /// Its own: those who have not acknowledged are told again.
  void timer(Effects effects, std::uint8_t timer);
  /// True: it was the last one, and that is noted. False also: nobody waited for that.
  [[nodiscard]] bool acknowledged(Effects effects, NodeId site);
  /// Somebody asks. Until it has begun there is no answer: volatile state promises nothing, the decision itself will
  /// come.
  void asked(Effects effects, std::uint8_t answer, const Message& in) const;

  [[nodiscard]] bool waits_for(NodeId site) const {
    return std::find(waiting_.begin(), waiting_.end(), site) != waiting_.end();
  }
  [[nodiscard]] std::size_t unacknowledged() const { return waiting_.size(); }
  [[nodiscard]] Outcome outcome() const { return outcome_; }
  [[nodiscard]] Phase phase() const {
    const bool commit = outcome_ == Outcome::commit;
    return {commit ? "announcing commit" : "announcing abort", commit ? SiteState::committed : SiteState::aborted,
            "unacknowledged", waiting_.size()};
  }
  void encode(std::string& out) const;

 private:
  Words words_;
  bool begun_{};
  Outcome outcome_{Outcome::commit};
  Reason reason_{Reason::none};
  std::vector<NodeId> waiting_;
  Backoff resend_;
};

}  // namespace geocommit
