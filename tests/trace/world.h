// A scripted world for one transaction: a NodeEngine per node, virtual time, messages in flight, a log per node that
// loses its unsynced tail, links and nodes that fail on command. Deterministic: the same commands give the same text.
// The nodes greet each other before the script begins. Of what is under way a trace shows the transaction's; greetings
// and answers to the client go by unseen, under the same delays and cuts.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/trace/node.h"

namespace geocommit::trace {

/// What one fault-free commit cost, as the engines count it.
struct Cost {
  std::uint32_t messages{}, forced_writes{}, delays_to_decision{};
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
  World(const Protocol& protocol, std::uint32_t sites, const EngineParts& parts = {},
        const ProtocolOptions& protocol_options = {});

  // ---- The script's verbs.
  void begin();
  void wound();
  void run_for(Duration duration);
  /// Until nothing is left to happen, or `at_most` has passed. False: something is still pending.
  bool run_until_quiet(Duration at_most);
  void run_events(std::size_t count);  ///< The next few things that happen, however far away in time.
  void crash(NodeId node);
  void recover(NodeId node);
  void erase(NodeId node);  ///< Its log and memory are lost.
  /// Everything appended so far is durable, as after another transaction's force.
  void sync(NodeId id) { node(id).durable = node(id).log.size(); }
  void cut(NodeId from, NodeId to);
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
  void set_timeouts(const Timeouts& timeouts) { timeouts_ = timeouts; }  ///< Of nodes that start from now on.
  void set_delay(NodeId from, NodeId to, Duration delay) { delays_[{from, to}] = delay; }
  void set_force(Duration duration) { force_ = duration; }
  /// Messages carry their coordinator's watermark. Without, as while an older transaction of its is open: nothing that
  /// is remembered of this one is dropped.
  void stamp_watermarks() { watermarks_ = true; }

  // ---- What can be seen.
  [[nodiscard]] Node& node(NodeId id);
  [[nodiscard]] std::deque<Node>& nodes() { return nodes_; }  ///< Coordinator first.
  [[nodiscard]] const std::deque<Node>& nodes() const { return nodes_; }
  [[nodiscard]] const Protocol& protocol() const { return rows_.front(); }
  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] const TxnId& txn() const { return txn_; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  void violation(const std::string& what);
  /// Messages sent so far, for replays.
  [[nodiscard]] const std::vector<PeerMessage>& sent() const { return sent_; }
  void redeliver(const PeerMessage& message, Duration after);
  [[nodiscard]] std::string take_text() { return std::exchange(text_, {}); }
  [[nodiscard]] Cost& cost() { return cost_; }
  [[nodiscard]] std::uint32_t alarms() const { return alarms_; }

  // ---- What its nodes do.
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] Watermark watermark_of(const Node& node) const { return watermarks_ ? node.watermark() : Watermark{}; }
  void send(const PeerMessage& message);                   ///< The transaction's.
  void send_apart(NodeId to, const PeerMessage& message);  ///< Between nodes, not the transaction's.
  void force(Node& node, WriteToken token);
  /// service: of the node's own; nobody waits for it.
  void set_timer(const Node& node, TimerToken token, Instant deadline, bool service);
  void wait_for_locks(const Node& node);
  [[nodiscard]] PeerMessage session_ends(NodeId site) const;
  void reached(const Node& node, const std::string& point);
  void decided(Node& node, Outcome outcome);
  void alarm(std::string_view what);
  void line(const Node& node, const std::string& what);
  void effect(const std::string& what);

 private:
  struct Deliver {
    NodeId to;
    PeerMessage message;
    bool apart{};
  };
  struct Fire {
    NodeId node;
    Epoch epoch;
    TimerToken token{};
    bool service{};
  };
  struct ForceDone {
    NodeId node;
    Epoch epoch;
    std::size_t upto{};
    WriteToken token{};
  };
  struct ExecuteDone {
    NodeId node;
    Epoch epoch;
  };
  using Event = std::variant<Deliver, Fire, ForceDone, ExecuteDone>;

  /// Before anything else: every node starts and is greeted.
  void power_on();
  void start(Node& node);
  [[nodiscard]] static bool is_awaited(const Event& event);
  void schedule(Duration after, Event event);
  /// The next event; true: somebody waits for it.
  bool next();
  void handle(const Event& event);
  void deliver(const PeerMessage& message);
  void transmit(const PeerMessage& message);
  [[nodiscard]] Duration delay_of(NodeId from, NodeId to) const;
  [[nodiscard]] Request request() const;
  [[nodiscard]] Entity entity_of(NodeId site) const;
  [[nodiscard]] bool link_up(NodeId from, NodeId to) const { return cuts_.count({from, to}) == 0; }

  ProtocolOptions protocol_options_;
  EngineParts parts_;           ///< No resources named: those where readers vote read_only.
  std::vector<Protocol> rows_;  ///< The transaction's, and the session's.
  Directory directory_;
  TxnId txn_;
  std::deque<Node> nodes_;
  bool on_{}, greeting_{};  ///< greeting: messages take no time.
  bool begun_{}, watermarks_{};
  Timeouts timeouts_{500ms, 500ms, 200ms};
  Duration force_{2ms};
  std::map<std::pair<NodeId, NodeId>, Duration> delays_;
  Instant now_;
  std::map<std::pair<Instant, std::uint64_t>, Event> events_;
  std::size_t awaited_{};  ///< Events that somebody waits for.
  std::uint64_t sequence_{};
  std::set<std::pair<NodeId, NodeId>> cuts_;
  std::vector<LinkRule> rules_;
  std::vector<PeerMessage> held_, sent_;
  std::map<std::pair<NodeId, std::string>, std::function<void()>> points_;
  std::vector<std::string> violations_;
  std::string text_;
  Cost cost_;
  std::uint32_t alarms_{};
};

/// "YES vote=..." as in traces: kind and the fields that are set.
[[nodiscard]] std::string text_of(const Protocol& protocol, const Message& message);
[[nodiscard]] std::string text_of(const Protocol& protocol, const LogRecord& record);
[[nodiscard]] std::string in_ms(Duration duration);

}  // namespace geocommit::trace
