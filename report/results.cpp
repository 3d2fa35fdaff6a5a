#include "report/results.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "measure/percentiles.h"
#include "os/files.h"
#include "report/results_faults.h"
#include "report/rounding.h"
#include "report/thresholds.h"

namespace geocommit {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const LatencySummary& s) {
  return {{"count", s.count},         {"mean", rounded_ms(s.mean)},
          {"p50", rounded_ms(s.p50)}, {"p90", rounded_ms(s.p90)},
          {"p99", rounded_ms(s.p99)}, {"p999", s.count >= kSamplesForP999 ? Json(rounded_ms(s.p999)) : Json(nullptr)},
          {"max", rounded_ms(s.max)}};
}

/// Clients did not learn, or were not asked for, `counts.unknown + counts.shed` more.
Json client_latency(const LatencySummary& s, const TransactionCounts& counts) {
  Json out = json_of(s);
  out["percentiles_are_lower_bounds"] = counts.latencies_are_lower_bounds();
  return out;
}

/// Of every transaction: `open` of them still were in doubt at the end.
Json all_of(const LatencySummary& s, std::uint64_t open) {
  Json out = json_of(s);
  out["censored"] = open;
  out["percentiles_are_lower_bounds"] = open > 0;
  return out;
}

Json json_of(const BlockingSummary& s) {
  Json out = json_of(s.all);
  out["count"] = s.ended.count;
  out["censored"] = s.censored;
  out["percentiles_are_lower_bounds"] = s.censored > 0;
  out["censored_lower_bound_sum"] = rounded_ms(s.lower_bound_sum);
  out["censored_lower_bound_max"] = rounded_ms(s.lower_bound_max);
  out["in_doubt_at_end"] = s.in_doubt_at_end;
  out["lock_seconds_lost"] = six_decimals(to_seconds(s.lock_time_lost));
  out["blast_radius"] = {{"waited", s.radius_waited}, {"aborted", s.radius_aborted}, {"max", s.radius_max}};
  out["held_up"] = Json::object();
  for (const auto& [cause, count] : s.held_up) out["held_up"][cause] = count;
  return out;
}

/// Transactions in doubt at the end, the longest blocked first; the counts beside it are of all of them.
Json list_of(const std::vector<OpenAtEnd>& open, const Directory& directory) {
  constexpr std::size_t kMost = 100;
  Json out = Json::array();
  for (const OpenAtEnd& one : open) {
    if (out.size() == kMost) break;
    const NodeInfo* node = directory.find(one.node);
    out.push_back({{"transaction", to_text(one.txn)},
                   {"participant", node != nullptr ? node->name : ""},
                   {"in_doubt_ms_at_least", rounded_ms(one.in_doubt)},
                   {"blocked_ms_at_least", rounded_ms(one.blocked)},
                   {"keys", one.cost.keys},
                   {"waiting_behind", one.cost.waited},
                   {"aborted_behind", one.cost.aborted},
                   {"participant_down", one.from_log}});
  }
  return out;
}

Json json_of(const TransactionCounts& t) {
  Json aborted = Json::object();
  for (const auto& [reason, count] : t.aborted) aborted[reason] = count;
  return {{"offered", t.offered}, {"committed", t.committed}, {"aborted", aborted},
          {"unknown", t.unknown}, {"forgotten", t.forgotten}, {"shed", t.shed}};
}

Json json_of(const std::optional<double>& value) { return value ? Json(six_decimals(*value)) : Json(nullptr); }

Json json_of(const std::optional<CostSummary>& costs, bool incomplete) {
  if (!costs) return nullptr;
  const CostSummary& c = *costs;
  return {{"messages", six_decimals(c.messages)},
          {"wan_messages", six_decimals(c.wan_messages)},
          {"bytes", six_decimals(c.bytes)},
          {"wan_bytes", six_decimals(c.wan_bytes)},
          {"forced_writes", six_decimals(c.forced_writes)},
          {"lazy_writes", six_decimals(c.lazy_writes)},
          {"retries", six_decimals(c.retries)},
          {"message_delays", six_decimals(c.message_delays)},
          {"incomplete", incomplete}};
}

Json json_of(const Prediction& p) {
  Json out;
  Json range = Json::object();
  const auto add = [&](const char* name, const std::optional<Predicted>& value) {
    out[name] = value ? Json(rounded_ms(value->p50)) : Json(nullptr);
    if (value) {
      range[name] = {{"mean", rounded_ms(value->mean)},
                     {"p45", rounded_ms(value->p45)},
                     {"p50", rounded_ms(value->p50)},
                     {"p55", rounded_ms(value->p55)}};
    }
  };
  add("commit_latency", p.commit_latency);
  add("lock_hold", p.lock_hold);
  add("in_doubt", p.in_doubt);
  add("client_latency", p.client_latency);
  out["detail"] = range;
  if (!p.why_not.empty()) out["why_not"] = p.why_not;
  return out;
}

