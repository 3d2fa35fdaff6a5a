// The node's own services: hello, shipping, checkpoints, and what it says of itself.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/node_engine.h"

namespace geocommit {
namespace {
constexpr Duration kHelloInterval = 200ms;
constexpr Duration kHelloPause = 20ms;
}  // namespace

void NodeEngine::Impl::say_hello() {
  std::size_t sent = 0;
  for (; next_hello_ < peers_.size() && sent < kHelloBatch; ++next_hello_) {
    const NodeId peer = peers_[(first_hello_ + next_hello_) % peers_.size()];
    if (!peer_epochs_.knows(peer)) {
      ++sent;
      send(peer, Hello{true}, Traffic::hello, "HELLO");
    }
  }
  unanswered_hello_ = unanswered_hello_ || sent > 0;
  if (next_hello_ < peers_.size()) {
    schedule(Service::hello, kHelloPause);
    return;
  }
  next_hello_ = 0;  // Once round.
  if (std::exchange(unanswered_hello_, false)) {
    schedule(Service::hello, kHelloInterval);
  }
}

void NodeEngine::Impl::schedule_ship(Duration after) {
  const Instant at = environment_.now() + after;
  if (ship_timer_ != 0) {
    if (ship_timer_at_ <= at) {
      return;
    }
    environment_.cancel_timer(ship_timer_);
    timers_.erase(ship_timer_);
  }
  ship_timer_ = schedule(Service::ship, after);
  ship_timer_at_ = at;
}

void NodeEngine::Impl::maybe_checkpoint() {
  if (environment_.log_bytes_since_checkpoint() >= options_.checkpoint_bytes &&
      !environment_.checkpoint_in_progress()) {
    environment_.write_checkpoint(make_checkpoint());
  }
}

Checkpoint NodeEngine::Impl::make_checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.epoch = options_.epoch;
  if (directory_.find(options_.self)->kind == NodeKind::agent) {
    checkpoint.balances = resources_->balances();
    checkpoint.writers = resources_->writers();
  }
  for (const auto* table : {&coordinators_, &participants_}) {
    for (const TxnEntry* entry : table->ascending()) {
      for (const MachineRecord& record : entry->records) {
        GC_CHECK_NOTE(entry->role == Role::coordinator || record.record.outcome != Outcome::commit || entry->applied,
                      "a commit record without its change: nobody would make the change after a restart");
        checkpoint.open.push_back(record);
        if (record.record.with_descriptor) {
          checkpoint.open.back().descriptor = entry->descriptor;
          checkpoint.open.back().versions = entry->versions;
        }
      }
    }
  }
  checkpoint.finished = memory_.all();
  checkpoint.requests.assign(requests_.all().begin(), requests_.all().end());
  checkpoint.forgotten = requests_.dropped();
  checkpoint.watermarks = memory_.watermarks();
  checkpoint.homes = homes_for_checkpoint();
  return checkpoint;
}

Watermark NodeEngine::Impl::watermark() const {
  if (directory_.find(options_.self)->kind != NodeKind::coordinator) {
    return {};
  }
  if (coordinators_.empty()) {
    return {options_.epoch, next_counter_};
  }
  const TxnId& oldest = coordinators_.oldest();
  return {oldest.epoch, oldest.counter};
}

EngineStatus NodeEngine::Impl::status() const {
  EngineStatus status;
  status.epoch = options_.epoch;
  status.quiesced = quiesced_;
  status.open_coordinator = coordinators_.size();
  status.open_participant = participants_.size();
  const Instant now = environment_.now();
  participants_.for_each([&](const TxnEntry& entry) {
    if (!entry.in_doubt) {
      return;
    }
    ++status.in_doubt;
    const Duration blocked = now - entry.in_doubt_since - options_.timeouts.decision;
    if (blocked > Duration::zero()) {
      ++status.blocked;
      status.oldest_blocked = std::max(status.oldest_blocked, blocked);
    }
  });
  status.locks_held = locks_->held();
  status.lock_waiters = locks_->waiting();
  status.finished_remembered = memory_.size();
  status.waiting_requests = parked_.size() + forwarded_.size() + asked_.size();
  for (const auto& [home, site] : homes_) {
    status.unshipped += site.sender ? site.sender->unconfirmed() : 0;
    const HomeRole role = site.mastership.role();
    const bool settled = role == HomeRole::master ? site.mastership.is_backed()
                                                  : role == HomeRole::replica && !site.mastership.awaits_master(now);
    status.unshipped += settled ? 0 : 1;
  }
  status.peers_expected = peers_.size();
  status.peers_known = static_cast<std::uint64_t>(
      std::count_if(peers_.begin(), peers_.end(), [&](NodeId peer) { return peer_epochs_.knows(peer); }));
  if (directory_.find(options_.self)->kind == NodeKind::agent) {
    for (const std::int64_t balance : resources_->balances()) {
      status.balance_total += balance;
    }
  }
  return status;
}

std::vector<OpenInDoubt> NodeEngine::Impl::open_in_doubt() const {
  std::vector<OpenInDoubt> result;
  const Instant now = environment_.now();
  for (const TxnEntry* entry : participants_.ascending()) {
    if (entry->in_doubt) {
      const Duration in_doubt = now - entry->in_doubt_since;
      result.push_back({entry->descriptor, in_doubt, std::max(in_doubt - options_.timeouts.decision, Duration::zero()),
                        locks_->blocking_cost(entry->descriptor.txn, now).value_or(BlockingCost{})});
    }
  }
  return result;
}

std::string NodeEngine::Impl::describe() const {
  std::string text;
  for (const auto* table : {&coordinators_, &participants_}) {
    for (const TxnEntry* entry : table->ascending()) {
      text += to_text(entry->descriptor.txn) + " " + std::string(name_of(entry->role)) + " " +
              entry->machine->describe() + "\n";
    }
  }
  return text;
}

}  // namespace geocommit
