#include "runtime/events/event_log.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace geocommit {
namespace {

constexpr std::size_t kKeptMost = 100'000;   // Transactions followed at once.
constexpr std::size_t kPendingMost = 1'000;  // Then the window is searched, whatever the time.
constexpr std::int64_t kSettleNs = 50'000'000;

std::uint8_t small(std::uint16_t depth) { return static_cast<std::uint8_t>(std::min<std::uint16_t>(depth, 255)); }
std::uint64_t ns(Duration duration) { return static_cast<std::uint64_t>(std::max<Duration::rep>(duration.count(), 0)); }

}  // namespace

bool in_sample(const TxnId& txn, double share) {
  std::uint64_t x =
      txn.counter * 0x9e3779b97f4a7c15ULL ^ (std::uint64_t{txn.coordinator.value} << 32U | txn.epoch.value);
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;  // splitmix64's finaliser: Steele, Lea and Flood, OOPSLA 2014
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  x ^= x >> 31U;
  return std::ldexp(static_cast<double>(x >> 11U), -53) < share;
}

EventLog::EventLog(const TraceSettings& settings, EventWindow window, Clock clock, Sink sink, std::size_t kept_bytes)
    : settings_(settings), window_(window), clock_(std::move(clock)), sink_(std::move(sink)), kept_bytes_(kept_bytes) {}

Event EventLog::event(EventType type, const TxnId& txn, std::uint8_t protocol, Role role) const {
  Event out;
  out.t_ns = now_ns_;
  out.counter = txn.counter;
  out.coordinator = txn.coordinator.value;
  out.epoch = txn.epoch.value;
  out.type = type;
  out.role = static_cast<std::uint8_t>(role);
  out.protocol = protocol;
  return out;
}

void EventLog::write(const Event* events, std::size_t count, std::size_t room) {
  const std::size_t bytes = count * sizeof(Event);
  if (kept_bytes_ + bytes > room) {
    if (missed_ == 0) {  // Once, and beside the limit.
      Event full;
      full.t_ns = now_ns_;
      full.type = EventType::full;
      kept_bytes_ += sizeof full;
      sink_(&full, 1);
    }
    missed_ += count;
    return;
  }
  kept_bytes_ += bytes;
  sink_(events, count);
}

void EventLog::add(const Event& event) {
  if (in_sample(event.txn(), settings_.sample)) {
    write(&event, 1, settings_.limit / 2);
    return;
  }
  window_.push(event);
  if (!kept_.empty() && kept_.contains(event.txn())) {
    write(&event, 1, settings_.limit);
  }
  if (!pending_.empty() && event.t_ns >= settle_at_ns_) {
    settle();
  }
}

void EventLog::started(Epoch epoch, std::uint64_t clock_id) {
  tick();
  Event out;
  out.t_ns = now_ns_;
  out.type = EventType::started;
  out.value = epoch.value;
  out.extra = clock_id;
  write(&out, 1, settings_.limit);
}

void EventLog::keep(const TxnId& txn) {
  if (in_sample(txn, settings_.sample) || kept_.size() >= kKeptMost || kept_.contains(txn)) {
    return;
  }
  if (pending_.empty()) {
    settle_at_ns_ = now_ns_ + kSettleNs;
  }
  pending_.insert(txn);
  if (pending_.size() >= kPendingMost) {
    settle();
  }
}

// One search of the window for all that have come up in the meantime.
void EventLog::settle() {
  if (pending_.empty()) {
    return;
  }
  std::vector<Event> found;
  window_.for_each([&](const Event& event) {
    if (pending_.contains(event.txn())) {
      found.push_back(event);
    }
  });
  for (const Event& event : found) {
    write(&event, 1, settings_.limit);
  }
  kept_.merge(pending_);
  pending_.clear();
}

std::uint32_t EventLog::name(std::string_view text) {
  for (const auto& [address, hash] : names_) {
    if (address == text.data()) {
      return hash;
    }
  }
  std::uint32_t hash = 0x811c9dc5U;  // FNV-1a
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193U;
  }
  names_.emplace_back(text.data(), hash);
  Event record;
  record.type = EventType::name;
  record.value = hash;
  char words[sizeof record.counter + sizeof record.extra + 2 * sizeof record.coordinator + sizeof record.peer] = {};
  std::memcpy(words, text.data(), std::min(text.size(), sizeof words - 1));
  const char* from = words;
  const auto take = [&](auto& field) {
    std::memcpy(&field, from, sizeof field);
    from += sizeof field;
  };
  take(record.counter);
  take(record.coordinator);
  take(record.epoch);
  take(record.peer);
  take(record.extra);
  sink_(&record, 1);  // Few, and without them the rest says less: beside the limit.
  return hash;
}

