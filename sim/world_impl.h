// The inside of World: which event goes to which of its parts.
#pragma once

#include <map>
#include <string>

#include "sim/fault_course.h"
#include "sim/processes.h"
#include "sim/trace_digest.h"
#include "sim/traffic.h"
#include "sim/world_context.h"
#include "sim/world_state.h"

namespace geocommit::sim {

class World::Impl final : public ClientWorld {
 public:
  Impl(WorldSpec spec, const ObserverOf& observers);

  // World's.
  bool become_ready(Duration most);
  void start_load();
  void run_until(std::int64_t until_ns);
  bool drain(Duration most);
  void write_out();
  [[nodiscard]] Duration under_way() const;
  [[nodiscard]] const WorldContext& context() const { return context_; }
  [[nodiscard]] const Traffic& traffic() const { return traffic_; }
  [[nodiscard]] Network& network() { return traffic_.network(); }
  [[nodiscard]] FaultCourse& faults() { return faults_; }
  [[nodiscard]] const TraceDigest& digest() const { return digest_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t, std::less<>>& alarms() const { return alarms_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }

  // For nodes.
  [[nodiscard]] std::int64_t now_ns() const { return context_.now_ns; }
  std::size_t send(Node& from, NodeId to, const PeerPayload& payload) { return traffic_.send(from, to, payload); }
  EventQueue& queue() { return context_.queue; }
  [[nodiscard]] Duration force() const { return context_.spec.force; }
  void noted(const Node& node, std::string_view event) { faults_.noted(node, event); }
  void alarm(std::string_view what);

  // ClientWorld.
  [[nodiscard]] Instant client_now() const override { return Instant{Duration{context_.now_ns}}; }
  void client_send(std::uint32_t client, const PeerPayload& payload) override { traffic_.client_send(client, payload); }
  EventSlot client_wake_at(std::uint32_t client, Instant at) override;
  void cancel(EventSlot slot) override { context_.queue.cancel(slot); }

 private:
  void populate(const ObserverOf& observers);
  void look_ahead();
  [[nodiscard]] bool held(EventSlot slot);
  void dispatch(EventSlot slot);
  void dispatch_to(Node& node, const Event& event);
  void deliver(const Event& event);

  WorldContext context_;
  Traffic traffic_;
  Processes processes_;
  FaultCourse faults_;
  TraceDigest digest_;
  QuietLook quiet_;
  std::map<std::string, std::uint64_t, std::less<>> alarms_;
  std::uint64_t events_{};
};

}  // namespace geocommit::sim
