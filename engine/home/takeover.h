// A forced failover of one home, at the site that is to be master (docs/home-region.md, "Forced failover").
#pragma once

#include <string>

#include "engine/home/claim.h"
#include "engine/home/standing.h"

namespace geocommit {

class Takeover {
 public:
  /// It is ordered to. Until `granted_until` this site's own grant may last.
  void order(HomeStanding& at, Instant now, Instant granted_until, HomeEffects& out);
  /// By order, above another's claim, or to finish what nobody finishes.
  void claim(HomeStanding& at, Instant now, HomeEpoch epoch, Instant granted_until, HomeEffects& out);
  /// Its own promise is durable.
  void promised_self(HomeStanding& at, Instant now, HomeEffects& out);
  void promised(HomeStanding& at, Instant now, NodeId from, const HomeMessage& promise, HomeEffects& out);
  /// Somebody has promised to another. True: to one that is at work on its own claim, and this site gives way.
  [[nodiscard]] bool refused(HomeStanding& at, Instant now, const HomeMessage& refusal, Instant granted_until,
                             HomeEffects& out);
  /// The log has got further.
  void fetched(HomeStanding& at, Instant now, HomeEffects& out);
  /// Claiming, fetching.
  void tick(HomeStanding& at, Instant now, HomeEffects& out);

  /// Of what it fetches.
  [[nodiscard]] NodeId source() const { return claim_.source(); }
  /// Claiming, fetching.
  [[nodiscard]] Instant deadline(const HomeStanding& at) const;
  void hash_state(const HomeStanding& at, Instant now, const PutTime& put_time, std::string& out) const;

 private:
  void send_claims(const HomeStanding& at, HomeEffects& out) const;
  void maybe_open(HomeStanding& at, Instant now, HomeEffects& out);
  void fetch(const HomeStanding& at, Instant now, HomeEffects& out);

  Claim claim_;
  Instant retry_at_{};
};

}  // namespace geocommit
