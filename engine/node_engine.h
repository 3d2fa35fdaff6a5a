// The inside of NodeEngine: a node is a site, its requests, and its services. Here is who gets what reaches it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/home/home_service.h"
#include "engine/node_context.h"
#include "engine/peers.h"
#include "engine/requests.h"
#include "engine/site.h"

namespace geocommit {

class NodeEngine::Impl {
 public:
  Impl(EngineOptions options, Environment& environment, Observer& observer);

  void recover(DurableState state);
  void start();
  void on_message(const PeerMessage& message);
  void on_forced(WriteToken token);
  void on_timer(TimerToken token);
  void prefetch(const PeerMessage& message) const;
  void move_home(RegionId home, RegionId successor, bool forced);
  void quiesce();
  [[nodiscard]] Watermark watermark() const { return site_.watermark(); }
  [[nodiscard]] EngineStatus status() const;
  [[nodiscard]] std::vector<OpenInDoubt> open_in_doubt() const { return site_.open_in_doubt(); }
  [[nodiscard]] const std::vector<std::int64_t>& balances() const { return site_.resources().balances(); }
  [[nodiscard]] std::string describe() const { return site_.describe(); }
  void hash_state(std::string& out) const;

 private:
  void receive(NodeId from, const Hello& hello);
  /// To the service whose message it is.
  void serve(const PeerMessage& message);
  void fired(NodeTimer timer);
  void maybe_checkpoint();
  [[nodiscard]] Checkpoint make_checkpoint() const;

  NodeContext context_;
  Services services_;
  Peers peers_;
  RequestTable table_;
  RequestRouter router_;
  Requests requests_;
  Site site_;
  std::unique_ptr<HomeService> homes_;  // Where the run's protocol routes by homes; one of services_.
};

}  // namespace geocommit
