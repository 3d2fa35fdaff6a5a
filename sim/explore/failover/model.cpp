#include "sim/explore/failover/model.h"

#include <algorithm>
#include <functional>

#include "base/canonical.h"
#include "base/check.h"

namespace geocommit::explore::failover {
namespace {

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string counts_of(const State& state) {
  std::string text;
  for (const std::uint8_t count :
       {state.failovers, state.transfers, state.crashes, state.renewals, state.hours, state.writes}) {
    text += number(count) + " ";
  }
  return text;
}

/// Failovers, and changes of masters.
std::string number(HomeEpoch epoch, std::size_t sites) {
  return number(epoch.value / sites >> home_region::kRoundBits) + "." +
         number(home_region::round_of(epoch, static_cast<std::uint32_t>(sites)));
}

}  // namespace

Model::Model(const FailoverOptions& options) : options_(options) {
  rules_.lease = 2 * kUnit;
  rules_.guard = kUnit / 4;
  rules_.retry = 100 * kUnit;  // Nothing is repeated: a late message does all that a repeated one could.
  rules_.drain_limit = rules_.patience = 100 * kUnit;
  rules_.fencing = options.fencing;
  for (std::uint32_t i = 0; i < options.sites; ++i) {
    nodes_.push_back(NodeId{i + 1});
  }
}

State Model::initial() {
  State state;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Site site = fresh(i);
    site.machine.start(time_of(0), Epoch{1});
    state.site[i] = intern(i, std::move(site));
  }
  return state;
}

std::string Model::key_of(std::size_t i, Site& site, Instant horizon) {
  std::string key;
  const auto put = [&](std::uint64_t value) { canonical::put(key, value); };
  const auto put_history = [&](const HomeHistory& history, std::uint64_t end) {
    for (const HomeTerm& term : history) {
      put(term.epoch.value);
      put(term.start);
    }
    put(end << 1U | 1U);
  };
  put(i << 48U | std::uint64_t{site.hours} << 32U | site.starts << 16U | site.renewals << 1U | (site.up ? 1U : 0U));
  for (const auto* records : {&site.durable, &site.pending}) {
    for (const Record& record : *records) {
      put(record.epoch.value << 4U | static_cast<std::uint64_t>(record.kind) << 1U | (record.writes ? 1U : 0U));
      put_history(record.history, record.end);
    }
    put(~std::uint64_t{0});
  }
  if (site.up) {
    put_history(site.log.history(), site.log.last());
    put(site.log.durable());
    for (const auto& [node, held] : site.heard) {
      put(node.value);
      put_history(held.history, held.end);
    }
    site.machine.set_log(site.log.position());
    site.machine.hash_state(time_of(site.hours), horizon, key);
  }
  return key;
}

std::uint32_t Model::intern(std::size_t i, Site site) {
  const Instant end = time_of(options_.hours);
  const auto [at, made] = site_ids_.try_emplace(key_of(i, site, options_.reductions.horizon ? end : Instant::max()),
                                                static_cast<std::uint32_t>(sites_.size()));
  if (made) {
    site.content = std::hash<std::string>{}(key_of(i, site, end));
    site.serves = site.up && site.machine.may_serve(time_of(site.hours));
    sites_.push_back(std::move(site));
  }
  return at->second;
}

std::uint16_t Model::intern(Flying flying) {
  const auto [at, made] = message_ids_.try_emplace(std::move(flying), static_cast<std::uint16_t>(messages_.size()));
  if (made) {
    GC_CHECK(messages_.size() < 0xffff);
    messages_.push_back(at->first);
  }
  return at->second;
}

