#include "engine/peers.h"

#include <algorithm>
#include <utility>

#include "base/canonical.h"

namespace geocommit {
namespace {
constexpr Duration kHelloInterval = 200ms;
constexpr Duration kHelloPause = 20ms;
}  // namespace

Peers::Peers(NodeContext& context) : context_(context), epochs_(context.directory()) {
  for (const NodeInfo& node : context.directory().nodes()) {
    if (node.id != context.self() && node.kind != NodeKind::client) {
      peers_.push_back(node.id);
      if (context.info().kind == NodeKind::coordinator && context.may_have_lost_commits() &&
          node.kind == NodeKind::agent) {
        unsettled_.push_back(node.id);
      }
    } else if (node.id == context.self()) {
      first_hello_ = peers_.size();  // Everybody begins with another: who is greeted need not greet.
    }
  }
  if (peers_.size() <= kHelloBatch) {
    first_hello_ = 0;
  }
}

void Peers::start() {
  say_hello();
  if (context_.routes_homes()) {
    heard_.assign(context_.directory().nodes().size(), context_.now());
    if (context_.info().kind == NodeKind::coordinator && context_.options().unreachable_home == UnreachableHome::fail) {
      ping();
    }
  }
}

void Peers::say_hello() {
  std::size_t sent = 0;
  for (; next_hello_ < peers_.size() && sent < kHelloBatch; ++next_hello_) {
    const NodeId peer = peers_[(first_hello_ + next_hello_) % peers_.size()];
    if (!epochs_.knows(peer) || std::find(unsettled_.begin(), unsettled_.end(), peer) != unsettled_.end()) {
      ++sent;
      context_.send(peer, Hello{true}, Traffic::hello, "HELLO");
    }
  }
  unanswered_hello_ = unanswered_hello_ || sent > 0;
  if (next_hello_ < peers_.size()) {
    context_.set_timer(NodeTimer::hello, kHelloPause);
    return;
  }
  next_hello_ = 0;  // Once round.
  if (std::exchange(unanswered_hello_, false)) {
    context_.set_timer(NodeTimer::hello, kHelloInterval);
  }
}

void Peers::ping() {
  for (const NodeId peer : peers_) {
    context_.send(peer, Hello{true}, Traffic::hello, "HELLO");
  }
  context_.set_timer(NodeTimer::ping, context_.options().heartbeat_interval);
}

void Peers::heard(const NodeInfo& node, Epoch epoch) {
  epochs_.raise(&node, epoch);
  if (!heard_.empty()) {
    heard_[index(node)] = context_.now();
  }
}

bool Peers::silent_for(NodeId node, Duration length) const {
  const NodeInfo* info = context_.directory().find(node);
  return node != context_.self() && info != nullptr && !heard_.empty() &&
         context_.now() - heard_[index(*info)] > length;
}

void Peers::add_to(EngineStatus& status) const {
  status.peers_expected = peers_.size();
  status.peers_known = static_cast<std::uint64_t>(
      std::count_if(peers_.begin(), peers_.end(), [&](NodeId peer) { return epochs_.knows(peer); }));
}

void Peers::hash_state(std::string& out) const {
  epochs_.for_each([&](NodeId node, Epoch epoch) {
    canonical::put(out, node.value);
    canonical::put(out, epoch.value);
  });
  for (const NodeId agent : unsettled_) {
    canonical::put(out, agent.value);
  }
}

}  // namespace geocommit
