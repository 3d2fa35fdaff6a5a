#include "runtime/transport.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "base/check.h"
#include "runtime/door.h"
#include "runtime/wire/peer_codec.h"

namespace geocommit {
namespace {

constexpr std::size_t kFlushBytes = 64U << 10U;  // a frame is closed when it has grown past this
constexpr std::size_t kFlushItems = 1'024;
constexpr int kFramesPerStep = 256;
constexpr int kPatienceMs = 60'000;  // where silence does not mean a cut
constexpr Duration kHousekeeping = 1s;
constexpr Duration kLogInterval = 10s;  // at most one line per cause in this time

template <class Option, class Value>
void set(zmq::socket_t& socket, Option option, Value value) {
  socket.set(option, value);
}

void set_bounds(zmq::socket_t& socket, const TransportOptions& options) {
  set(socket, zmq::sockopt::linger, 200);  // ms: a clean exit delivers what it sent last, and never hangs
  set(socket, zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(options.frame_bytes_max));
  set(socket, zmq::sockopt::sndhwm, options.send_queue_frames);
  set(socket, zmq::sockopt::rcvhwm, options.receive_queue_frames);
  set(socket, zmq::sockopt::handshake_ivl, 2'000);
  set(socket, zmq::sockopt::ipv6, false);
}

/// What a kind of node may send.
bool may_send(NodeKind kind, const PeerPayload& payload) {
  if (kind != NodeKind::client) {
    return true;
  }
  return std::holds_alternative<ClientRequest>(payload) || std::holds_alternative<OutcomeQuery>(payload) ||
         std::holds_alternative<Hello>(payload);
}

}  // namespace

std::unique_ptr<zmq::context_t> make_zmq_context() {
  auto context = std::make_unique<zmq::context_t>(1);
  context->set(zmq::ctxopt::max_sockets, 1023);
  return context;
}

class Transport::Impl {
 public:
  Impl(zmq::context_t& context, EventLoop& loop, TransportOptions options, Handler handler)
      : context_(context),
        loop_(loop),
        options_(std::move(options)),
        handler_(std::move(handler)),
        reader_(options_.run_id, options_.self),
        router_(context, zmq::socket_type::router) {}

  ~Impl() {
    if (source_ != 0) {
      loop_.remove_source(source_, router_fd_);
    }
    if (hook_ != 0) {
      loop_.remove_hook(hook_);
    }
    loop_.cancel(housekeeping_);
  }

  Result<void> open() {
    try {
      set_bounds(router_, options_);
      set(router_, zmq::sockopt::router_mandatory, 1);
      auto door = Door::open(context_, loop_, router_, options_.bind, options_.secret);
      if (!door) {
        return door.error();
      }
      door_ = std::move(door).value();
      bound_ = router_.get(zmq::sockopt::last_endpoint);
      router_fd_ = router_.get(zmq::sockopt::fd);
    } catch (const zmq::error_t& problem) {
      return Error{"cannot listen for data on " + options_.bind + ": " + problem.what()};
    }
    const NodeInfo* self = options_.directory->find(options_.self);
    if (self == nullptr) {
      return Error{"node " + std::to_string(options_.self.value) + " is not in the directory of the run"};
    }
    for (const auto& [node, address] : options_.addresses) {
      const NodeInfo* peer = options_.directory->find(node);
      if (peer == nullptr || node == options_.self || !talks(*self, *peer)) {
        continue;
      }
      if (Result<void> connected = connect(node, address); !connected) {
        return connected;
      }
    }
    source_ = loop_.add_source(router_fd_, [this] { return receive(); });
    hook_ = loop_.at_step_end([this] {
      flush();
      return !local_.empty();
    });
    keep_house();
    return {};
  }

