#include "experiment/theory.h"

#include <algorithm>

#include "os/console.h"

namespace geocommit {
namespace {

constexpr std::size_t kRegionColumn = 18;
constexpr std::size_t kColumn = 16;

/// `directory` must outlive it. Without a WAN every link is at once.
PredictionInput input_of(const Plan& plan, const Cell& cell, const Directory& directory, bool wan) {
  PredictionInput input;
  input.protocol = cell.protocol;
  input.options = cell.options;
  input.directory = &directory;
  input.workload = plan.point(cell).settings.workload;
  input.origins = plan.origins(cell);
  input.seed = plan.seed(cell);
  input.jitter = plan.topology(cell).impaired();
  const auto& regions = plan.topology(cell).regions();
  for (const std::string& from : regions) {
    std::vector<Duration> row;
    for (const std::string& to : regions) {
      const auto a = plan.topology(cell).find(from);
      const auto b = plan.topology(cell).find(to);
      row.push_back(wan && a && b ? plan.topology(cell).link(*a, *b).delay : Duration{0});
    }
    input.one_way.push_back(std::move(row));
  }
  return input;
}

std::string ms(const std::optional<Predicted>& value) { return value ? figure(to_ms(value->p50)) : "-"; }

/// A key is locked by one transaction after another: one over the time for which each holds it.
std::string hot_key(const std::optional<Predicted>& hold) {
  return hold && hold->p50 > Duration{0} ? figure(1000 / to_ms(hold->p50)) + "/s" : "-";
}

std::string row(const std::string& name, const Prediction& p) {
  return "  " + left(name, kRegionColumn) + right(ms(p.commit_latency), kColumn) +
         right(ms(p.client_latency), kColumn) + right(ms(p.lock_hold), kColumn) + right(hot_key(p.lock_hold), kColumn) +
         "\n";
}

/// Where all transactions of all origins would best be coordinated, were it one region; by the clients' median.
std::string placement(PredictionInput input, const Prediction& own) {
  const Directory& directory = *input.directory;
  if (input.protocol->is_router()) return "  coordinator: where the protocol routes each transaction\n";
  input.draws /= directory.region_count();
  std::optional<Duration> best;
  RegionId where;
  for (std::uint32_t r = 0; r < directory.region_count(); ++r) {
    input.coordinator = RegionId{r};
    const Prediction there = predict(input);
    if (best && there.client_latency->p50 >= *best) continue;
    best = there.client_latency->p50;
    where = RegionId{r};
  }
  const Duration at_origin = own.client_latency->p50;
  const std::string one = directory.regions()[where.value] + ", " + figure(to_ms(*best)) + " ms at the client";
  if (*best < at_origin) {
    return "  coordinator: best in " + one + "; in the client's own region, as geocommit has it, " +
           figure(to_ms(at_origin)) + " ms\n";
  }
  return "  coordinator: best in the client's own region, " + figure(to_ms(at_origin)) +
         " ms at the client; in one region for all: " + one + "\n";
}

std::string with_options(const Cell& cell) {
  const std::string options = text_of(cell.protocol->options, cell.options);
  return options.empty() ? "" : ", " + options;
}

std::string block(const Plan& plan, const Cell& cell) {
  const Directory directory = plan.directory(cell);
  PredictionInput input = input_of(plan, cell, directory, true);
  input.force = plan.forced_write(cell);
  std::string out = "\n" + cell.id + "  " + std::string(cell.protocol->title) + with_options(cell) + "\n";
  const Prediction all = predict(input);
  if (!all.commit_latency) return out + "  no prediction: " + all.why_not + "\n";
  out += "  " + left("from", kRegionColumn) + right("commit ms", kColumn) + right("at client ms", kColumn) +
         right("lock hold ms", kColumn) + right("one hot key", kColumn) + "\n";
  for (const RegionId origin : input.origins) {
    PredictionInput from = input;
    from.origins = {origin};
    from.draws /= input.origins.size();
    const bool is_all = input.origins.size() == 1;  // Then it has been predicted.
    out += row(directory.regions()[origin.value], is_all ? all : predict(from));
  }
  if (input.origins.size() > 1) out += row("all", all);
  if (all.costs) {
    out += "  per commit: " + figure(all.costs->messages) + " messages, " + figure(all.costs->forced_writes) +
           " forced writes, " + figure(all.costs->delays_to_decision) + " message delays to the decision\n";
  }
  return out + placement(input, all);
}

}  // namespace

Prediction predict_cell(const Plan& plan, const Cell& cell, Duration force, double lock_wait_share, bool emulated) {
  const Directory directory = plan.directory(cell);
  PredictionInput input = input_of(plan, cell, directory, emulated);
  input.force = force;
  input.lock_wait_share = lock_wait_share;
  return predict(input);
}

std::string describe_predictions(const Plan& plan) {
  std::string out =
      plan.experiment.name + " on " + topology_names(plan) +
      ": medians without load, jitter or processing time (p50), from the transactions that its clients draw\n";
  Duration force{};
  for (const Cell& cell : plan.cells) {
    if (cell.repetition != 1) continue;
    out += block(plan, cell);
    force = std::max(force, plan.forced_write(cell));
  }
  return out + "\nA forced write is taken to last " + figure(to_ms(force)) +
         " ms (--set 'durability=fixed(2ms)'). One hot key: commits a second, by how long each holds its locks.\n";
}

}  // namespace geocommit
