// ControlClient: a DEALER per node, polled together. Replies are matched by id; a late one is ignored.
#include <algorithm>
#include <fstream>
#include <map>
#include <utility>
#include <zmq.hpp>

#include "runtime/control.h"
#include "runtime/event_loop.h"
#include "runtime/wire/control_codec.h"
#include "runtime/wire/fault_codec.h"

namespace geocommit {
namespace {

constexpr std::int64_t kReplyBytesMax = 1LL << 30U;  // a report of a million balances is some 3 MB
// Of everything but reports: a piece of a file, a status, a list of some thousand files.
constexpr std::size_t kPlainReplyBytesMax = 4U << 20U;
constexpr std::chrono::milliseconds kGiveUpInterval{100};

wire::ControlVerb to_wire(ControlVerb verb) { return static_cast<wire::ControlVerb>(verb); }
static_assert(static_cast<int>(ControlVerb::metrics) == wire::CONTROL_METRICS);
static_assert(static_cast<int>(ControlVerb::end_fault) == wire::CONTROL_END_FAULT);
static_assert(static_cast<int>(ControlVerb::quiesce) == wire::CONTROL_QUIESCE);

std::string text_of(NodeId node) { return "node " + std::to_string(node.value); }

}  // namespace

class ControlClient::Impl {
 public:
  using Reply = Result<wire::ControlReply>;

  void add(NodeId node, const std::string& address) { peers_[node] = {address, nullptr}; }
  void remove(NodeId node) { peers_.erase(node); }

  /// The same request to many nodes; the id is filled in.
  std::vector<Reply> ask(wire::ControlRequest request, const std::vector<NodeId>& nodes, Duration timeout,
                         const std::function<bool()>& give_up = {}) {
    request.set_version(kControlVersion);
    request.set_id(++last_id_);
    std::map<NodeId, Reply> replies;
    for (const NodeId node : nodes) {
      if (Result<void> sent = send(node, request); !sent) {
        replies.emplace(node, sent.error());
      }
    }
    const Instant deadline = steady_now() + timeout;
    while (true) {
      std::vector<zmq::pollitem_t> items;
      std::vector<NodeId> waiting;
      for (const NodeId node : nodes) {
        if (!replies.contains(node) && std::find(waiting.begin(), waiting.end(), node) == waiting.end()) {
          items.push_back({peers_.at(node).socket->handle(), 0, ZMQ_POLLIN, 0});
          waiting.push_back(node);
        }
      }
      const Duration left = deadline - steady_now();
      if (items.empty() || left <= Duration::zero() || (give_up && give_up())) {
        break;
      }
      try {
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left);
        zmq::poll(items, give_up ? std::min(wait, kGiveUpInterval) : wait);
      } catch (const zmq::error_t& problem) {
        if (problem.num() == EINTR) {
          continue;
        }
        break;
      }
      for (std::size_t i = 0; i < items.size(); ++i) {
        if ((items[i].revents & ZMQ_POLLIN) != 0) {
          receive(waiting[i], request, replies);
        }
      }
    }
    std::vector<Reply> ordered;
    for (const NodeId node : nodes) {
      const auto found = replies.find(node);
      if (found == replies.end() && peers_.contains(node)) {
        peers_.at(node).socket.reset();  // Given up: it must not reach the node's next start, from a queue in here.
      }
      ordered.push_back(found != replies.end() ? found->second : Reply{Error{text_of(node) + " did not answer"}});
    }
    return ordered;
  }

  Reply ask_one(const wire::ControlRequest& request, NodeId node, Duration timeout,
                const std::function<bool()>& give_up = {}) {
    return std::move(ask(request, {node}, timeout, give_up).front());
  }

 private:
  struct Peer {
    std::string address;
    std::unique_ptr<zmq::socket_t> socket;
  };

  Result<void> send(NodeId node, const wire::ControlRequest& request) {
    const auto found = peers_.find(node);
    if (found == peers_.end()) {
      return Error{text_of(node) + " is not known to this control client"};
    }
    Peer& peer = found->second;
    try {
      if (!peer.socket) {
        auto socket = std::make_unique<zmq::socket_t>(context_, zmq::socket_type::dealer);
        socket->set(zmq::sockopt::linger, 0);
        socket->set(zmq::sockopt::maxmsgsize, kReplyBytesMax);
        socket->set(zmq::sockopt::reconnect_ivl, 50);
        socket->set(zmq::sockopt::reconnect_ivl_max, 500);
        socket->set(zmq::sockopt::sndhwm, 64);
        socket->set(zmq::sockopt::rcvhwm, 64);
        socket->connect(peer.address);
        peer.socket = std::move(socket);
      }
      zmq::message_t bytes{request.ByteSizeLong()};
      (void)request.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
      if (!peer.socket->send(bytes, zmq::send_flags::dontwait)) {
        peer.socket.reset();  // a queue of requests that nobody takes: start anew next time
        return Error{text_of(node) + " at " + peer.address + " does not take requests"};
      }
    } catch (const zmq::error_t& problem) {
      return Error{text_of(node) + " at " + peer.address + ": " + problem.what()};
    }
    return {};
  }