  std::size_t send(NodeId to, const PeerPayload& payload) {
    if (to == options_.self) {
      local_.push_back({to, options_.epoch, watermark(), payload});
      return 1;  // no bytes leave; not 0, which would say dropped
    }
    Peer* peer = find_or_connect(to);
    if (peer == nullptr) {
      count(Drop::unknown_peer);
      return 0;
    }
    const std::size_t bytes = peer->writer.add(payload);
    if (lost_ && lost_(to, payload)) {
      peer->writer.drop_last(bytes);
      if (peer->writer.items() == 0) {
        peer->writer.clear();
      }
      count(Drop::fault);
      return bytes;  // it was sent, as far as the node knows
    }
    if (bytes > options_.frame_bytes_max - kEnvelopeSlack) {
      peer->writer.drop_last(bytes);
      count(Drop::too_large);
      complain(Drop::too_large, "an item that no frame can carry");
      return 0;
    }
    if (peer->writer.bytes() > options_.frame_bytes_max - kEnvelopeSlack) {
      // It does not fit behind the others: they leave first. Rare: only with items close to the limit.
      peer->writer.drop_last(bytes);
      flush_peer(*peer);
      (void)peer->writer.add(payload);
    }
    if (peer->writer.bytes() >= kFlushBytes || peer->writer.items() >= kFlushItems) {
      flush_peer(*peer);
    } else if (!peer->dirty) {
      peer->dirty = true;
      dirty_.push_back(peer);
    }
    return bytes;
  }

  void flush() {
    for (Peer* peer : dirty_) {
      peer->dirty = false;
      flush_peer(*peer);
    }
    dirty_.clear();
  }

  /// One thread does all of ZeroMQ's input and output here, and takes its commands in order: a message of ours that has
  /// gone through it to a socket of ours proves that what was queued before has been written to the kernel.
  Result<void> prepare_barrier() {
    if (barrier_in_) {
      return {};
    }
    // In a folder that nobody else may enter; gone as soon as the two have met.
    std::error_code problem;
    std::string folder = (std::filesystem::temp_directory_path(problem) / "geocommit-barrier-XXXXXX").string();
    if (problem || ::mkdtemp(folder.data()) == nullptr) {
      return Error{folder + ": cannot make a folder for the barrier behind what is sent: " + std::strerror(errno) +
                   "; set TMPDIR to one that can be written to"};
    }
    Result<void> made = connect_barrier("ipc://" + folder + "/socket");
    std::filesystem::remove_all(folder, problem);
    return made;
  }

  bool flush_out() {
    flush();
    // The second time: what the first pass found half written, because a socket was not ready at once.
    return barrier_in_ && pass_barrier() && pass_barrier();
  }

  std::function<bool(NodeId, const PeerPayload&)> lost_;
  std::function<Watermark()> watermark_source_;
  TransportStats stats_;
  std::string bound_;
  std::set<NodeId> heard_;

 private:
  static constexpr std::size_t kEnvelopeSlack = 1'024;  // header of an envelope, run id included

  struct Peer {
    Peer(zmq::context_t& context, const TransportOptions& options)
        : socket(context, zmq::socket_type::dealer), writer(options.run_id, options.self, options.epoch) {}
    zmq::socket_t socket;
    EnvelopeWriter writer;
    bool dirty{};
  };

  /// Who is connected to from the start; others at the first send.
  static bool talks(const NodeInfo& self, const NodeInfo& peer) {
    const bool client = self.kind == NodeKind::client || peer.kind == NodeKind::client;
    const bool coordinator = self.kind == NodeKind::coordinator || peer.kind == NodeKind::coordinator;
    return client ? coordinator && self.region == peer.region : true;
  }

  Result<void> connect_barrier(const std::string& address) {
    try {
      auto out = std::make_unique<zmq::socket_t>(context_, zmq::socket_type::pair);
      auto in = std::make_unique<zmq::socket_t>(context_, zmq::socket_type::pair);
      out->set(zmq::sockopt::linger, 0);
      in->set(zmq::sockopt::linger, 0);
      out->set(zmq::sockopt::sndtimeo, 200);  // ms: also until the two have met
      out->bind(address);
      in->connect(address);
      barrier_out_ = std::move(out);
      barrier_in_ = std::move(in);
    } catch (const zmq::error_t& problem) {
      return Error{std::string{"cannot make a barrier behind what is sent: "} + problem.what()};
    }
    if (!pass_barrier()) {
      barrier_in_.reset();
      return Error{"no message comes through the barrier behind what is sent"};
    }
    return {};
  }

  bool pass_barrier() {
    try {
      std::array<zmq::pollitem_t, 1> items{{{barrier_in_->handle(), 0, ZMQ_POLLIN, 0}}};
      zmq::message_t back;
      if (!barrier_out_->send(zmq::message_t{1}, zmq::send_flags::none) ||
          zmq::poll(items, std::chrono::milliseconds{200}) <= 0 ||
          !barrier_in_->recv(back, zmq::recv_flags::dontwait)) {
        return false;
      }
    } catch (const zmq::error_t&) {
      return false;
    }
    return true;
  }

