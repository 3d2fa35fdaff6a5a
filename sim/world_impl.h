// The inside of World. Split over world.cpp (events, load), node.cpp (a node's environment), world_faults.cpp and
// world_state.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/disk.h"
#include "sim/node.h"
#include "sim/world.h"

namespace geocommit::sim {

/// Messages in flight. Slots are used again, by kind, so that their vectors keep their capacity.
class MessageStore {
 public:
  std::uint32_t put(NodeId from, Epoch epoch, Watermark watermark, const PeerPayload& payload);
  std::uint32_t copy(std::uint32_t slot);
  [[nodiscard]] const PeerMessage& at(std::uint32_t slot) const { return slots_[slot]; }
  void free(std::uint32_t slot);
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

 private:
  static constexpr std::size_t kKinds = 2 * std::variant_size_v<PeerPayload>;
  [[nodiscard]] static std::size_t kind_of(const PeerPayload& payload);
  std::deque<PeerMessage> slots_;
  std::array<std::vector<std::uint32_t>, kKinds> free_;
};

/// Between two looks at whether all is quiet, or ready.
inline constexpr Duration kDrainStep = 50ms;

class World::Impl final : public ClientWorld {
 public:
  Impl(WorldSpec spec, const ObserverOf& observers);

  // World's.
  bool become_ready(Duration most);
  void start_load();
  void run_until(std::int64_t until_ns);
  Duration let_faults_end();
  void heal();
  bool drain(Duration most);
  [[nodiscard]] Duration under_way() const {
    return Duration{std::max<std::int64_t>(network_.clear_by_ns() - now_ns_, 0)};
  }
  bool quiet();
  bool rest();
  [[nodiscard]] std::string why_not_quiet() const;
  [[nodiscard]] History history(bool drained) const;
  [[nodiscard]] EngineStatus status() const;
  [[nodiscard]] Node& node(NodeId id) const { return *nodes_[index_of(id)]; }

  // For nodes.
  [[nodiscard]] std::int64_t now_ns() const { return now_ns_; }
  std::size_t send(Node& from, NodeId to, const PeerPayload& payload);
  EventQueue& queue() { return queue_; }
  [[nodiscard]] Duration force() const { return spec_.force; }
  void noted(Node& node, std::string_view event);
  void alarm(std::string_view what);

  // ClientWorld.
  [[nodiscard]] Instant client_now() const override { return Instant{Duration{now_ns_}}; }
  void client_send(std::uint32_t client, const PeerPayload& payload) override;
  EventSlot client_wake_at(std::uint32_t client, Instant at) override;
  void cancel(EventSlot slot) override { queue_.cancel(slot); }

 private:
  friend class World;
  static constexpr std::size_t kNone = SIZE_MAX;
  struct Trigger {
    std::size_t fault{};
    std::uint32_t seen{};
  };

  void look_ahead();
  void dispatch(EventSlot slot);
  void dispatch_to(Node& node, const Event& event);
  void deliver(const Event& event);
  void transmit(std::uint32_t from, std::uint32_t to, std::uint32_t message, std::size_t bytes, std::uint32_t classes);
  void digest(const Event& event);
  [[nodiscard]] std::uint32_t index_of(NodeId id) const;
  void start(Node& node);
  // world_faults.cpp
  void begin_fault(std::size_t index, const Node* stepping = nullptr);
  bool begin_at_node(std::size_t index, const Node* stepping);
  void order_move(const Fault& fault);
  void end_fault(std::size_t index);
  void end_span(std::size_t index);
  void die(Node& node, Tail tail);
  void crash(Node& node, std::size_t index);
  void disk_failed(Node& node, const Event& event);
  void disk_works(Node& node);
  void resume(Node& node);
  void after_step(Node& node);

  WorldSpec spec_;
  std::int64_t now_ns_;
  EventQueue queue_;
  MessageStore messages_;
  Network network_;
  std::vector<std::unique_ptr<Node>> nodes_;  ///< By index in the directory; null for clients.
  std::map<RegionId, Client> clients_;
  std::vector<Client*> client_at_;  ///< By index; null for the rest.
  std::int64_t load_start_ns_{-1};
  bool last_faults_{};  ///< No further one begins.
  bool healed_{};
  std::size_t busy_{};  ///< Index of a node that was not quiet when last asked.
  std::vector<Trigger> triggers_;
  std::vector<FaultSpan> spans_;
  std::vector<std::size_t> in_force_;  ///< By fault: its span, kNone while it is not in force.
  Random disk_random_;
  std::map<std::string, std::uint64_t, std::less<>> alarms_;
  std::uint64_t lost_{}, events_{}, hash_{0xcbf29ce484222325ULL};
};

}  // namespace geocommit::sim
