#include "runtime/faults/node_faults.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <utility>
#include <zmq.hpp>

#include "protocols/registry.h"
#include "runtime/faults/listener.h"
#include "runtime/faults/wall_clock.h"
#include "runtime/wire/fault_codec.h"

namespace geocommit {
namespace {

constexpr std::size_t kArmedMax = 256;
constexpr std::size_t kFiredMax = 256;
// No row lists it, as it comes in no fault-free life; for a second crash, in the middle of recovery.
constexpr std::string_view kRecoveryPoint = "recovered-in-doubt";

bool is_runners(const FaultOrder& order) {
  if (order.by_runner) {
    return true;
  }
  switch (order.kind) {
    case FaultKind::crash:
    case FaultKind::pause:
    case FaultKind::disk_stall:
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full:
    case FaultKind::clock_step:
    case FaultKind::drop:
      return false;
    case FaultKind::cut:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::link:
    case FaultKind::transfer:
    case FaultKind::failover:
      return true;
  }
  return true;
}

/// Bit of the message's class; 0 for what belongs to none (hello, clients, wounds, forwards).
std::uint32_t class_of(const PeerPayload& payload) {
  if (std::holds_alternative<Ship>(payload) || std::holds_alternative<ShipAck>(payload)) {
    return kShipClass;
  }
  const auto* wire = std::get_if<ProtocolMessage>(&payload);
  const Protocol* protocol = wire == nullptr ? nullptr : find_protocol(wire->message.protocol);
  if (protocol == nullptr) {
    return 0;
  }
  return 1U << static_cast<std::uint32_t>(protocol->kind_class(wire->message.kind));
}

/// 53 random bits, as a real number in [0, 1).
double unit(std::mt19937_64& random) { return static_cast<double>(random() >> 11U) * 0x1.0p-53; }

}  // namespace

/// To one listener. Connected when the order is armed, so that the report does not wait for a connection.
class NodeFaults::Line {
 public:
  explicit Line(zmq::context_t& context) : socket_(context, zmq::socket_type::dealer) {}

  Result<void> connect(const std::string& address) {
    try {
      socket_.set(zmq::sockopt::linger, 0);
      socket_.set(zmq::sockopt::reconnect_ivl, 50);
      socket_.connect(address);
    } catch (const zmq::error_t& problem) {
      return Error{"cannot reach a fault listener at " + address + ": " + problem.what()};
    }
    return {};
  }

  /// Sends, and waits for the answer unless it is about an end. False: none came in time.
  bool tell(const FaultReport& report) {
    const std::string bytes = encode_fault_report(report, ++last_);
    const Instant deadline = steady_now() + kFaultReportPatience;
    try {
      if (!socket_.send(zmq::message_t{bytes.data(), bytes.size()}, zmq::send_flags::dontwait)) {
        return false;
      }
      std::array<zmq::pollitem_t, 1> items{{{socket_.handle(), 0, ZMQ_POLLIN, 0}}};
      while (!report.ended) {
        const Duration left = deadline - steady_now();
        if (left <= Duration::zero()) {
          return false;
        }
        (void)zmq::poll(items, std::chrono::ceil<std::chrono::milliseconds>(left));
        for (zmq::message_t answer; socket_.recv(answer, zmq::recv_flags::dontwait);) {
          if (decode_fault_answer(answer.to_string_view()) == last_) {
            return true;
          }  // else: to a report that was given up
        }
      }
    } catch (const zmq::error_t& problem) {
      spdlog::error("faults: the runner cannot be told: {}", problem.what());
      return false;
    }
    return true;
  }