Json options_json(const Cell& cell) {
  Json out = Json::object();
  for (const OptionRow& option : cell.protocol->options) {
    const std::int32_t value = cell.options.value(option);
    out[std::string(option.name)] = option.type == OptionType::boolean ? Json(value != 0) : Json(value);
  }
  return out;
}

Json json_of(const EngineStatus& left) {
  return {{"open_at_coordinators", left.open_coordinator},
          {"open_at_participants", left.open_participant},
          {"in_doubt", left.in_doubt},
          {"blocked", left.blocked},
          {"locks_held", left.locks_held},
          {"lock_waiters", left.lock_waiters},
          {"unshipped", left.unshipped}};
}

Json json_of(const std::map<std::string, RegionSummary>& regions) {
  Json out = Json::object();
  for (const auto& [name, r] : regions) {
    Json staleness = Json::object();
    for (const auto& [replica, summary] : r.staleness) staleness[replica] = json_of(summary);
    out[name] = {{"transactions", json_of(r.transactions)},
                 {"availability", json_of(r.availability)},
                 {"client_latency_ms", client_latency(r.client_latency, r.transactions)},
                 {"commit_latency_ms", json_of(r.commit_latency)},
                 {"lock_hold_ms", json_of(r.lock_hold)},
                 {"lock_hold_all_ms", all_of(r.lock_hold_all, r.blocking.in_doubt_at_end)},
                 {"in_doubt_ms", json_of(r.in_doubt)},
                 {"in_doubt_all_ms", all_of(r.in_doubt_all, r.blocking.in_doubt_at_end)},
                 {"blocking_ms", json_of(r.blocking)},
                 {"staleness_ms", staleness}};
  }
  return out;
}

Json json_of(const RouterStats& s) {
  Json out{{"packets", s.packets},
           {"bytes", s.bytes},
           {"lost", s.lost},
           {"cut", s.cut},
           {"queue_full", s.queue_full},
           {"no_route", s.no_route},
           {"write_failed", s.write_failed}};
  if (s.has_lateness) {
    out["lateness_ms"] = {{"p50", six_decimals(s.lateness_p50_us / 1000)},
                          {"p99", six_decimals(s.lateness_p99_us / 1000)},
                          {"max", six_decimals(s.lateness_max_us / 1000)}};
  }
  return out;
}

Json verdict_json(const Verdict& v) {
  Json examples = Json::array();
  for (const Violation& one : v.examples) {
    examples.push_back({{"class", name_of(one.violation)}, {"transaction", to_text(one.txn)}, {"what", one.what}});
  }
  return {{"transactions_in_logs", v.transactions},
          {"committed", v.committed},
          {"aborted", v.aborted},
          {"unresolved", v.unresolved},
          {"unknown_to_client", v.unknown_to_client},
          {"rpo", {{"acknowledged", v.rpo.acknowledged}, {"unanswered", v.rpo.unanswered}, {"torn", v.rpo.torn}}},
          {"unknown_reasons", v.unknown_reasons},
          {"examples", examples}};
}

Json json_of(const std::vector<ThresholdResult>& results) {
  Json out = Json::array();
  for (const ThresholdResult& one : results) {
    out.push_back({{"threshold", to_text(one.threshold)},
                   {"of", one.threshold.label},
                   {"value", json_of(one.value)},
                   {"kept", one.kept},
                   {"why", one.kept ? Json(nullptr) : Json(one.why)}});
  }
  return out;
}

