// What is around a site that stands alone in a test.
#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "engine/machines.h"
#include "engine/node_context.h"

namespace geocommit::test {

struct NobodyAsks final : Requester {
  void decided(TxnEntry& /*entry*/, Outcome /*outcome*/, Reason /*reason*/) override {}
  void forgotten(const TxnEntry& /*entry*/) override {}
  void recovered(const TxnEntry& /*entry*/, Outcome /*outcome*/) override {}
};

/// Time stands until a test moves it; what is sent and written is kept.
struct Outside final : Environment {
  Instant time{1s};
  std::vector<PeerPayload> sent;
  std::vector<NodeId> sent_to;  ///< By place in `sent`.
  std::vector<DurableRecord> log;
  WriteToken last{};
  std::vector<bool> forced;              ///< By place in `log`.
  std::map<TimerToken, Instant> timers;  ///< When each is due.
  std::vector<Duration> pauses{};        ///< Of all timers that were set.

  Instant now() const override { return time; }
  std::size_t send(NodeId to, const PeerPayload& payload) override {
    sent.push_back(payload);
    sent_to.push_back(to);
    return 1;
  }
  void write(const DurableRecord& record, WriteToken token) override {
    log.push_back(record);
    forced.push_back(token != 0);
    last = std::max(last, token);
  }
  std::size_t log_bytes_since_checkpoint() const override { return 0; }
  void write_checkpoint(Checkpoint /*checkpoint*/) override {}
  bool checkpoint_in_progress() const override { return false; }
  void set_timer(TimerToken token, Instant deadline) override {
    timers[token] = deadline;
    pauses.push_back(deadline - now());
  }
  void cancel_timer(TimerToken token) override { timers.erase(token); }
};

/// An agent and a coordinator in each of two regions.
inline const Directory& two_regions() {
  static const Directory kDirectory({"a", "b"}, 1, Placement::replicated, 10);
  return kDirectory;
}

/// Of the first region's agent.
inline EngineOptions options_of_agent(const Protocol* protocol) {
  EngineOptions out;
  out.self = two_regions().agent(RegionId{0}, 0);
  out.epoch = Epoch{1};
  out.protocol = protocol;
  out.directory = &two_regions();
  out.timeouts = {1s, 1s, 1s};
  out.lock_wait = 1s;
  return out;
}

}  // namespace geocommit::test