  void receive(NodeId node, const wire::ControlRequest& request, std::map<NodeId, Reply>& replies) {
    const bool report = request.verb() == wire::CONTROL_REPORT || request.verb() == wire::CONTROL_METRICS;
    zmq::message_t bytes;
    try {
      while (peers_.at(node).socket->recv(bytes, zmq::recv_flags::dontwait)) {
        wire::ControlReply reply;
        if (!report && bytes.size() > kPlainReplyBytesMax) {
          continue;  // a report that was given up, or more than any other answer can be: not taken apart
        }
        if (!reply.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
          replies.emplace(node, Error{text_of(node) + " answered with something that is not a control reply"});
          return;
        }
        if (reply.id() != request.id()) {
          continue;  // to an earlier request that was given up
        }
        if (reply.result_case() == wire::ControlReply::kError) {
          replies.emplace(node, Error{text_of(node) + ": " + reply.error()});
        } else {
          replies.emplace(node, std::move(reply));
        }
        return;
      }
    } catch (const zmq::error_t& problem) {
      replies.emplace(node, Error{text_of(node) + ": " + problem.what()});
    }
  }

  zmq::context_t context_{1};
  std::map<NodeId, Peer> peers_;
  std::uint64_t last_id_{};
};

ControlClient::ControlClient() : impl_(std::make_unique<Impl>()) {}
ControlClient::~ControlClient() = default;
void ControlClient::add(NodeId node, const std::string& address) { impl_->add(node, address); }
void ControlClient::remove(NodeId node) { impl_->remove(node); }

std::vector<Result<NodeStatus>> ControlClient::status(const std::vector<NodeId>& nodes, Duration timeout) {
  wire::ControlRequest request;
  request.set_verb(wire::CONTROL_STATUS);
  std::vector<Result<NodeStatus>> statuses;
  for (const auto& reply : impl_->ask(request, nodes, timeout)) {
    if (!reply) {
      statuses.emplace_back(reply.error());
    } else if (!reply.value().has_status()) {
      statuses.emplace_back(Error{"answered without a status"});
    } else {
      statuses.emplace_back(read_status(reply.value().status()));
    }
  }
  return statuses;
}

std::vector<Result<NodeReport>> ControlClient::report(const std::vector<NodeId>& nodes, Duration timeout) {
  wire::ControlRequest request;
  request.set_verb(wire::CONTROL_REPORT);
  std::vector<Result<NodeReport>> reports;
  for (const auto& reply : impl_->ask(request, nodes, timeout)) {
    if (!reply) {
      reports.emplace_back(reply.error());
    } else if (!reply.value().has_report()) {
      reports.emplace_back(Error{"answered without a report"});
    } else {
      reports.push_back(read_report(reply.value().report()));
    }
  }
  return reports;
}

std::vector<Result<MetricSet>> ControlClient::metrics(const std::vector<NodeId>& nodes, Duration timeout) {
  wire::ControlRequest request;
  request.set_verb(wire::CONTROL_METRICS);
  std::vector<Result<MetricSet>> out;
  for (const auto& reply : impl_->ask(request, nodes, timeout)) {
    if (!reply) {
      out.emplace_back(reply.error());
    } else if (!reply.value().has_report()) {
      out.emplace_back(Error{"answered without metrics"});
    } else if (auto report = read_report(reply.value().report()); !report) {
      out.emplace_back(report.error());
    } else {
      out.emplace_back(std::move(report.value().live));
    }
  }
  return out;
}

std::vector<Result<void>> ControlClient::command(ControlVerb verb, const std::vector<NodeId>& nodes, Duration timeout) {
  wire::ControlRequest request;
  request.set_verb(to_wire(verb));
  std::vector<Result<void>> results;
  for (const auto& reply : impl_->ask(request, nodes, timeout)) {
    results.push_back(reply ? Result<void>{} : Result<void>{reply.error()});
  }
  return results;
}