Json json_of(const CellResult& r, const Plan& plan) {
  const CellSummary& s = r.summary;
  Json sweep = Json::object();
  for (const auto& [key, value] : plan.point(r.cell).values) sweep[key] = value;
  Json violations = Json::object();
  for (std::size_t i = 0; i < kViolationClasses; ++i) {
    violations[std::string(name_of(static_cast<ViolationClass>(i)))] = s.verdict.counts.at(i);
  }
  const ResolvedTimeouts& t = plan.timeouts[r.cell.point];
  Json out;
  out["cell"] = r.cell.id;
  out["topology"] = plan.topology(r.cell).name();
  out["protocol"] = r.cell.label;
  out["row"] = r.cell.protocol->name;
  out["options"] = options_json(r.cell);
  out["repetition"] = r.cell.repetition;
  out["sweep"] = sweep;
  out["verdict"] = name_of(s.verdict.judgement);
  out["expected"] = s.verdict.expected;
  out["valid"] = r.valid();
  out["reasons"] = r.invalid_reasons;
  out["interrupted"] = r.interrupted;
  out["failure"] = r.failure.empty() ? Json(nullptr) : Json(r.failure);
  out["violations"] = violations;
  out["verdict_detail"] = verdict_json(s.verdict);
  const auto thresholds = judge_thresholds(plan.experiment.thresholds, r);
  if (!thresholds.empty()) out["thresholds"] = json_of(thresholds);
  out["transactions"] = json_of(s.transactions);
  out["goodput_per_s"] = six_decimals(s.load.committed_per_s);
  out["load"] = {{"offered_per_s", six_decimals(s.load.offered_per_s)},
                 {"done_per_s", six_decimals(s.load.done_per_s)},
                 {"overloaded", s.load.overloaded},
                 {"send_lateness_ms", json_of(s.send_lateness)}};
  out["availability"] = json_of(s.availability);
  out["client_latency_ms"] = client_latency(s.client_latency, s.transactions);
  out["abort_latency_ms"] = json_of(s.abort_latency);
  out["commit_latency_ms"] = json_of(s.commit_latency);
  out["lock_hold_ms"] = json_of(s.lock_hold);
  out["lock_hold_key_ms"] = json_of(s.lock_hold_keys);
  out["lock_hold_all_ms"] = all_of(s.lock_hold_all, s.blocking.in_doubt_at_end);
  out["in_doubt_ms"] = json_of(s.in_doubt);
  out["in_doubt_all_ms"] = all_of(s.in_doubt_all, s.blocking.in_doubt_at_end);
  out["blocking_ms"] = json_of(s.blocking);
  out["in_doubt_at_end"] = list_of(s.blocking.open, plan.directory(r.cell));
  out["staleness_ms"] = s.staleness.count > 0 ? json_of(s.staleness) : Json(nullptr);
  out["write_gap_ms"] = Json(nullptr);
  for (const auto& [how, gap] : s.write_gap) out["write_gap_ms"][how] = json_of(gap);
  out["lock_wait_share"] = json_of(s.lock_wait_share);
  out["by_region"] = json_of(s.by_region);
  out["costs_per_commit"] = json_of(s.costs_per_commit, s.costs_incomplete);
  out["prediction_ms"] = json_of(s.prediction);
  out["forced_write_ms"] = rounded_ms(r.forced_write);
  out["timeouts_ms"] = {{"vote", rounded_ms(t.protocol.vote)},
                        {"decision", rounded_ms(t.protocol.decision)},
                        {"lock_wait", rounded_ms(t.lock_wait)},
                        {"resend", rounded_ms(t.protocol.resend)}};
  out["evidence"] = r.evidence.empty() ? Json(nullptr) : Json(r.evidence);
  out["drained"] = r.drained;
  out["left_at_end"] = json_of(r.left);
  out["messages_by_traffic"] = r.traffic;
  out["alarms"] = r.alarms;
  out["faults"] = faults_json(r, plan.directory(r.cell));
  out["phases"] = phases_json(r.phases);
  out["router"] = r.router ? json_of(*r.router) : Json(nullptr);
  out["seconds"] = {{"start", six_decimals(to_seconds(r.started))},
                    {"load", six_decimals(to_seconds(r.loaded))},
                    {"drain", six_decimals(to_seconds(r.drain))}};
  return out;
}

