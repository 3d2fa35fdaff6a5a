// A change of masters that nobody finishes: when this site takes it up, and who says that it helps nobody either
// (docs/home-region.md, "What nobody finishes").
#pragma once

#include <optional>
#include <set>
#include <string>

#include "engine/home/lease.h"
#include "engine/home/standing.h"

namespace geocommit {

class Resumption {
 public:
  /// From now on this site takes up nothing, and does not say that it helps nobody.
  void stop() { stopped_ = true; }
  /// Somebody is at work on it, or may be.
  void be_patient(const HomeStanding& at, Instant now);
  /// The master of `epoch`, the term that is open, asks for its lease.
  void heard(Instant now, HomeEpoch epoch) {
    heard_ = now;
    heard_of_ = epoch;
  }
  /// Asks the others, when it is time. `idle`: this site itself helps nobody.
  void tick(const HomeStanding& at, Instant now, bool idle, HomeEffects& out);
  /// Another asks.
  void asked(const HomeStanding& at, Instant now, bool idle, NodeId from, const HomeMessage& probe, HomeEffects& out);
  /// Another helps nobody, and has promised `promised`. The term to claim, once a majority says so.
  [[nodiscard]] std::optional<HomeEpoch> answered(const HomeStanding& at, NodeId from, HomeEpoch promised);

  /// The last master that was open is not heard of, and who is to follow is not settled.
  [[nodiscard]] bool awaits_master(const HomeStanding& at, Instant now) const {
    return at.unfinished() && (heard_of_ != at.opened || now > heard_ + at.rules.lease / 2);
  }
  [[nodiscard]] std::optional<Instant> deadline(const HomeStanding& at) const {
    return at.unfinished() && !stopped_ ? std::optional(due_) : std::nullopt;
  }
  void hash_state(const HomeStanding& at, const PutTime& put_time, std::string& out) const;

 private:
  void answer(NodeId site, HomeEpoch promised);

  Instant due_{}, heard_{};
  HomeEpoch heard_of_;  // The term whose master was heard then; {}: none yet.
  HomeEpoch highest_;   // That was promised anywhere, as far as the answers say.
  std::set<NodeId> idle_;
  bool stopped_{};
};

}  // namespace geocommit
