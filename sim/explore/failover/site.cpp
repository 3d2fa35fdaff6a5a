// What an input does to one site: the machine, its log and its disk, as engine/home/ has them.
#include <algorithm>
#include <utility>

#include "sim/explore/failover/model.h"

namespace geocommit::explore::failover {

void Model::check_opening(Site& site, const HomeEffects::Force& force, const Held* handed_over) const {
  const auto has = [&](const Held& held) {
    for (std::uint64_t k = site.log.common_with(held.history, held.end) + 1; k <= held.end; ++k) {
      HomeEpoch of = held.history.front().epoch;
      for (const HomeTerm& term : held.history) {
        of = term.start < k ? term.epoch : of;
      }
      const bool cut_before = std::any_of(site.log.history().begin(), site.log.history().end(),
                                          [&](const HomeTerm& term) { return term.epoch > of && term.start < k; });
      if (!cut_before) {
        return false;
      }
    }
    return true;
  };
  if (handed_over != nullptr && force.opening == HomeOpening::planned && !has(*handed_over)) {
    site.wrong = "a successor opens without what was handed over";
  }
  for (const auto& [from, held] : site.heard) {
    if (force.opening == HomeOpening::fenced && !has(held)) {
      site.wrong = "a successor opens without what site " + std::to_string(from.value) + " held when it promised";
    }
  }
}

void Model::perform(std::size_t i, Site& site, Did& out) const {
  if (options_.filter.skips_fetch && site.machine.role() == HomeRole::fetching) {
    site.machine.set_log({HomeEpoch{~std::uint64_t{0}}, 0});
    out.effects.send.clear();
    site.machine.fetched(time_of(site.hours), out.effects);
  }
  if (out.effects.left_behind) {
    std::erase_if(site.heard, [&](const auto& heard) {
      const Held& held = heard.second;
      return HomePosition{reached(held.history, held.end), held.end} >= *out.effects.left_behind;
    });
  }
  for (const HomeEffects::Force& force : out.effects.force) {
    if (force.kind == HomeRecordKind::promised && site.machine.role() == HomeRole::claiming) {
      site.heard.clear();  // Another claim: who promised the one before has not promised this one.
    } else if (force.kind == HomeRecordKind::opened) {
      check_opening(site, force, out.handed_over);
      site.heard.clear();
      site.log.begin_term(force.epoch);
    } else if (force.kind == HomeRecordKind::handed_over) {
      HomeHistory history = site.log.history();
      history.push_back({force.epoch, site.log.last()});
      site.machine.set_handoff_history(std::move(history));
    }
    site.pending.push_back({false, force.kind, force.epoch, 0, {}});
  }
  for (auto& [to, message] : out.effects.send) {
    Flying one{nodes_[i], to, std::move(message), false, {}};
    if (one.message.kind == HomeMessageKind::promise || one.message.kind == HomeMessageKind::handoff) {
      one.held = {site.log.history(), site.log.durable()};
    }
    out.sent.push_back(std::move(one));
  }
  if (out.effects.opened) {
    site.log.set_durable(site.log.last());
    ship(i, site, site.log.position(), out);
    if (options_.heartbeats) {
      ship(i, site, {}, out);
    }
  }
}

/// To everybody, all of it (what a shipment repeats, a replica drops), or with an empty `log` the history alone.
void Model::ship(std::size_t i, const Site& site, HomePosition log, Did& out) const {
  for (const NodeId to : nodes_) {
    if (to != nodes_[i] && site.log.durable() > 0) {
      Flying one{nodes_[i], to, {}, true, {}};
      one.message.history = site.log.history();
      one.message.log = log;
      out.sent.push_back(std::move(one));
    }
  }
}

void Model::take_ship(Site& site, const Flying& one, Did& out) const {
  const bool fetched = one.message.epoch != HomeEpoch{};
  const HomeEpoch epoch = one.message.history.back().epoch;
  if (fetched
          ? epoch < reached(site.log.history(), site.log.last()) || !site.machine.fetches(one.from, one.message.epoch)
          : epoch < site.log.epoch()) {
    return;
  }
  site.machine.learn(epoch, out.effects);
  const bool adopts = fetched ? one.message.history != site.log.history() : epoch > site.log.epoch();
  if (adopts) {
    const std::uint64_t keep = site.log.common_with(one.message.history);
    (void)site.log.cut_to(keep);
    site.log.adopt(one.message.history);
    site.pending.push_back({false, HomeRecordKind::adopted, epoch, keep, one.message.history});
  }
  const bool fresh = site.log.last() < one.message.log.end;
  if (fresh) {
    while (site.log.last() < one.message.log.end) {
      site.log.append({site.log.last() + 1, {}, {}, {}});
    }
    site.pending.push_back({true, {}, epoch, site.log.last(), {}});
  }
  if (fetched && !fresh && !adopts) {
    site.machine.set_log(site.log.position());
    site.machine.fetched(time_of(site.hours), out.effects);
  }
}

void Model::deliver(Site& site, const Flying& one, Did& out) const {
  const Instant now = time_of(site.hours);
  HomeMessage message = one.message;
  if (options_.filter.deliver != nullptr) {
    options_.filter.deliver(message);
  }
  if (one.ship) {
    return take_ship(site, one, out);
  }
  if (message.kind == HomeMessageKind::fetch && site.machine.has_promised(one.from, message.epoch)) {
    Flying answer{one.to, one.from, {}, true, {}};
    answer.message.epoch = message.epoch;
    answer.message.history = site.log.history();
    answer.message.log = site.log.position();
    out.sent.push_back(std::move(answer));
    return;
  }
  if (message.kind == HomeMessageKind::handoff) {
    out.handed_over = &one.held;
    const bool has_all = message.history.back().start == site.log.last() && site.log.durable() == site.log.last() &&
                         message.history[message.history.size() - 2].epoch == site.log.epoch();
    return site.machine.received_handoff(one.from, message, has_all, out.effects);
  }
  if (message.kind == HomeMessageKind::promise && collects(site.machine) && message.epoch == site.machine.promised()) {
    site.heard[one.from] = one.held;
  }
  site.machine.received(now, one.from, message, out.effects);
}

void Model::force(std::size_t i, Site& site, Did& out) const {
  const Record record = site.pending.front();
  site.pending.erase(site.pending.begin());
  site.durable.push_back(record);
  const Instant now = time_of(site.hours);
  if (record.writes || record.kind == HomeRecordKind::adopted) {
    if (record.epoch == site.log.epoch()) {
      site.log.set_durable(record.end);
    }
    site.machine.set_log(site.log.position());
    site.machine.fetched(now, out.effects);
    if (record.writes && site.machine.is_master()) {
      ship(i, site, site.log.position(), out);
    }
    return;
  }
  site.machine.set_log(site.log.position());
  site.machine.forced(now, record.kind, record.epoch, out.effects);
}

void Model::restart(std::size_t i, Site& site) const {
  Site again = fresh(i);
  for (const Record& record : site.durable) {
    if (record.writes) {
      while (again.log.last() < record.end) {
        again.log.append({again.log.last() + 1, {}, {}, {}});
      }
      continue;
    }
    again.machine.replay(record.kind, record.epoch);
    if (record.kind == HomeRecordKind::opened) {
      again.log.begin_term(record.epoch);
    } else if (record.kind == HomeRecordKind::adopted) {
      (void)again.log.cut_to(record.end);
      again.log.adopt(record.history);
    }
  }
  again.log.set_durable(again.log.last());
  HomeHistory history = again.log.history();
  history.push_back({again.machine.handoff_epoch(), again.log.last()});
  again.machine.set_handoff_history(std::move(history));
  again.durable = std::move(site.durable);
  again.hours = site.hours;
  again.starts = site.starts + 1;
  again.machine.start(time_of(site.hours), Epoch{again.starts});
  site = std::move(again);
}

void Model::apply(std::size_t i, Site& site, Act act, std::uint16_t arg, Did& out) const {
  const Instant now = time_of(site.hours);
  site.machine.set_log(site.log.position());
  switch (act) {
    case Act::deliver:
      deliver(site, messages_[arg], out);
      break;
    case Act::force:
      force(i, site, out);
      break;
    case Act::later:
      ++site.hours;
      break;
    case Act::renew:
      ++site.renewals;
      site.machine.tick(now, out.effects);
      break;
    case Act::tick:
      site.machine.tick(now, out.effects);
      break;
    case Act::write:
      site.log.append({site.log.last() + 1, {}, {}, {}});
      site.pending.push_back({true, {}, site.log.epoch(), site.log.last(), {}});
      break;
    case Act::failover:
      site.heard.clear();
      site.machine.take_over(now, out.effects);
      break;
    case Act::transfer:
      site.machine.transfer(now, nodes_[arg]);
      break;
    case Act::drained:
      site.machine.drained(now, out.effects);
      break;
    case Act::crash:
      site.up = false;
      site.durable.insert(site.durable.end(), site.pending.begin(), site.pending.begin() + arg);
      site.pending.clear();
      site.heard.clear();
      break;
    case Act::restart:
      restart(i, site);
      break;
  }
  perform(i, site, out);
  if (!collects(site.machine)) {
    site.heard.clear();
  }
}

}  // namespace geocommit::explore::failover