void EventLog::transaction_begun(const TxnDescriptor& d) {
  tick();
  Event out = event(EventType::begun, d, Role::coordinator);
  out.peer = d.request.client.value;
  out.extra = d.request.sequence;
  add(out);
}

void EventLog::locks_released(const TxnDescriptor& d, Outcome o, Duration held, Duration /*summed*/, bool waited) {
  Event out = event(EventType::released, d, Role::participant);
  out.outcome = static_cast<std::uint8_t>(o);
  out.extra = ns(held);
  out.flag = waited ? 1 : 0;
  add(out);
}

void EventLog::in_doubt_ended(const TxnDescriptor& d, Outcome o, Duration /*in_doubt*/, Duration blocked) {
  if (blocked <= Duration::zero()) {
    return;
  }
  Event out = event(EventType::unblocked, d, Role::participant);
  out.outcome = static_cast<std::uint8_t>(o);
  out.extra = ns(blocked);
  keep(d.txn);
  add(out);
}

void EventLog::held_up_by_blocked(const TxnDescriptor& d, std::string_view cause) {
  Event out = event(EventType::held_up, d, Role::participant);
  out.value = name(cause);
  keep(d.txn);
  add(out);
}

void EventLog::locks_awaited(const TxnDescriptor& d, TxnId behind) {
  tick();
  Event out = event(EventType::await, d, Role::participant);
  out.peer = behind.coordinator.value;
  out.value = behind.epoch.value;
  out.extra = behind.counter;
  add(out);
}

void EventLog::locks_granted(const TxnDescriptor& d, bool waited) {
  Event out = event(EventType::granted, d, Role::participant);
  out.flag = waited ? 1 : 0;
  add(out);
}

void EventLog::voted(const TxnDescriptor& d, Vote vote, Reason reason) {
  tick();
  Event out = event(EventType::voted, d, Role::participant);
  out.kind = static_cast<std::uint8_t>(vote);
  out.reason = static_cast<std::uint8_t>(reason);
  add(out);
}

void EventLog::transaction_forgotten(const TxnDescriptor& d, Role role, Outcome outcome, const TxnCost& /*cost*/) {
  Event out = event(EventType::forgotten, d, role);
  out.outcome = static_cast<std::uint8_t>(outcome);
  add(out);
  if (pending_.contains(d.txn)) {
    settle();
  }
  kept_.erase(d.txn);
}

void EventLog::message_in(const Message& message) {
  tick();
  Event out = event(EventType::received, message.txn, message.protocol, message.to_role);
  out.kind = message.kind;
  out.peer = message.from.value;
  out.depth = small(message.depth);
  out.flag = message.retry ? 1 : 0;
  add(out);
}

void EventLog::message_out(Role from, const Message& message, std::size_t bytes) {
  Event out = event(EventType::sent, message.txn, message.protocol, from);
  out.kind = message.kind;
  out.peer = message.to.value;
  out.value = static_cast<std::uint32_t>(bytes);
  out.depth = small(message.depth);
  out.flag = message.retry ? 1 : 0;
  add(out);
}

void EventLog::add_input(const TxnDescriptor& d, Role role, const Input& input) {
  if (const auto* timer = std::get_if<TimerFired>(&input)) {
    Event out = event(EventType::timer, d, role);
    out.kind = timer->timer;
    keep(d.txn);  // Something takes longer than it should: what led to it is still in the window.
    add(out);
  } else if (const auto* forced = std::get_if<LogForced>(&input)) {
    Event out = event(EventType::forced, d, role);
    out.kind = forced->kind;
    add(out);
  } else if (std::holds_alternative<Recovered>(input)) {
    keep(d.txn);
    add(event(EventType::recovered, d, role));
  } else if (std::holds_alternative<Wounded>(input)) {
    add(event(EventType::wounded, d, role));
  }
}

void EventLog::machine_stepped(const TxnDescriptor& d, Role role, const Input& input, const Outbox& outbox) {
  tick();
  add_input(d, role, input);
  for (const Output& output : outbox) {
    if (const auto* force = std::get_if<ForceLog>(&output)) {
      Event out = event(EventType::force, d, role);
      out.kind = force->record.kind;
      add(out);
    } else if (const auto* append = std::get_if<AppendLog>(&output)) {
      Event out = event(EventType::append, d, role);
      out.kind = append->record.kind;
      add(out);
    } else if (const auto* decide = std::get_if<Decide>(&output)) {
      Event out = event(EventType::decided, d, role);
      out.outcome = static_cast<std::uint8_t>(decide->outcome);
      out.reason = static_cast<std::uint8_t>(decide->reason);
      add(out);
    }
  }
}

void EventLog::noted(const TxnDescriptor& d, Role role, std::string_view text) {
  Event out = event(EventType::note, d, role);
  out.value = name(text);
  add(out);
}

}  // namespace geocommit
