#include "engine/node_engine.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace geocommit {
namespace {

template <class... F>
struct Cases : F... {
  using F::operator()...;
};
template <class... F>
Cases(F...) -> Cases<F...>;

}  // namespace

NodeEngine::Impl::Impl(EngineOptions options, Environment& environment, Observer& observer)
    : context_(options, environment, observer),
      peers_(context_),
      table_(context_),
      router_(context_, services_, peers_, table_, site_),
      requests_(context_, peers_, table_, router_),
      site_(context_, services_, requests_, peers_) {
  if (context_.routes_homes()) {
    homes_ = std::make_unique<HomeService>(context_, peers_, site_);
    services_.push_back(homes_.get());
  }
}

// ---- Recovery and checkpoints -------------------------------------------------------------------------------------

void NodeEngine::Impl::recover(DurableState state) {
  if (state.checkpoint) {
    table_.restore(*state.checkpoint);
    for (Service* service : services_) {
      service->restore(*state.checkpoint);
    }
    site_.restore(*state.checkpoint);
  }
  for (DurableRecord& durable : state.records) {
    if (auto* record = std::get_if<MachineRecord>(&durable)) {
      site_.replay(std::move(*record));
    } else {  // The runtime has read EpochRecord.
      for (Service* service : services_) {
        service->replay(durable);
      }
    }
  }
  for (Service* service : services_) {
    service->replayed();
  }
  site_.replayed();
}

void NodeEngine::Impl::maybe_checkpoint() {
  Environment& environment = context_.environment();
  if (environment.log_bytes_since_checkpoint() >= context_.options().checkpoint_bytes &&
      !environment.checkpoint_in_progress()) {
    environment.write_checkpoint(make_checkpoint());
  }
}

Checkpoint NodeEngine::Impl::make_checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.epoch = context_.options().epoch;
  site_.add_to(checkpoint);
  table_.add_to(checkpoint);
  for (const Service* service : services_) {
    service->add_to(checkpoint);
  }
  return checkpoint;
}

void NodeEngine::Impl::start() {
  peers_.start();
  for (Service* service : services_) {
    service->start();
  }
  site_.start();
  site_.drain();
}

// ---- What reaches it ----------------------------------------------------------------------------------------------

void NodeEngine::Impl::on_timer(TimerToken token) {
  const std::optional<TimerUse> use = context_.take_timer(token);
  if (!use) {
    return;
  }
  if (const auto* machine = std::get_if<MachineTimer>(&*use)) {
    site_.timer_fired(*machine, token);
  } else if (const auto* lock = std::get_if<LockTimer>(&*use)) {
    site_.timer_fired(*lock);
  } else if (const auto* own = std::get_if<NodeTimer>(&*use)) {
    fired(*own);
  } else {
    const ServiceTimer& timer = std::get<ServiceTimer>(*use);
    timer.service->on_timer(timer.timer);
  }
  site_.drain();
}

void NodeEngine::Impl::fired(NodeTimer timer) {
  switch (timer) {
    case NodeTimer::hello:
      peers_.say_hello();
      break;
    case NodeTimer::ping:
      peers_.ping();
      break;
    case NodeTimer::waiting:
      router_.try_waiting();
      break;
  }
}

void NodeEngine::Impl::on_forced(WriteToken token) {
  while (const ForceUse* use = context_.oldest_forced(token)) {
    if (const auto* machine = std::get_if<MachineForce>(use)) {
      if (!machine->ships.empty()) {
        for (Service* service : services_) {
          service->durable(machine->ships);
        }
      }
      site_.forced(*machine);
    } else {
      std::get<ServiceForce>(*use).service->on_forced();
    }
    context_.drop_oldest_forced();
  }
  site_.drain();
  maybe_checkpoint();
}