  [[nodiscard]] Watermark watermark() const { return watermark_source_ ? watermark_source_() : Watermark{}; }

  [[nodiscard]] bool is_client(NodeId node) const {
    const NodeInfo* info = options_.directory->find(node);
    return info != nullptr && info->kind == NodeKind::client;
  }

  Result<void> connect(NodeId node, const std::string& address) {
    try {
      auto peer = std::make_unique<Peer>(context_, options_);
      set_bounds(peer->socket, options_);
      Door::show(peer->socket, options_.secret);
      set(peer->socket, zmq::sockopt::immediate, true);  // queue only for a live connection
      // 300 ms, and 1 s to give a connection up, for up to 20 peers; rarer with more, since each costs an idle node a
      // wake-up.
      const int interval_ms = std::clamp(15 * static_cast<int>(options_.addresses.size()), 300, 1'000);
      set(peer->socket, zmq::sockopt::heartbeat_ivl, interval_ms);
      // A client stands beside its coordinator, with no WAN between them to be cut: a coordinator that stands still for
      // seconds must find what was asked of it meanwhile, or its stall would not show in the latencies.
      const bool patient = options_.links_never_cut || is_client(node) || is_client(options_.self);
      set(peer->socket, zmq::sockopt::heartbeat_timeout, patient ? kPatienceMs : interval_ms + 700);
      set(peer->socket, zmq::sockopt::heartbeat_ttl, patient ? kPatienceMs : 3'000);
      set(peer->socket, zmq::sockopt::reconnect_ivl, 100);
      set(peer->socket, zmq::sockopt::reconnect_ivl_max, 500);
      set(peer->socket, zmq::sockopt::connect_timeout, 2'000);
      peer->socket.connect(address);
      peers_[node] = std::move(peer);
      return {};
    } catch (const zmq::error_t& problem) {
      return Error{"cannot connect to node " + std::to_string(node.value) + " at " + address + ": " + problem.what()};
    }
  }

  Peer* find_or_connect(NodeId to) {
    auto found = peers_.find(to);
    if (found == peers_.end()) {
      const auto address = options_.addresses.find(to);
      if (address == options_.addresses.end() || !connect(to, address->second)) {
        return nullptr;
      }
      found = peers_.find(to);
    }
    return found->second.get();
  }

  void flush_peer(Peer& peer) {
    const std::size_t items = peer.writer.items();
    if (items == 0) {
      return;
    }
    const std::size_t size = peer.writer.seal(watermark());
    zmq::message_t frame{size};
    peer.writer.serialize(frame.data(), size);
    peer.writer.clear();
    try {
      if (peer.socket.send(frame, zmq::send_flags::dontwait)) {
        ++stats_.frames_sent;
        stats_.items_sent += items;
        stats_.bytes_sent += size;
        return;
      }
    } catch (const zmq::error_t& problem) {
      complain(Drop::peer_down, problem.what());
    }
    count(Drop::peer_down, items);
  }

  /// Bounded: other work of the loop gets its turn.
  bool receive() {
    if (!local_.empty()) {
      std::vector<PeerMessage> mine;
      mine.swap(local_);
      deliver(mine);
    }
    try {
      for (int frames = 0; frames < kFramesPerStep && !loop_.stopped(); ++frames) {
        zmq::message_t payload;
        const int parts = receive_message(payload);
        if (parts == 0) {
          return !local_.empty();
        }
        take(payload, parts);
      }
    } catch (const zmq::error_t& problem) {
      complain(Drop::garbage, problem.what());
    }
    return true;
  }

  /// One message, [routing id][payload]; its number of parts (they arrive together), 0 if there is none.
  int receive_message(zmq::message_t& payload) {
    zmq::message_t part;
    if (!router_.recv(part, zmq::recv_flags::dontwait)) {
      return 0;
    }
    int parts = 1;
    for (bool more = part.more(); more; ++parts) {
      zmq::message_t& next = parts == 1 ? payload : part;
      if (!router_.recv(next, zmq::recv_flags::dontwait)) {
        break;
      }
      more = next.more();
    }
    return parts;
  }

  void take(const zmq::message_t& payload, int parts) {
    ++stats_.frames_received;
    stats_.bytes_received += payload.size();
    if (parts != 2) {
      count(Drop::garbage);
      complain(Drop::garbage, "a message of several parts");
      return;
    }
    const std::string_view bytes{static_cast<const char*>(payload.data()), payload.size()};
    if (const std::optional<Refusal> refusal = reader_.read(bytes, received_)) {
      count(refusal->cause);
      complain(refusal->cause, refusal->why);
      return;
    }
    if (received_.empty()) {
      return;
    }
    const NodeInfo* sender = options_.directory->find(received_.front().from);
    const bool allowed = sender != nullptr && sender->id != options_.self && options_.addresses.contains(sender->id) &&
                         std::all_of(received_.begin(), received_.end(), [sender](const PeerMessage& message) {
                           return may_send(sender->kind, message.payload);
                         });
    if (!allowed) {
      count(Drop::wrong_sender);
      complain(Drop::wrong_sender, "not a node of this run, or one that may not send this");
      return;
    }
    if (!recently_heard_ || *recently_heard_ != sender->id) {
      heard_.insert(sender->id);
      recently_heard_ = sender->id;
    }
    stats_.items_received += received_.size();
    deliver(received_);
  }

  void deliver(const std::vector<PeerMessage>& messages) {
    for (const PeerMessage& message : messages) {
      if (loop_.stopped()) {
        return;
      }
      handler_(message);
    }
  }

  void count(Drop cause, std::uint64_t by = 1) { stats_.dropped[static_cast<std::size_t>(cause)] += by; }

  /// One line per cause and interval, however many arrive.
  void complain(Drop cause, std::string_view why) {
    Instant& next = next_line_[static_cast<std::size_t>(cause)];
    const Instant now = loop_.now();
    if (now >= next) {
      next = now + kLogInterval;
      spdlog::warn("transport: {}: {} ({} so far)", name_of(cause), why,
                   stats_.dropped[static_cast<std::size_t>(cause)]);
    }
  }

  /// Sockets that only send learn of connections made and lost when they are next used: use them now and then, so that
  /// a peer that comes and goes while nothing is sent does not pile up commands.
  void keep_house() {
    door_->watch();
    for (auto& [node, peer] : peers_) {
      (void)peer->socket.get(zmq::sockopt::events);
    }
    housekeeping_ = loop_.call_at(loop_.now() + kHousekeeping, [this] { keep_house(); });
  }

  zmq::context_t& context_;
  EventLoop& loop_;
  TransportOptions options_;
  Handler handler_;
  EnvelopeReader reader_;
  zmq::socket_t router_;
  std::unique_ptr<Door> door_;
  std::unique_ptr<zmq::socket_t> barrier_out_, barrier_in_;
  int router_fd_{-1};
  EventLoop::SourceId source_{};
  EventLoop::HookId hook_{};
  std::uint64_t housekeeping_{};
  std::map<NodeId, std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> dirty_;
  std::vector<PeerMessage> received_, local_;
  std::optional<NodeId> recently_heard_;
  std::array<Instant, kDropCauses> next_line_{};
};

Result<std::unique_ptr<Transport>> Transport::open(zmq::context_t& context, EventLoop& loop, TransportOptions options,
                                                   Handler handler) {
  GC_CHECK(options.directory != nullptr);
  try {
    auto impl = std::make_unique<Impl>(context, loop, std::move(options), std::move(handler));
    if (Result<void> opened = impl->open(); !opened) {
      return opened.error();
    }
    return std::unique_ptr<Transport>{new Transport(std::move(impl))};
  } catch (const zmq::error_t& problem) {
    return Error{std::string{"cannot make a socket: "} + problem.what()};
  }
}

Transport::Transport(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Transport::~Transport() = default;
std::size_t Transport::send(NodeId to, const PeerPayload& payload) { return impl_->send(to, payload); }
void Transport::flush() { impl_->flush(); }
bool Transport::flush_out() { return impl_->flush_out(); }
Result<void> Transport::prepare_barrier() { return impl_->prepare_barrier(); }
void Transport::set_loss(std::function<bool(NodeId, const PeerPayload&)> lost) { impl_->lost_ = std::move(lost); }
void Transport::set_watermark_source(std::function<Watermark()> source) {
  impl_->watermark_source_ = std::move(source);
}
const TransportStats& Transport::stats() const { return impl_->stats_; }
bool Transport::heard_from(NodeId node) const { return impl_->heard_.contains(node); }
const std::string& Transport::bound_address() const { return impl_->bound_; }

}  // namespace geocommit
