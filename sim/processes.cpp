#include "sim/processes.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/streams.h"

namespace geocommit::sim {

Processes::Processes(WorldContext& world) : world_(world), disk_random_(world.spec.seed, kDiskStream) {}

void Processes::start(Node& node) {
  GC_CHECK(!node.engine);
  if (node.stalled || node.failing != nullptr) {
    node.waits_for_disk = true;  // It could not even force its epoch.
    return;
  }
  node.waits_for_disk = false;
  ++node.life;
  node.epoch = node.disk.next_start();
  node.dying = false;
  node.log_failed = false;
  EngineOptions options;
  options.self = node.id();
  options.epoch = Epoch{node.epoch};
  options.protocol = world_.spec.protocol;
  options.protocol_options = world_.spec.options;
  options.rows = world_.spec.rows;
  options.directory = &world_.spec.directory;
  options.timeouts = world_.spec.timeouts;
  options.lock_wait = world_.spec.lock_wait;
  options.locking = world_.spec.locking;
  options.initial_balance = world_.spec.initial_balance;
  options.checkpoint_bytes = world_.spec.checkpoint_bytes;
  options.requests_remembered = world_.spec.requests_remembered;
  options.retained_max = world_.spec.retained_max;
  options.home = world_.spec.home;
  options.unreachable_home = world_.spec.unreachable_home;
  options.unreachable_wait = world_.spec.unreachable_wait;
  options.parts = world_.spec.parts;
  options.clock = 1;
  node.engine = std::make_unique<NodeEngine>(options, node, node.observer());
  node.engine->recover(node.disk.recover());
  if (node.disk.on_durable) {
    node.disk.on_durable(EpochRecord{options.epoch});  // As the runtime forces one.
  }
  node.engine->start();
  after_step(node);
}

void Processes::die(Node& node, Tail tail) {
  node.paused = false;
  resume(node);  // What was held goes back: its timers are cancelled below, the rest finds another life.
  node.timers.clear([&](EventSlot slot) { world_.queue.cancel(slot); });
  node.disk.crash(tail, disk_random_);
  node.engine.reset();
  node.dying = false;
  ++node.life;
}

void Processes::crash(Node& node, std::size_t index) {
  const Fault& fault = world_.spec.faults[index];
  die(node, fault.tail);
  if (fault.length != kForever) {
    world_.queue.push(world_.now_ns + fault.length.count(), EventKind::restart, node.index(), node.life, index);
  }
}

void Processes::resume(Node& node) {
  node.paused = false;
  std::vector<EventSlot> held = std::move(node.held);
  node.held.clear();
  for (const EventSlot slot : held) {
    world_.queue.push_again(slot, world_.now_ns);  // In the order in which they came.
  }
}

void Processes::disk_failed(Node& node, const Event& event) {
  if (event.life == node.life && node.engine) {
    die(node, world_.spec.faults[event.arg].tail);
    start(node);  // At once, if its disk works again; else then.
  }
}

void Processes::disk_works(Node& node) {
  if (node.waits_for_disk && !node.engine) {
    start(node);
  } else if (!node.paused && !node.stalled) {
    resume(node);
  }
}

}  // namespace geocommit::sim
