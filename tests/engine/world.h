// A small virtual world for engine tests: nodes in one thread, virtual time, a network with delays, loss and cuts,
// disks that lose their unsynced tail in a crash. Deterministic: the heap is ordered by (time, sequence).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace geocommit::test {

struct WorldOptions {
  std::string protocol{"2pc"};
  std::uint32_t regions{3};
  std::uint32_t sites_per_region{1};
  Placement placement{Placement::replicated};
  std::uint64_t keys{100};
  Duration one_way{50ms};
  Duration one_way_local{250us};
  Duration force{2ms};
  Timeouts timeouts{1s, 1s, 1s};
  Duration lock_wait{1s};
  LockingPolicy locking{LockingPolicy::wound_wait};
  std::size_t checkpoint_bytes{std::size_t{1} << 30U};
  HomeRules home{};
  UnreachableHome unreachable_home{UnreachableHome::wait};
  Duration unreachable_wait{10s};
  std::uint64_t clock{1};
  std::uint64_t retained_max{100'000};
  std::size_t requests_remembered{200'000};
};

class World;

/// Observations of one node that tests ask about.
struct Seen : Observer {
  std::map<std::string, std::uint64_t> alarms, notes;
  std::map<Reason, std::uint64_t> no_votes;
  std::uint64_t committed{}, aborted{};
  std::vector<Duration> commit_latency, lock_hold, in_doubt, blocked, staleness_ages;
  std::vector<BlockingCost> blocking;
  std::map<std::string, std::uint64_t> held_up;  ///< By cause.
  TxnCost cost;
  std::uint32_t delays{};
  std::map<Traffic, std::uint64_t> messages;
  std::map<std::string, std::uint64_t> kinds;  ///< By what they are called.
  std::vector<HomeEvent> home_events;

  void transaction_decided(const TxnDescriptor&, Outcome outcome, Reason, Duration latency, std::uint32_t d) override;
  void locks_released(const TxnDescriptor&, Outcome, Duration held, Duration, bool) override {
    lock_hold.push_back(held);
  }
  void in_doubt_ended(const TxnDescriptor&, Outcome, Duration d, Duration past) override {
    in_doubt.push_back(d);
    blocked.push_back(past);
  }
  void blocking_ended(const TxnDescriptor&, Outcome, const BlockingCost& c) override { blocking.push_back(c); }
  void held_up_by_blocked(const TxnDescriptor&, std::string_view cause) override { ++held_up[std::string(cause)]; }
  void voted(const TxnDescriptor&, Vote vote, Reason reason) override {
    if (vote == Vote::no) {
      ++no_votes[reason];
    }
  }
  void transaction_forgotten(const TxnDescriptor&, Role, Outcome, const TxnCost& c) override;
  void message_sent(Traffic traffic, std::string_view kind, bool, std::size_t) override {
    ++messages[traffic];
    ++kinds[std::string(kind)];
  }
  void noted(const TxnDescriptor&, Role, std::string_view event) override { ++notes[std::string(event)]; }
  void home_changed(const HomeEvent& event) override { home_events.push_back(event); }
  void staleness(NodeId, Duration age) override { staleness_ages.push_back(age); }
  void alarm(std::string_view what) override { ++alarms[std::string(what)]; }
};

class Node final : public Environment {
 public:
  Node(World& world, NodeId id) : world_(world), id_(id) {}
  [[nodiscard]] Instant now() const override;
  std::size_t send(NodeId to, const PeerPayload& payload) override;
  void write(const DurableRecord& record, WriteToken token) override;
  [[nodiscard]] std::size_t log_bytes_since_checkpoint() const override { return 100 * (log.size() - truncated); }
  void write_checkpoint(Checkpoint c) override;
  [[nodiscard]] bool checkpoint_in_progress() const override { return false; }
  void set_timer(TimerToken token, Instant deadline) override;
  void cancel_timer(TimerToken token) override { timers.erase(token); }

  // The disk: survives the process.
  std::vector<DurableRecord> log;
  std::size_t synced{};     ///< Records that survive a crash.
  std::size_t truncated{};  ///< Records that the checkpoint covers.
  std::optional<Checkpoint> checkpoint;
  std::uint32_t starts{};
  // The process.
  std::unique_ptr<NodeEngine> engine;
  std::set<TimerToken> timers;
  std::uint64_t incarnation{};
  Seen seen;

 private:
  World& world_;
  NodeId id_;
};

class World {
 public:
  explicit World(WorldOptions options);

  void start(NodeId node);
  void crash(NodeId node);             ///< Loses its memory and the unsynced tail of its log.
  void reboot() { ++options_.clock; }  ///< Nodes that start from now on have another steady clock.
  [[nodiscard]] bool up(NodeId node) const { return nodes_.at(node)->engine != nullptr; }
  Node& node(NodeId id) { return *nodes_.at(id); }
  NodeEngine& engine(NodeId id) { return *nodes_.at(id)->engine; }
  [[nodiscard]] const Directory& directory() const { return directory_; }
  [[nodiscard]] NodeId agent(std::uint32_t region, std::uint32_t site = 0) const {
    return directory_.agent(RegionId{region}, site);
  }
  [[nodiscard]] NodeId coordinator(std::uint32_t region) const { return directory_.coordinator(RegionId{region}); }

  /// A transfer of `amount` from one entity to another, from a region's client; returns its request id.
  RequestId transfer(std::uint32_t origin, std::uint64_t from, std::uint64_t to, std::int64_t amount = 1);
  RequestId request(std::uint32_t origin, std::vector<Operation> operations);
  /// A copy of a request, as the client addressed it to a start of its coordinator.
  void resend(RequestId id, Epoch start);
  void query(RequestId id);
  /// A copy of it, as a start of one coordinator passed it on to a start of another.
  void pass_on(RequestId id, NodeId from, Epoch from_epoch, NodeId to, Epoch to_epoch);

  /// Runs until nothing is due before `until`, at most a million events.
  void run_for(Duration duration);
  [[nodiscard]] Instant now() const { return now_; }
  void at(Instant when, std::function<void()> what);

  /// Sees each message before it leaves; false: it is lost.
  std::function<bool(NodeId from, NodeId to, const PeerPayload&)> filter;
  std::set<std::pair<NodeId, NodeId>> cut;  ///< Directed.
  std::uint64_t watermark_ahead{};          ///< Planted: every coordinator's watermark names so many too many.
  bool any_start{};                         ///< Planted: requests are for whichever start they reach.
  std::map<RequestId, ClientReply> replies;
  [[nodiscard]] Outcome outcome(RequestId id) const;
  [[nodiscard]] std::int64_t balance(NodeId agent, std::uint64_t entity) {
    return engine(agent).balances().at(directory_.slot_of(Entity{entity}));
  }
  /// True when nothing is open, in doubt, locked or unshipped anywhere.
  [[nodiscard]] bool quiet();

 private:
  friend class Node;
  struct Event {
    Instant when;
    std::uint64_t sequence{};
    std::function<void()> what;
    bool operator>(const Event& other) const {
      return std::pair(when, sequence) > std::pair(other.when, other.sequence);
    }
  };
  void deliver(NodeId from, Epoch epoch, Watermark watermark, NodeId to, const PeerPayload& payload);

  WorldOptions options_;
  std::map<RequestId, Request> requests_;
  Directory directory_;
  std::map<NodeId, std::unique_ptr<Node>> nodes_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t sequence_{}, next_request_{};
  Instant now_{Duration{1s}};
};

}  // namespace geocommit::test
