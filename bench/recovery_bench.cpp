// A restart: reading the log, rebuilding balances, memory and machines. By the length of the log, and with a checkpoint
// before its end.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "runtime/log/frame.h"
#include "runtime/log/segmented_log.h"
#include "runtime/wire/record_codec.h"

namespace {

using namespace geocommit;  // NOLINT: a benchmark

const NodeId kAgent{1}, kCoordinator{1001};

struct Quiet final : Environment {
  [[nodiscard]] Instant now() const override { return Instant{1s}; }
  std::size_t send(NodeId, const PeerPayload&) override { return 0; }
  void write(const DurableRecord&, WriteToken) override {}
  [[nodiscard]] std::size_t log_bytes_since_checkpoint() const override { return 1U << 30U; }
  void write_checkpoint(Checkpoint made) override { checkpoint = std::move(made); }
  [[nodiscard]] bool checkpoint_in_progress() const override { return false; }
  void set_timer(TimerToken, Instant) override {}
  void cancel_timer(TimerToken) override {}
  Checkpoint checkpoint;
};

EngineOptions engine_options(const Directory& directory) {
  EngineOptions options;
  options.self = kAgent;
  options.epoch = Epoch{2};
  options.protocol = find_protocol("2pc");
  options.directory = &directory;
  options.timeouts = {1s, 1s, 1s};
  options.lock_wait = 1s;
  return options;
}

MachineRecord record_of(std::uint64_t n, bool commit) {
  MachineRecord out;
  out.txn = {kCoordinator, Epoch{1}, n};
  out.role = Role::participant;
  out.protocol = find_protocol("2pc")->wire_id;
  out.record.kind = commit ? 2 : 1;  // two_phase_commit::Record
  if (commit) {
    out.record.outcome = Outcome::commit;
    return out;
  }
  out.record.with_descriptor = true;
  out.descriptor = TxnDescriptor{};
  out.descriptor->txn = out.txn;
  out.descriptor->protocol = out.protocol;
  out.descriptor->coordinator = kCoordinator;
  out.descriptor->cohort = {{kAgent, Epoch{1}}};
  out.descriptor->request = {NodeId{2001}, n};
  out.descriptor->operations = {{Entity{2 * n % 10'000}, -1, false}, {Entity{(2 * n + 1) % 10'000}, 1, false}};
  return out;
}

/// A log of so many records, all of finished transactions but the last ten, which stay in doubt. With a checkpoint that
/// covers all but the last `behind` records.
struct Log {
  std::string directory;
  std::uint64_t bytes{};
  Directory nodes{{"us"}, 1, Placement::replicated, 10'000};
  SegmentedLog::Options options;

  Log(std::uint64_t records, std::uint64_t behind) {
    std::string name = (std::filesystem::temp_directory_path() / "geocommit-recovery-XXXXXX").string();
    directory = ::mkdtemp(name.data());
    options = {directory, kAgent, kSegmentBytes, false};
    std::unique_ptr<SegmentedLog> log = SegmentedLog::open(options).value().log;
    const std::uint64_t covered = behind == 0 ? 0 : records - behind;
    for (std::uint64_t n = 0; n < records; ++n) {
      std::string frame;
      begin_frame(frame, log->next_sequence());
      const bool open = n + 10 >= records;
      (void)RecordEncoder{}.append(record_of(open ? records + n : n / 2, !open && n % 2 == 1), frame);
      end_frame(frame, 0);
      (void)log->write(std::move(frame), true);
      if (n + 1 == covered) {
        checkpoint(*log);
      }
    }
    (void)log->close();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      bytes += entry.is_regular_file() ? entry.file_size() : 0;
    }
  }
  ~Log() { std::filesystem::remove_all(directory); }

  void checkpoint(SegmentedLog& log) {
    const std::uint64_t through = log.next_sequence() - 1;
    const std::uint64_t first_needed = log.rotate().value();
    DurableState state;
    std::uint64_t seen = 0;
    (void)read_log_history(directory, [&](std::uint64_t, DurableRecord record) {
      state.records.push_back(std::move(record));
      ++seen;
    });
    Quiet world;
    Observer nobody;
    NodeEngine engine(engine_options(nodes), world, nobody);
    engine.recover(std::move(state));
    engine.on_message({kCoordinator, Epoch{1}, {}, Hello{false}});  // the engine makes a checkpoint: its log is long
    (void)store_checkpoint(options, through, first_needed, world.checkpoint);
  }
};

void recovery(benchmark::State& state) {
  const Log log(static_cast<std::uint64_t>(state.range(0)), static_cast<std::uint64_t>(state.range(1)));
  std::uint64_t in_doubt = 0;
  for (auto _ : state) {
    SegmentedLog::Opened opened = SegmentedLog::open(log.options).value();
    Quiet world;
    Observer nobody;
    NodeEngine engine(engine_options(log.nodes), world, nobody);
    engine.recover(std::move(opened.state));
    in_doubt = engine.status().in_doubt;
  }
  state.counters["bytes"] = static_cast<double>(log.bytes);
  state.counters["in_doubt"] = static_cast<double>(in_doubt);
}
BENCHMARK(recovery)
    ->ArgNames({"records", "behind_checkpoint"})
    ->Args({1'000, 0})
    ->Args({10'000, 0})
    ->Args({100'000, 0})
    ->Args({100'000, 1'000})
    ->Unit(benchmark::kMillisecond)
    ->Iterations(10);

}  // namespace
