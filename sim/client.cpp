#include "sim/client.h"

#include <algorithm>
#include <utility>

namespace geocommit::sim {

Client::Client(ClientWorld& world, const Directory& directory, std::uint32_t index, LoadPlan plan, bool keep)
    : world_(world),
      index_(index),
      self_(plan.self),
      keep_(keep),
      load_(std::move(plan), directory, *this, live_, window_) {}

void Client::start() {
  load_.heard(Epoch{1});  // The first start of its coordinator has answered before a load begins.
  load_.start(world_.client_now());
  sleep();
}

void Client::on_wake() {
  wake_ = kNoEvent;
  load_.advance(world_.client_now());
  sleep();
}

void Client::on_message(const PeerMessage& message) {
  load_.heard(message.from_epoch);
  if (const auto* reply = std::get_if<ClientReply>(&message.payload)) {
    on_reply(*reply);
  }
}

void Client::on_reply(const ClientReply& reply) {
  if (keep_ && reply.outcome != Outcome::undecided) {
    const auto [told, first] = told_.emplace(reply.id.sequence, reply.outcome);
    if (!first && told->second != reply.outcome) {
      contradicted_.push_back(reply.id);
    }
  }
  load_.on_reply(world_.client_now(), reply);
  sleep();
}

void Client::finished(const ClientOutcome& outcome) {
  if (keep_) {
    outcomes_.push_back(outcome);
  }
}

void Client::second(const SecondRow& row) {
  if (keep_) {
    rows_.push_back(row);
  }
}

void Client::sleep() {
  const auto next = load_.next();
  const Instant at = next ? std::max(*next, world_.client_now()) : Instant{};
  if (wake_ != kNoEvent) {
    if (next && at == wake_at_) {
      return;
    }
    world_.cancel(wake_);
    wake_ = kNoEvent;
  }
  if (next) {
    wake_ = world_.client_wake_at(index_, at);
    wake_at_ = at;
  }
}

}  // namespace geocommit::sim
