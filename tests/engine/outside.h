// What is around a site that stands alone in a test.
#pragma once

#include <algorithm>
#include <set>
#include <vector>

#include "engine/machines.h"
#include "engine/node_context.h"

namespace geocommit::test {

struct NobodyAsks final : Requester {
  void decided(TxnEntry& /*entry*/, Outcome /*outcome*/, Reason /*reason*/) override {}
  void forgotten(const TxnEntry& /*entry*/) override {}
  void recovered(const TxnEntry& /*entry*/, Outcome /*outcome*/) override {}
};

/// Time stands; what is sent and written is kept.
struct Outside final : Environment {
  std::vector<PeerPayload> sent;
  std::vector<DurableRecord> log;
  WriteToken last{};
  std::set<TimerToken> timers;

  Instant now() const override { return Instant{1s}; }
  std::size_t send(NodeId /*to*/, const PeerPayload& payload) override {
    sent.push_back(payload);
    return 1;
  }
  void write(const DurableRecord& record, WriteToken token) override {
    log.push_back(record);
    last = std::max(last, token);
  }
  std::size_t log_bytes_since_checkpoint() const override { return 0; }
  void write_checkpoint(Checkpoint /*checkpoint*/) override {}
  bool checkpoint_in_progress() const override { return false; }
  void set_timer(TimerToken token, Instant /*deadline*/) override { timers.insert(token); }
  void cancel_timer(TimerToken token) override { timers.erase(token); }
};

}  // namespace geocommit::test
