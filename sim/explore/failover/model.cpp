#include "sim/explore/failover/model.h"

#include <algorithm>

#include "base/check.h"

namespace geocommit::explore::failover {
namespace {

constexpr Duration kUnit = 1s;
constexpr Instant kBegin{Duration{3'600s}};

Instant time_of(std::uint32_t hours) { return kBegin + kUnit * hours; }

std::string number(std::uint64_t value) { return std::to_string(value); }

}  // namespace

Model::Model(const FailoverOptions& options) : options_(options) {
  rules_.lease = 2 * kUnit;
  rules_.guard = kUnit / 4;
  rules_.retry = 100 * kUnit;  // Nothing is repeated: a late message does all that a repeated one could.
  rules_.drain_limit = 100 * kUnit;
  rules_.fencing = options.fencing;
  for (std::uint32_t i = 0; i < options.sites; ++i) {
    nodes_.push_back(NodeId{i + 1});
  }
}

State Model::initial() {
  State state;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Site site{fresh(i)};
    site.machine.start(time_of(0), Epoch{1});
    state.site[i] = intern(i, std::move(site));
  }
  return state;
}

std::uint32_t Model::intern(std::size_t i, Site site) {
  std::string key;
  const auto put = [&](std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) {
      key.push_back(static_cast<char>((value >> shift) & 0xffU));
    }
  };
  put(i << 48U | std::uint64_t{site.hours} << 32U | site.starts << 16U | site.renewals << 1U | (site.up ? 1U : 0U));
  for (const auto* records : {&site.durable, &site.pending}) {
    for (const auto& [kind, epoch] : *records) {
      put(epoch.value << 3U | static_cast<std::uint64_t>(kind));
    }
    put(~std::uint64_t{0});
  }
  if (site.up) {
    site.machine.hash_state(time_of(site.hours), key);
  }
  const auto [at, made] = site_ids_.try_emplace(std::move(key), static_cast<std::uint32_t>(sites_.size()));
  if (made) {
    site.serves = site.up && site.machine.may_serve(time_of(site.hours));
    sites_.push_back(std::move(site));
  }
  return at->second;
}

std::uint16_t Model::intern(Flying flying) {
  const auto at = std::find(messages_.begin(), messages_.end(), flying);
  if (at == messages_.end()) {
    GC_CHECK(messages_.size() < 0xffff);
    messages_.push_back(std::move(flying));
    return static_cast<std::uint16_t>(messages_.size() - 1);
  }
  return static_cast<std::uint16_t>(at - messages_.begin());
}

void Model::apply(std::size_t i, Site& site, Act act, std::uint16_t arg, HomeEffects& out) const {
  const Instant now = time_of(site.hours);
  switch (act) {
    case Act::deliver: {
      const Flying& one = messages_[arg];
      if (one.message.kind == HomeMessageKind::handoff) {
        site.machine.received_handoff(one.from, one.message, true, out);
      } else {
        site.machine.received(now, one.from, one.message, out);
      }
      return;
    }
    case Act::force: {
      const auto record = site.pending.front();
      site.pending.erase(site.pending.begin());
      site.durable.push_back(record);
      site.machine.forced(now, record.first, record.second, out);
      return;
    }
    case Act::later:
      ++site.hours;
      return;
    case Act::renew:
      ++site.renewals;
      site.machine.tick(now, out);
      return;
    case Act::tick:
      site.machine.tick(now, out);
      return;
    case Act::failover:
      site.machine.take_over(now, out);
      return;
    case Act::transfer:
      site.machine.transfer(now, nodes_[arg]);
      site.machine.drained(now, out);
      return;
    case Act::crash:
      site.up = false;
      site.durable.insert(site.durable.end(), site.pending.begin(), site.pending.begin() + arg);
      site.pending.clear();
      return;
    case Act::restart:
      site.machine = fresh(i);
      for (const auto& [kind, epoch] : site.durable) {
        site.machine.replay(kind, epoch);
      }
      site.machine.start(now, Epoch{++site.starts});
      site.renewals = 0;
      site.up = true;
      return;
  }
}

const Model::Effect& Model::effect(std::size_t i, std::uint32_t id, Act act, std::uint16_t arg) {
  const std::uint64_t key = std::uint64_t{id} << 24U | std::uint64_t{arg} << 8U | static_cast<std::uint64_t>(act);
  if (const auto known = effects_.find(key); known != effects_.end()) {
    return known->second;
  }
  Site site = sites_[id];
  HomeEffects out;
  apply(i, site, act, arg, out);
  for (const HomeEffects::Force& force : out.force) {
    site.pending.emplace_back(force.kind, force.epoch);
  }
  Effect made;
  for (auto& [to, message] : out.send) {
    message.history.clear();
    made.sent.push_back(intern(Flying{nodes_[i], to, std::move(message)}));
  }
  made.site = intern(i, std::move(site));
  return effects_.emplace(key, std::move(made)).first->second;
}

void Model::local_steps(const State& state, std::uint8_t i, std::vector<Step>& out) const {
  const Site& site = sites_[state.site[i]];
  if (!site.up) {
    out.push_back({Act::restart, i, 0});
    return;
  }
  if (!site.pending.empty()) {
    out.push_back({Act::force, i, 0});
  }
  const auto deadline = site.machine.deadline();
  if (deadline && *deadline <= time_of(site.hours)) {
    if (!site.machine.is_master() || !options_.fencing) {
      out.push_back({Act::tick, i, 0});
    } else if (state.renewals < options_.renewals) {
      out.push_back({Act::renew, i, 0});
    }
  }
  if (state.failovers < options_.failovers && site.machine.role() == HomeRole::replica) {
    out.push_back({Act::failover, i, 0});
  }
  if (state.transfers < options_.transfers && site.machine.role() == HomeRole::master) {
    for (std::uint16_t to = 0; to < nodes_.size(); ++to) {
      if (to != i) {
        out.push_back({Act::transfer, i, to});
      }
    }
  }
  if (state.crashes < options_.crashes) {
    for (std::uint16_t kept = 0; kept <= site.pending.size(); ++kept) {
      out.push_back({Act::crash, i, kept});
    }
  }
}

void Model::steps(const State& state, std::vector<Step>& out) {
  out.clear();
  for (std::uint8_t i = 0; i < nodes_.size(); ++i) {
    local_steps(state, i, out);
  }
  for (std::size_t m = 0; m < state.in_flight; ++m) {
    const auto to = static_cast<std::uint8_t>(messages_[state.message[m]].to.value - 1);
    const std::uint32_t id = state.site[to];
    if (sites_[id].up) {
      const Effect& effect = this->effect(to, id, Act::deliver, state.message[m]);
      if (effect.site != id || !effect.sent.empty()) {
        out.push_back({Act::deliver, to, state.message[m]});
      }
    }
  }
  if (state.hours < options_.hours) {
    out.push_back({Act::later, 0, 0});
  }
}

State Model::after(const State& state, const Step& step) {
  State next = state;
  if (step.act == Act::later) {
    ++next.hours;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      next.site[i] = effect(i, state.site[i], Act::later, 0).site;
    }
    return next;
  }
  auto end = next.message.begin() + next.in_flight;
  if (step.act == Act::deliver) {
    end = std::remove(next.message.begin(), end, step.arg);
    *end = 0;
    --next.in_flight;
  }
  next.renewals = static_cast<std::uint8_t>(next.renewals + (step.act == Act::renew ? 1 : 0));
  next.failovers = static_cast<std::uint8_t>(next.failovers + (step.act == Act::failover ? 1 : 0));
  next.transfers = static_cast<std::uint8_t>(next.transfers + (step.act == Act::transfer ? 1 : 0));
  next.crashes = static_cast<std::uint8_t>(next.crashes + (step.act == Act::crash ? 1 : 0));
  const Effect& effect = this->effect(step.site, state.site[step.site], step.act, step.arg);
  next.site[step.site] = effect.site;
  for (const std::uint16_t sent : effect.sent) {
    const auto at = std::lower_bound(next.message.begin(), end, sent);
    if (at != end && *at == sent) {
      continue;
    }
    if (next.in_flight == kInFlightMost) {
      overflowed_ = true;
      continue;
    }
    std::copy_backward(at, end, end + 1);
    *at = sent;
    ++end;
    ++next.in_flight;
  }
  return next;
}