std::string number(double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

constexpr const char* kCsvHeader =
    "cell,protocol,repetition,sweep,verdict,expected,valid,offered,committed,aborted,unknown,shed,goodput_per_s,"
    "client_p50_ms,client_p99_ms,commit_p50_ms,commit_p99_ms,lock_hold_p50_ms,lock_hold_p99_ms,in_doubt_p50_ms,"
    "in_doubt_p99_ms,blocking_count,blocking_p99_ms,blocking_censored,blocking_longest_ms,lock_seconds_lost,blast_"
    "radius,staleness_p50_ms,staleness_p99_ms,"
    "messages_per_commit,wan_messages_per_commit,wan_bytes_per_commit,forced_writes_per_commit,predicted_commit_ms,"
    "predicted_lock_hold_ms,locks_held_at_end,open_at_end,offered_per_s,done_per_s,overloaded,lock_hold_all_p50_ms,"
    "lock_hold_all_p99_ms,lock_hold_all_longest_ms,costs_incomplete";

std::string csv_row(const CellResult& r, const Plan& plan) {
  const CellSummary& s = r.summary;
  std::vector<std::string> f{r.cell.id,
                             r.cell.label,
                             std::to_string(r.cell.repetition),
                             describe(plan.point(r.cell)),
                             std::string(name_of(s.verdict.judgement)),
                             s.verdict.expected ? "true" : "false",
                             r.valid() ? "true" : "false"};
  const auto count = [&](std::uint64_t value) { f.push_back(std::to_string(value)); };
  const auto latency = [&](const LatencySummary& l) {
    f.push_back(l.count > 0 ? number(rounded_ms(l.p50)) : "");
    f.push_back(l.count > 0 ? number(rounded_ms(l.p99)) : "");
  };
  const auto predicted = [&](const std::optional<Predicted>& p) { f.push_back(p ? number(rounded_ms(p->p50)) : ""); };
  const TransactionCounts& t = s.transactions;
  for (const std::uint64_t value : {t.offered, t.committed, t.aborted_total(), t.unknown, t.shed}) count(value);
  f.push_back(number(s.load.committed_per_s));
  for (const LatencySummary* l : {&s.client_latency, &s.commit_latency, &s.lock_hold, &s.in_doubt}) latency(*l);
  count(s.blocking.ended.count);
  f.push_back(s.blocking.all.count > 0 ? number(rounded_ms(s.blocking.all.p99)) : "");
  count(s.blocking.censored);
  f.push_back(number(rounded_ms(s.blocking.all.max)));
  f.push_back(number(to_seconds(s.blocking.lock_time_lost)));
  count(s.blocking.radius_waited + s.blocking.radius_aborted);
  latency(s.staleness);
  const CostSummary c = s.costs_per_commit.value_or(CostSummary{});
  for (const double value : {c.messages, c.wan_messages, c.wan_bytes, c.forced_writes}) {
    f.push_back(s.costs_per_commit ? number(value) : "");
  }
  predicted(s.prediction.commit_latency);
  predicted(s.prediction.lock_hold);
  count(r.left.locks_held);
  count(r.left.open());
  f.push_back(number(s.load.offered_per_s));
  f.push_back(number(s.load.done_per_s));
  f.push_back(s.load.overloaded ? "true" : "false");
  latency(s.lock_hold_all);
  f.push_back(s.lock_hold_all.count > 0 ? number(rounded_ms(s.lock_hold_all.max)) : "");
  f.push_back(s.costs_incomplete ? "true" : "false");
  std::string out;
  for (const std::string& field : f) out += (out.empty() ? "" : ",") + csv(field);
  return out;
}

std::string histogram_csv(const Histogram& histogram) {
  std::string out = "lower_ms,upper_ms,count\n";
  for (const auto& [index, count] : histogram.buckets()) {
    out += number(to_ms(Histogram::bucket_lower(index))) + "," + number(to_ms(Histogram::bucket_upper(index))) + "," +
           std::to_string(count) + "\n";
  }
  return out;
}

}  // namespace

Results::Results(const Plan& plan, const RunPaths& paths, std::string emulation, std::string run_id)
    : plan_(plan), paths_(paths), emulation_(std::move(emulation)), run_id_(std::move(run_id)) {}

void Results::add(CellResult result) { cells_.push_back(std::move(result)); }

Result<void> Results::write() const {
  Json out;
  out["schema"] = kSummarySchema;
  out["run_id"] = run_id_;
  out["name"] = plan_.experiment.name;
  out["emulation"] = emulation_;
  out["topology"] = topology_names(plan_);
  out["seed"] = plan_.experiment.seed;
  out["cells_planned"] = plan_.cells.size();
  out["failures"] = failures_;
  if (!insecure_.empty()) out["insecure"] = insecure_;
  out["cells"] = Json::array();
  std::string table = std::string(kCsvHeader) + "\n";
  for (const CellResult& cell : cells_) {
    out["cells"].push_back(json_of(cell, plan_));
    table += csv_row(cell, plan_) + "\n";
  }
  if (auto done =
          write_file(paths_.results / "summary.json", out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
      !done) {
    return done;
  }
  if (auto done = write_file(paths_.results / "summary.csv", table); !done) return done;
  if (cells_.empty()) return {};
  for (const auto& [name, histogram] : cells_.back().histograms) {
    if (histogram.count() == 0) continue;
    const auto file = paths_.histogram(cells_.back().cell, name);
    if (auto done = write_file(file, histogram_csv(histogram)); !done) return done;
  }
  return {};
}

}  // namespace geocommit