Result<void> ControlClient::arm(NodeId node, const FaultOrder& order, Duration timeout,
                                const std::function<bool()>& give_up) {
  wire::ControlRequest request;
  request.set_verb(wire::CONTROL_ARM_FAULT);
  write_order(order, *request.mutable_fault());
  const auto reply = impl_->ask_one(request, node, timeout, give_up);
  return reply ? Result<void>{} : Result<void>{reply.error()};
}

std::vector<Result<void>> ControlClient::move_home(const std::vector<NodeId>& nodes, const HomeOrder& order,
                                                   Duration timeout) {
  wire::ControlRequest request;
  request.set_verb(wire::CONTROL_MOVE_HOME);
  wire::HomeOrder& out = *request.mutable_home();
  out.set_home(order.home.value);
  out.set_successor(order.successor.value);
  out.set_forced(order.forced);
  std::vector<Result<void>> results;
  for (const auto& reply : impl_->ask(request, nodes, timeout)) {
    results.push_back(reply ? Result<void>{} : Result<void>{reply.error()});
  }
  return results;
}

std::vector<Result<void>> ControlClient::end_fault(const std::vector<NodeId>& nodes, std::uint32_t id,
                                                   Duration timeout) {
  wire::ControlRequest request;
  request.set_verb(wire::CONTROL_END_FAULT);
  request.set_fault_id(id);
  std::vector<Result<void>> results;
  for (const auto& reply : impl_->ask(request, nodes, timeout)) {
    results.push_back(reply ? Result<void>{} : Result<void>{reply.error()});
  }
  return results;
}

std::vector<Result<void>> ControlClient::renew(const std::vector<NodeId>& nodes, const std::string& run_id,
                                               Duration timeout) {
  wire::ControlRequest request;
  request.set_verb(wire::CONTROL_RENEW);
  request.set_run_id(run_id);
  std::vector<Result<void>> results;
  for (const auto& reply : impl_->ask(request, nodes, timeout)) {
    results.push_back(reply ? Result<void>{} : Result<void>{reply.error()});
  }
  return results;
}

Result<void> ControlClient::configure(NodeId node, const NodeConfig& config, Duration timeout) {
  wire::ControlRequest request;
  request.set_verb(wire::CONTROL_CONFIGURE);
  request.set_config_json(to_json(config));
  const auto reply = impl_->ask_one(request, node, timeout);
  return reply ? Result<void>{} : Result<void>{reply.error()};
}

Result<std::vector<ControlClient::RemoteFile>> ControlClient::list_files(NodeId node, Duration timeout) {
  wire::ControlRequest request;
  request.set_verb(wire::CONTROL_LIST_FILES);
  const auto reply = impl_->ask_one(request, node, timeout);
  if (!reply) {
    return reply.error();
  }
  std::vector<RemoteFile> files;
  for (const wire::RemoteFile& file : reply.value().files().files()) {
    files.push_back({file.name(), file.bytes()});
  }
  return files;
}

Result<std::uint64_t> ControlClient::fetch_file(NodeId node, const std::string& name, const std::filesystem::path& to,
                                                const Fetch& limits) {
  std::ofstream out{to, std::ios::binary | std::ios::trunc};
  wire::ControlRequest request;
  request.set_verb(wire::CONTROL_READ_FILE);
  request.set_file(name);
  std::uint64_t offset = 0;
  while (true) {
    request.set_offset(offset);
    const auto reply = impl_->ask_one(request, node, limits.patience, limits.give_up);
    if (limits.give_up && limits.give_up()) {
      return Error{"given up after " + std::to_string(offset) + " bytes"};
    }
    if (!reply) {
      return Error{reply.error().message + " (" + name + ")"};
    }
    const wire::FilePiece& piece = reply.value().piece();
    // Every piece but the last is whole: nobody can make a file last for ever, a byte at a time.
    const bool whole = piece.data().size() == kFilePieceBytes;
    if (piece.data().size() > kFilePieceBytes || (!whole && !piece.end())) {
      return Error{text_of(node) + " answered with something that is no piece of a file (" + name + ")"};
    }
    if (piece.data().size() > limits.bytes_max - offset) {
      return Error{text_of(node) + ": " + name + " is larger than the " + std::to_string(limits.bytes_max) +
                   " bytes that are taken"};
    }
    out.write(piece.data().data(), static_cast<std::streamsize>(piece.data().size()));
    offset += piece.data().size();
    if (!out) {
      return Error{"cannot write " + to.string()};
    }
    if (piece.end()) {
      out.close();
      return out ? Result<std::uint64_t>{offset} : Result<std::uint64_t>{Error{"cannot write " + to.string()}};
    }
  }
}

}  // namespace geocommit