bool Model::two_masters(const State& state) const {
  std::size_t masters = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    masters += sites_[state.site[i]].serves ? 1 : 0;
  }
  return masters > 1;
}

std::string Model::label(const State& state, const Step& step) const {
  const std::string site = "site " + number(step.site + 1U);
  switch (step.act) {
    case Act::deliver: {
      const auto& [from, to, message] = messages_[step.arg];
      std::string text{geocommit::name_of(message.kind)};
      text += message.number > 0 ? " number " + number(message.number) : "";
      text += " of epoch " + number(message.epoch.value) + (message.opened ? ", open" : "");
      if (message.remaining > Duration::zero()) {
        text += ", " + number(static_cast<std::uint64_t>(message.remaining.count() / 1'000'000)) + " ms remain";
      }
      return text + ": site " + number(from.value) + " -> site " + number(to.value);
    }
    case Act::force:
      return site + ": its record is durable";
    case Act::later:
      return "half a lease passes";
    case Act::renew:
      return site + " asks for its lease";
    case Act::tick:
      return site + ": a timer";
    case Act::failover:
      return site + " is ordered to take over";
    case Act::transfer:
      return site + " is ordered to hand over to site " + number(step.arg + 1U);
    case Act::crash:
      return site + " crashes, keeps " + number(step.arg) + "/" + number(sites_[state.site[step.site]].pending.size()) +
             " records";
    case Act::restart:
      return site + " starts again";
  }
  return "?";
}

std::string Model::describe(const State& state, std::size_t i) const {
  const Site& site = sites_[state.site[i]];
  if (!site.up) {
    return "down";
  }
  std::string text{geocommit::name_of(site.machine.role())};
  text += ", knows of epoch " + number(site.machine.epoch().value);
  if (site.machine.promised() != site.machine.epoch()) {
    text += ", promised " + number(site.machine.promised().value);
  }
  text += site.pending.empty() ? "" : ", forcing a record";
  return text + (site.serves ? ", accepts writes" : "");
}

}  // namespace geocommit::explore::failover