 private:
  zmq::socket_t socket_;
  std::uint64_t last_{};
};

NodeFaults::NodeFaults(EventLoop& loop, zmq::context_t& context, NodeId self, const Directory& directory, Seams seams)
    : loop_(loop), context_(context), self_(self), directory_(directory), seams_(std::move(seams)) {}

NodeFaults::~NodeFaults() {
  for (const auto& [id, armed] : armed_) {
    if (armed.end_timer != 0) {
      loop_.cancel(armed.end_timer);
    }
  }
}

void NodeFaults::set_disk(std::function<void(const DiskState&)> tell) {
  tell_disk_ = std::move(tell);
  if (tell_disk_) {
    tell_disk_(disk_);
  }
}

Result<void> NodeFaults::check(const FaultOrder& order) const {
  if (order.id == 0 || (armed_.size() >= kArmedMax && !armed_.contains(order.id))) {
    return Error{"a fault order needs an id above 0, and a node takes at most " + std::to_string(kArmedMax)};
  }
  if (order.on.empty() && is_runners(order)) {
    return Error{"a fault of this kind without a protocol point is no node's affair"};
  }
  for (const NodeId node : order.to) {
    if (directory_.find(node) == nullptr) {
      return Error{"node " + std::to_string(node.value) + " is not part of this run"};
    }
  }
  if (order.length < Duration::zero()) {
    return Error{"a fault cannot last less than no time"};
  }
  if (order.kind == FaultKind::pause && !order.by_runner && order.length > seams_.longest_pause) {
    return Error{"a pause of a deployed daemon may last " + std::to_string(seams_.longest_pause / 1ms) +
                 " ms, which is its lease: whoever stands still cannot see that its runner has gone; order a shorter "
                 "pause, or configure a longer lease"};
  }
  const std::span<const Protocol> all = all_protocols();
  const bool known =
      order.on == kRecoveryPoint || order.on.empty() ||
      std::any_of(all.begin(), all.end(), [&order](const Protocol& protocol) {
        return std::find(protocol.points.begin(), protocol.points.end(), order.on) != protocol.points.end();
      });
  return known ? Result<void>{} : Result<void>{Error{"no protocol has a point \"" + order.on + "\""}};
}

NodeFaults::Line* NodeFaults::line_to(const std::string& listener) {
  const auto found = lines_.find(listener);
  return found == lines_.end() ? nullptr : found->second.get();
}

Result<void> NodeFaults::arm(const FaultOrder& order) {
  if (Result<void> fine = check(order); !fine) {
    return fine;
  }
  if (!order.listener.empty() && line_to(order.listener) == nullptr) {
    auto line = std::make_unique<Line>(context_);
    if (Result<void> connected = line->connect(order.listener); !connected) {
      return connected;
    }
    lines_[order.listener] = std::move(line);
  }
  if (!order.on.empty()) {
    if (Result<void> prepared = seams_.prepare_leaving(); !prepared) {
      return prepared;
    }
  }
  end(order.id);
  Armed& armed = armed_[order.id];
  armed.order = order;
  armed.to = {order.to.begin(), order.to.end()};
  armed.random.seed(order.seed);
  if (order.on.empty()) {
    begin(armed, TxnId{});
  } else {
    ++points_;
  }
  return {};
}

void NodeFaults::end(std::uint32_t id) {
  for (auto it = armed_.begin(); it != armed_.end();) {
    if (id != 0 && it->first != id) {
      ++it;
      continue;
    }
    if (it->second.active) {
      finish(it->second);
    }
    points_ -= it->second.order.on.empty() ? 0U : 1U;
    it = armed_.erase(it);
  }
}

void NodeFaults::pass(const TxnId& txn, std::string_view event) {
  bool left = false;
  for (auto& [id, armed] : armed_) {
    if (armed.order.on != event) {
      continue;
    }
    ++armed.seen;
    if (armed.active || (armed.order.occurrence != 0 && armed.seen != armed.order.occurrence)) {
      continue;
    }
    if (!std::exchange(left, true)) {
      seams_.let_leave();
    }
    begin(armed, txn);
  }
}

void NodeFaults::begin(Armed& armed, const TxnId& txn) {
  const FaultOrder& order = armed.order;
  FiredFault fired;
  fired.id = order.id;
  fired.kind = order.kind;
  fired.occurrence = order.on.empty() ? 0 : armed.seen;
  fired.txn = txn;
  armed.active = true;
  apply();  // In force before anybody hears of it; a crash and a pause come after the report.
  const bool own = !is_runners(order);
  if (own && order.kind == FaultKind::clock_step) {
    seams_.step_wall_clock(order.extra);
  }
  fired.at = steady_now();
  fired.wall_ns = true_wall_ns();
  report(armed, fired);
  if (own && order.kind == FaultKind::crash) {
    (void)::kill(::getpid(), SIGKILL);
    while (true) {
      (void)::pause();
    }
  }
  if (own && order.kind == FaultKind::pause) {
    stop_and_continue(armed);
    armed.active = false;
    fired.ended = steady_now();
  } else if (order.length != kForever) {
    armed.end_timer = loop_.call_at(loop_.now() + order.length, [this, &armed] {
      armed.end_timer = 0;
      finish(armed);
    });
  }
  if (fired_.size() >= kFiredMax) {
    fired_.erase(fired_.begin());
  }
  fired_.push_back(fired);
  if (own && order.kind == FaultKind::pause && line_to(order.listener) != nullptr) {
    (void)line_to(order.listener)->tell({self_, true, fired});
  }
}

/// Stops the whole process. A timer of the kernel sends the SIGCONT, so that it goes on in time even if the runner has
/// gone: generating the signal is what continues a stopped process, nobody has to be awake to take it.
void NodeFaults::stop_and_continue(const Armed& armed) {
  timer_t timer{};
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGCONT;
  const bool bounded = armed.order.length != kForever;
  if (bounded) {
    const std::int64_t ns = std::max<std::int64_t>(armed.order.length.count(), 1);
    itimerspec alarm{};
    alarm.it_value = {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || ::timer_settime(timer, 0, &alarm, nullptr) != 0) {
      spdlog::error("fault {}: no timer for the way back, so this node does not stop", armed.order.id);
      return;
    }
  }
  (void)::raise(SIGSTOP);
  if (bounded) {
    (void)::timer_delete(timer);
  }
}

/// It is over: the node's part is undone, and whoever listens is told without waiting.
void NodeFaults::finish(Armed& armed) {
  armed.active = false;
  if (armed.end_timer != 0) {
    loop_.cancel(std::exchange(armed.end_timer, 0));
  }
  apply();
  if (armed.order.kind == FaultKind::clock_step && !is_runners(armed.order)) {
    seams_.step_wall_clock(-armed.order.extra);
  }
  for (auto fired = fired_.rbegin(); fired != fired_.rend(); ++fired) {
    if (fired->id == armed.order.id && fired->ended == Instant{}) {
      fired->ended = steady_now();
      if (Line* line = line_to(armed.order.listener)) {
        (void)line->tell({self_, true, *fired});
      }
      break;
    }
  }
}

/// Brings disk and transport to what the active faults say.
void NodeFaults::apply() {
  DiskState disk;
  bool dropping = false;
  for (const auto& [id, armed] : armed_) {
    if (armed.active && !is_runners(armed.order)) {
      disk.stalled |= armed.order.kind == FaultKind::disk_stall;
      disk.fails_sync |= armed.order.kind == FaultKind::disk_fail_sync;
      disk.full |= armed.order.kind == FaultKind::disk_full;
      dropping |= armed.order.kind == FaultKind::drop;
    }
  }
  seams_.filter_sends(dropping);
  if (disk != disk_) {
    disk_ = disk;
    if (tell_disk_) {
      tell_disk_(disk_);
    }
  }
}

bool NodeFaults::drops(NodeId to, const PeerPayload& payload) {
  for (auto& [id, armed] : armed_) {
    const FaultOrder& order = armed.order;
    if (!armed.active || order.by_runner || order.kind != FaultKind::drop ||
        (!armed.to.empty() && !armed.to.contains(to)) ||
        (order.classes != 0 && (order.classes & class_of(payload)) == 0)) {
      continue;
    }
    if (order.probability >= 1.0 || unit(armed.random) < order.probability) {
      return true;
    }
  }
  return false;
}

void NodeFaults::report(const Armed& armed, FiredFault& fired) {
  const FaultOrder& order = armed.order;
  const std::string where = order.on.empty() ? std::string{} : " at " + order.on;
  spdlog::warn("fault {} begins{}", order.id, where);
  Line* line = line_to(order.listener);
  if (line == nullptr) {
    return;
  }
  fired.heard = line->tell({self_, false, fired});
  if (!fired.heard) {
    spdlog::error("fault {}{}: the runner did not answer within {} s; going on without it", order.id, where,
                  kFaultReportPatience / 1s);
  }
}

}  // namespace geocommit