void NodeEngine::Impl::on_message(const PeerMessage& message) {
  const NodeInfo* from = context_.directory().find(message.from);
  if (from == nullptr) {
    context_.observer().alarm("a message from a node that is not in the directory");
    return;
  }
  peers_.heard(*from, message.from_epoch);
  site_.raise(message.from, message.watermark);
  std::visit(Cases{
                 [&](const ProtocolMessage& wire) { site_.receive(message, wire); },
                 [&](const Hello& hello) { receive(message.from, hello); },
                 [&](const Wound& wound) { site_.receive(wound); },
                 [&](const ForwardReply& reply) { router_.receive(message, reply); },
                 [&](const ClientReply&) {
                   context_.observer().alarm("a client's reply reached a node that is not a client");
                 },
                 [&](const Ship&) { serve(message); },
                 [&](const ShipAck&) { serve(message); },
                 [&](const HomeMessage&) { serve(message); },
                 [&](const auto& asked) { requests_.receive(message, asked); },
             },
             message.payload);
  site_.drain();
  maybe_checkpoint();
}

void NodeEngine::Impl::receive(NodeId from, const Hello& hello) {
  if (hello.settled == context_.options().epoch) {
    peers_.settled(from);
  }
  if (hello.answer) {
    peers_.answer(from, site_.settled(from));
    for (Service* service : services_) {
      service->greeted(from);
    }
  }
}

void NodeEngine::Impl::serve(const PeerMessage& message) {
  if (std::none_of(services_.begin(), services_.end(), [&](Service* service) { return service->receive(message); })) {
    context_.observer().alarm("a message of a service that does not run here");
  }
}

void NodeEngine::Impl::prefetch(const PeerMessage& message) const {
  if (const NodeInfo* from = context_.directory().find(message.from)) {
    peers_.prefetch(*from);
  }
  if (const auto* wire = std::get_if<ProtocolMessage>(&message.payload)) {
    site_.prefetch(*wire);
  }
}

void NodeEngine::Impl::move_home(RegionId home, RegionId successor, bool forced) {
  if (homes_) {
    homes_->order(home, successor, forced);
    site_.drain();
  }
}

void NodeEngine::Impl::quiesce() {
  context_.quiesce();
  router_.quiesce();
  for (Service* service : services_) {
    service->quiesce();
  }
}

// ---- What it says of itself ---------------------------------------------------------------------------------------

EngineStatus NodeEngine::Impl::status() const {
  EngineStatus status;
  status.epoch = context_.options().epoch;
  status.quiesced = context_.quiesced();
  site_.add_to(status);
  router_.add_to(status);
  for (const Service* service : services_) {
    service->add_to(status);
  }
  peers_.add_to(status);
  return status;
}

void NodeEngine::Impl::hash_state(std::string& out) const {
  site_.hash_transactions(out);
  table_.hash_state(out);
  peers_.hash_state(out);
  context_.hash_forces(out);
  site_.hash_data(out);
}

// ---- The public face ----------------------------------------------------------------------------------------------

NodeEngine::NodeEngine(EngineOptions options, Environment& environment, Observer& observer)
    : impl_(std::make_unique<Impl>(options, environment, observer)) {}
NodeEngine::~NodeEngine() = default;
void NodeEngine::recover(DurableState state) { impl_->recover(std::move(state)); }
void NodeEngine::start() { impl_->start(); }
void NodeEngine::on_message(const PeerMessage& message) { impl_->on_message(message); }
void NodeEngine::on_forced(WriteToken token) { impl_->on_forced(token); }
void NodeEngine::on_timer(TimerToken token) { impl_->on_timer(token); }
void NodeEngine::prefetch(const PeerMessage& message) const { impl_->prefetch(message); }
void NodeEngine::prefetch() const {
  constexpr std::size_t kLine = 64;
  const auto* const begin = reinterpret_cast<const char*>(impl_.get());
  for (std::size_t at = 0; at < sizeof(Impl); at += kLine) {
    __builtin_prefetch(begin + at);
  }
}
void NodeEngine::move_home(RegionId home, RegionId successor, bool forced) {
  impl_->move_home(home, successor, forced);
}
void NodeEngine::quiesce() { impl_->quiesce(); }
Watermark NodeEngine::watermark() const { return impl_->watermark(); }
EngineStatus NodeEngine::status() const { return impl_->status(); }
std::vector<OpenInDoubt> NodeEngine::open_in_doubt() const { return impl_->open_in_doubt(); }
const std::vector<std::int64_t>& NodeEngine::balances() const { return impl_->balances(); }
std::string NodeEngine::describe() const { return impl_->describe(); }
void NodeEngine::hash_state(std::string& out) const { impl_->hash_state(out); }

}  // namespace geocommit
