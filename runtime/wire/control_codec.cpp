#include "runtime/wire/control_codec.h"

#include <utility>
#include <vector>

#include "runtime/wire/convert.h"
#include "runtime/wire/fault_codec.h"

namespace geocommit {
namespace {

void write_engine(const EngineStatus& engine, wire::EngineStatus& out) {
  out.set_open_coordinator(engine.open_coordinator);
  out.set_open_participant(engine.open_participant);
  out.set_open_acceptor(engine.open_acceptor);
  out.set_in_doubt(engine.in_doubt);
  out.set_blocked(engine.blocked);
  out.set_oldest_blocked_ns(engine.oldest_blocked.count());
  out.set_locks_held(engine.locks_held);
  out.set_lock_waiters(engine.lock_waiters);
  out.set_finished_remembered(engine.finished_remembered);
  out.set_unshipped(engine.unshipped);
  out.set_peers_expected(engine.peers_expected);
  out.set_peers_known(engine.peers_known);
  out.set_balance_total(engine.balance_total);
  out.set_epoch(engine.epoch.value);
  out.set_quiesced(engine.quiesced);
  out.set_waiting_requests(engine.waiting_requests);
}

EngineStatus read_engine(const wire::EngineStatus& in) {
  EngineStatus out;
  out.open_coordinator = in.open_coordinator();
  out.open_participant = in.open_participant();
  out.open_acceptor = in.open_acceptor();
  out.in_doubt = in.in_doubt();
  out.blocked = in.blocked();
  out.oldest_blocked = Duration{in.oldest_blocked_ns()};
  out.locks_held = in.locks_held();
  out.lock_waiters = in.lock_waiters();
  out.finished_remembered = in.finished_remembered();
  out.unshipped = in.unshipped();
  out.peers_expected = in.peers_expected();
  out.peers_known = in.peers_known();
  out.balance_total = in.balance_total();
  out.epoch = Epoch{in.epoch()};
  out.quiesced = in.quiesced();
  out.waiting_requests = in.waiting_requests();
  return out;
}

template <class Labelled>
void write_labels(const std::string& name, const Labels& labels, Labelled& out) {
  out.set_name(name);
  for (const auto& [label, value] : labels) {
    wire::Label& added = *out.add_labels();
    added.set_name(label);
    added.set_value(value);
  }
}
template <class Labelled>
Labels read_labels(const Labelled& in) {
  Labels labels;
  for (const wire::Label& label : in.labels()) {
    labels[label.name()] = label.value();
  }
  return labels;
}

void write_metrics(const MetricSet& metrics, wire::Metrics& out) {
  for (const auto& [name, family] : metrics.counters()) {
    for (const auto& [labels, value] : family) {
      wire::Counter& added = *out.add_counters();
      write_labels(name, labels, added);
      added.set_value(value);
    }
  }
  for (const auto& [name, family] : metrics.gauges()) {
    for (const auto& [labels, value] : family) {
      wire::Gauge& added = *out.add_gauges();
      write_labels(name, labels, added);
      added.set_value(value);
    }
  }
  for (const auto& [name, family] : metrics.histograms()) {
    for (const auto& [labels, histogram] : family) {
      wire::HistogramData& added = *out.add_histograms();
      write_labels(name, labels, added);
      for (const auto& [bucket, count] : histogram.buckets()) {
        added.add_bucket(bucket);
        added.add_count(count);
      }
      added.set_min_ns(histogram.min().count());
      added.set_max_ns(histogram.max().count());
      added.set_sum_ns(histogram.sum_ns());
      added.set_clamped(histogram.clamped());
    }
  }
}

bool read_metrics(const wire::Metrics& in, MetricSet& out) {
  for (const wire::Counter& counter : in.counters()) {
    out.counter(counter.name(), read_labels(counter)) = counter.value();
  }
  for (const wire::Gauge& gauge : in.gauges()) {
    out.gauge(gauge.name(), read_labels(gauge)) = gauge.value();
  }
  for (const wire::HistogramData& histogram : in.histograms()) {
    if (histogram.bucket_size() != histogram.count_size()) {
      return false;
    }
    std::vector<std::pair<std::uint32_t, std::uint64_t>> buckets;
    for (int i = 0; i < histogram.bucket_size(); ++i) {
      buckets.emplace_back(histogram.bucket(i), histogram.count(i));
    }
    if (!out.histogram(histogram.name(), read_labels(histogram))
             .restore(buckets, Duration{histogram.min_ns()}, Duration{histogram.max_ns()}, histogram.sum_ns(),
                      histogram.clamped())) {
      return false;
    }
  }
  return true;
}

}  // namespace

void write_status(const NodeStatus& status, wire::Status& out) {
  out.set_node(status.node.value);
  out.set_run_id(status.run_id);
  out.set_cell(status.cell);
  out.set_idle(status.idle);
  out.set_ready(status.ready);
  out.set_waiting_for(status.waiting_for);
  write_engine(status.engine, *out.mutable_engine());
  out.set_load_finished(status.load_finished);
  out.set_offered(status.offered);
  out.set_committed(status.committed);
  out.set_aborted(status.aborted);
  out.set_unknown(status.unknown);
  out.set_shed(status.shed);
  out.set_outstanding(status.outstanding);
  out.set_recent_p99_ms(status.recent_p99_ms);
  out.set_recent_p50_ms(status.recent_p50_ms);
  for (const FiredFault& fired : status.faults) {
    write_fired(fired, *out.add_faults());
  }
}

NodeStatus read_status(const wire::Status& in) {
  NodeStatus out;
  out.node = NodeId{in.node()};
  out.run_id = in.run_id();
  out.cell = in.cell();
  out.idle = in.idle();
  out.ready = in.ready();
  out.waiting_for = in.waiting_for();
  out.engine = read_engine(in.engine());
  out.load_finished = in.load_finished();
  out.offered = in.offered();
  out.committed = in.committed();
  out.aborted = in.aborted();
  out.unknown = in.unknown();
  out.shed = in.shed();
  out.outstanding = in.outstanding();
  out.recent_p99_ms = in.recent_p99_ms();
  out.recent_p50_ms = in.recent_p50_ms();
  for (const wire::FiredFault& fired : in.faults()) {
    out.faults.push_back(read_fired(fired));
  }
  return out;
}

void write_report(const NodeReport& report, wire::Report& out) {
  out.set_node(report.node.value);
  write_metrics(report.window, *out.mutable_window());
  write_metrics(report.live, *out.mutable_live());
  write_engine(report.engine, *out.mutable_engine());
  for (const OpenInDoubt& open : report.in_doubt) {
    wire::OpenInDoubt& added = *out.add_in_doubt();
    write_descriptor(open.descriptor, *added.mutable_descriptor());
    added.set_in_doubt_ns(open.in_doubt.count());
    added.set_blocked_ns(open.blocked.count());
    added.set_lock_time_ns(open.cost.lock_time.count());
    added.set_keys(open.cost.keys);
    added.set_waited(open.cost.waited);
    added.set_aborted(open.cost.aborted);
  }
  out.mutable_balances()->Add(report.balances.begin(), report.balances.end());
  out.set_force_p50_ns(report.fixed_or_measured_force_p50.count());
}

Result<NodeReport> read_report(const wire::Report& in) {
  NodeReport out;
  out.node = NodeId{in.node()};
  if (!read_metrics(in.window(), out.window) || !read_metrics(in.live(), out.live)) {
    return Error{"a histogram that contradicts itself"};
  }
  out.engine = read_engine(in.engine());
  for (const wire::OpenInDoubt& open : in.in_doubt()) {
    OpenInDoubt& added = out.in_doubt.emplace_back();
    if (!read_descriptor(open.descriptor(), added.descriptor)) {
      return Error{"a descriptor with impossible contents"};
    }
    added.in_doubt = Duration{open.in_doubt_ns()};
    added.blocked = Duration{open.blocked_ns()};
    added.cost = {Duration{open.lock_time_ns()}, open.keys(), open.waited(), open.aborted()};
  }
  out.balances.assign(in.balances().begin(), in.balances().end());
  out.fixed_or_measured_force_p50 = Duration{in.force_p50_ns()};
  return out;
}

}  // namespace geocommit
