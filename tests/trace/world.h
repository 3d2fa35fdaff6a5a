// A scripted world for the machines of one transaction: virtual time, messages in flight, a log per node that loses its
// unsynced tail, links and nodes that fail on command. Deterministic: the same commands give the same text. It stands
// in for the engine in what a machine can see of it: orphan rules, epochs, tombstones, locks taken again at recovery.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "protocols/registry.h"

namespace geocommit::trace {

/// What one fault-free commit cost, counted from outputs as the engine does.
struct Cost {
  std::uint32_t messages{}, forced_writes{}, delays_to_decision{};
};

struct Node {
  NodeId id;
  std::string name;
  Role role{Role::participant};
  bool up{true};
  Epoch epoch{1};
  std::unique_ptr<CommitMachine> machine;
  std::vector<LogRecord> log;
  std::size_t durable{};  ///< Records that survive a crash.
  bool locks{};
  std::map<std::uint8_t, std::uint64_t> timers;  ///< Armed: timer -> token.
  std::uint16_t depth{};                         ///< Longest causal chain seen.

  // Memory of the finished (volatile, rebuilt from the log).
  SiteState remembered{SiteState::unknown};
  bool voted_read_only{};

  // The script's wishes.
  Vote vote{Vote::yes};
  Reason reason{Reason::none};
  bool hold_execution{}, hold_forces{};
  bool execution_waits{};
  std::vector<std::pair<std::size_t, std::uint8_t>> waiting_forces;

  // History, which survives everything: what the checkers judge.
  Vote voted{Vote::none};
  std::optional<Outcome> decided;
  bool started{};  ///< Its machine has been asked for something.
};

struct LinkRule {
  enum class Action : std::uint8_t { drop, duplicate, hold };
  Action action{Action::drop};
  std::string kind;  ///< Name of the message kind; "*" is any.
  NodeId from, to;
  int count{-1};  ///< How many more; -1: no limit.
};

class World {
 public:
  World(const Protocol& protocol, std::uint32_t sites);

  // ---- The script's verbs.
  void begin();
  void wound();
  void run_for(Duration duration);
  /// Until nothing is left to happen, or `at_most` has passed. False: something is still pending.
  bool run_until_quiet(Duration at_most);
  void run_events(std::size_t count);  ///< The next few things that happen, however far away in time.
  void crash(NodeId node);
  void recover(NodeId node);
  void erase(NodeId node);  ///< Log and memory are lost (pitfall 3).
  /// Everything appended so far is durable, as after another transaction's force.
  void sync(NodeId id) { node(id).durable = node(id).log.size(); }
  void cut(NodeId from, NodeId to) { cuts_.insert({from, to}); }
  void heal() { cuts_.clear(); }
  void add_rule(const LinkRule& rule) { rules_.push_back(rule); }
  void clear_rules() { rules_.clear(); }
  void release_held();
  /// Sends a copy of the last such message again; false if there was none.
  bool replay(const std::string& kind, NodeId from, NodeId to);
  void finish_execution(NodeId node);
  void finish_forces(NodeId node);
  /// When `node` notes `point`, `action` happens before the rest of that step's outputs. Once.
  void at_point(NodeId node, const std::string& point, std::function<void()> action);
  void clear_points() { points_.clear(); }
  void say(const std::string& line);
  void set_timeouts(const Timeouts& timeouts) { timeouts_ = timeouts; }
  [[nodiscard]] Timeouts timeouts() const { return timeouts_; }
  void set_delay(NodeId from, NodeId to, Duration delay) { delays_[{from, to}] = delay; }
  void set_force(Duration duration) { force_ = duration; }

  // ---- What can be seen.
  [[nodiscard]] Node& node(NodeId id);
  [[nodiscard]] std::vector<Node>& nodes() { return nodes_; }
  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }
  [[nodiscard]] const Protocol& protocol() const { return protocol_; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  void violation(const std::string& what);
  /// Messages sent so far, for replays.
  [[nodiscard]] const std::vector<Message>& sent() const { return sent_; }
  void redeliver(const Message& message, Duration after) { schedule(after, Deliver{message}); }
  [[nodiscard]] std::string take_text() { return std::exchange(text_, {}); }
  [[nodiscard]] Cost cost() const { return cost_; }
  [[nodiscard]] std::uint32_t alarms() const { return alarms_; }

 private:
  struct Deliver {
    Message message;
  };
  struct Fire {
    NodeId node;
    std::uint8_t timer{};
    std::uint64_t token{};
  };
  struct ForceDone {
    NodeId node;
    Epoch epoch;
    std::size_t upto{};
    std::uint8_t kind{};
  };
  struct ExecuteDone {
    NodeId node;
    Epoch epoch;
  };
  using Event = std::variant<Deliver, Fire, ForceDone, ExecuteDone>;

  void schedule(Duration after, Event event);
  void handle(const Event& event);
  void deliver(const Message& message);
  void orphan(Node& node, const Message& message);
  void step(Node& node, const Input& input);
  void perform(Node& node, Output& output);
  void send(Node& node, Message message);
  void transmit(const Message& message);
  void force(Node& node, LogRecord record);
  void make_machine(Node& node);
  [[nodiscard]] bool link_up(NodeId from, NodeId to) const { return cuts_.count({from, to}) == 0; }
  [[nodiscard]] TxnContext context_of(const Node& node, bool with_cohort) const;
  void line(const Node& node, const std::string& what);
  void effect(const std::string& what);

  Protocol protocol_;
  std::vector<Node> nodes_;  ///< Coordinator first.
  TxnId txn_;
  std::vector<Member> cohort_;
  Timeouts timeouts_{500ms, 500ms, 200ms};
  Duration force_{2ms};
  std::map<std::pair<NodeId, NodeId>, Duration> delays_;
  Instant now_;
  std::map<std::pair<Instant, std::uint64_t>, Event> events_;
  std::uint64_t sequence_{};
  std::set<std::pair<NodeId, NodeId>> cuts_;
  std::vector<LinkRule> rules_;
  std::vector<Message> held_, sent_;
  std::map<std::pair<NodeId, std::string>, std::function<void()>> points_;
  std::vector<std::string> violations_;
  std::string text_;
  Cost cost_;
  std::uint32_t alarms_{};
};

/// "P1 YES..." as in traces: kind and the fields that are set.
[[nodiscard]] std::string text_of(const Protocol& protocol, const Message& message);
[[nodiscard]] std::string text_of(const Protocol& protocol, const LogRecord& record);

}  // namespace geocommit::trace