const Model::Effect& Model::effect(std::size_t i, std::uint32_t id, Act act, std::uint16_t arg) {
  const std::uint64_t key = std::uint64_t{id} << 24U | std::uint64_t{arg} << 8U | static_cast<std::uint64_t>(act);
  if (const auto known = effects_.find(key); known != effects_.end()) {
    return known->second;
  }
  Site site = sites_[id];
  Did out;
  apply(i, site, act, arg, out);
  // Told of what is not durable: it goes on, and the record may still be lost.
  for (std::size_t at = 0; options_.filter.hasty != nullptr && at < site.pending.size(); ++at) {
    const Record record = site.pending[at];
    if (act != Act::force && !record.writes && options_.filter.hasty(record.kind)) {
      Did more;
      site.machine.set_log(site.log.position());
      site.machine.forced(time_of(site.hours), record.kind, record.epoch, more.effects);
      perform(i, site, more);
      out.sent.insert(out.sent.end(), more.sent.begin(), more.sent.end());
    }
  }
  Effect made;
  for (Flying& one : out.sent) {
    made.sent.push_back(intern(std::move(one)));
  }
  made.wrong = std::move(site.wrong);
  site.wrong.clear();
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
  // All but the first site are alike until an order names one of them. (Of more than two it would not be all: who is
  // asked first goes by number.)
  const bool alike = options_.reductions.alike && state.failovers + state.transfers == 0 && nodes_.size() == 3;
  if (state.failovers < options_.failovers && site.machine.role() == HomeRole::replica && !(alike && i == 2)) {
    out.push_back({Act::failover, i, 0});
  }
  if (site.serves && state.writes < options_.writes) {
    out.push_back({Act::write, i, 0});
  }
  const HomeRole role = site.machine.role();
  if (role == HomeRole::yielding ||
      (role == HomeRole::fencing && site.log.durable() == site.log.last() &&
       sites_[state.site[site.machine.successor().value - 1]].log.position() == site.log.position())) {
    out.push_back({Act::drained, i, 0});
  }
  if (state.transfers < options_.transfers && site.machine.role() == HomeRole::master) {
    for (std::uint16_t to = 0; to < nodes_.size(); ++to) {
      if (to != i && !(alike && to == 2)) {
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
      if (!options_.reductions.ignored || effect.site != id || !effect.sent.empty() || !effect.wrong.empty()) {
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
  next.writes = static_cast<std::uint8_t>(next.writes + (step.act == Act::write ? 1 : 0));
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
  const auto live = std::remove_if(next.message.begin(), end,
                                   [&](std::uint16_t m) { return options_.reductions.dead && dead(next, m); });
  next.in_flight = static_cast<std::uint8_t>(live - next.message.begin());
  std::fill(live, next.message.end(), std::uint16_t{0});
  return next;
}

bool Model::dead(const State& state, std::uint16_t message) const {
  const Flying& one = messages_[message];
  const Site& site = sites_[state.site[one.to.value - 1]];
  const HomeMessage& m = one.message;
  const Mastership& machine = site.machine;
  const bool waits = site.up && collects(machine) && machine.promised() == m.epoch;
  const bool stays_up = site.up && state.crashes == options_.crashes;  // It forgets nothing.
  if (one.ship) {
    const bool keeps = site.up && (stays_up || site.pending.empty());
    const std::uint64_t has = stays_up ? site.log.last() : site.log.durable();
    return m.epoch != HomeEpoch{} ? !waits
                                  : keeps && (m.history.back().epoch < site.log.epoch() ||
                                              (m.history.back().epoch == site.log.epoch() && m.log.end <= has));
  }
  switch (m.kind) {
    case HomeMessageKind::grant:  // Renewals of a later start are numbered after it.
      return !site.up || !machine.is_master() || machine.epoch() != m.epoch || !machine.awaits_grant(m.number);
    case HomeMessageKind::promise:  // What a restarted site claims has another epoch.
      return !waits;
    case HomeMessageKind::open:
      return stays_up && m.epoch <= machine.epoch();
    case HomeMessageKind::refuse:
      return m.opened ? stays_up && m.epoch <= machine.epoch()
                      : state.failovers == options_.failovers && !(site.up && collects(machine));
    default:
      return false;
  }
}

std::string Model::violation(const State& state, const Step& step, const State& next) {
  if (const std::string& wrong = effect(step.site, state.site[step.site], step.act, step.arg).wrong; !wrong.empty()) {
    return wrong;
  }
  std::size_t masters = 0;
  HomeEpoch newest, oldest{~std::uint64_t{0}};
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Site& site = sites_[next.site[i]];
    masters += site.serves ? 1 : 0;
    if (site.serves) {
      oldest = std::min(oldest, site.machine.epoch());
    }
    if (site.up && site.machine.is_master()) {
      newest = std::max(newest, site.machine.epoch());
    }
  }
  if (masters > 1) {
    return "two masters at once";
  }
  return oldest < newest ? "a master accepts writes while its successor is open" : "";
}

std::size_t Model::sites_of(const State& state) const {
  std::string all;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    all += std::to_string(sites_[state.site[i]].content) + " ";
  }
  return std::hash<std::string>{}(all + counts_of(state));
}

std::string Model::shown(const State& state) const {
  std::vector<std::string> each;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    each.push_back(describe(state, i) + "\n");
  }
  std::sort(each.begin() + 1, each.end());
  std::string all = counts_of(state);
  for (const std::string& one : each) {
    all += one;
  }
  return all;
}

std::string Model::label(const State& state, const Step& step) const {
  const std::string site = "site " + number(step.site + 1U);
  switch (step.act) {
    case Act::deliver: {
      const auto& [from, to, message, ship, held] = messages_[step.arg];
      if (ship) {
        return std::string(message.epoch != HomeEpoch{} ? "what was fetched" : "SHIP") + " of epoch " +
               number(message.history.back().epoch, nodes_.size()) + " up to " + number(message.log.end) + ": site " +
               number(from.value) + " -> site " + number(to.value);
      }
      std::string text{geocommit::name_of(message.kind)};
      text += message.log.end > 0 ? " with a log up to " + number(message.log.end) : "";
      text += message.number > 0 ? " number " + number(message.number) : "";
      text += " of epoch " + number(message.epoch, nodes_.size()) + (message.opened ? ", open" : "");
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
    case Act::write:
      return site + " accepts a write";
    case Act::drained:
      return site + " has nothing in flight any more";
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
  text += ", knows of epoch " + number(site.machine.epoch(), nodes_.size());
  if (site.machine.promised() != site.machine.epoch()) {
    text += ", promised " + number(site.machine.promised(), nodes_.size());
  }
  text += site.log.durable() > 0 ? ", has " + number(site.log.durable()) : "";
  text += site.pending.empty() ? "" : ", forcing a record";
  return text + (site.serves ? ", accepts writes" : "");
}

}  // namespace geocommit::explore::failover
