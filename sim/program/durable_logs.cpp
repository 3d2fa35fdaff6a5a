#include "sim/program/durable_logs.h"

#include <utility>

#include "client/outcomes.h"
#include "os/files.h"
#include "runtime/child_path.h"
#include "runtime/log/frame.h"

namespace geocommit::sim {
namespace {
constexpr std::size_t kBatchBytes = 1U << 20U;
}  // namespace

Result<DurableLogs::Log*> DurableLogs::log_of(NodeId node) {
  const auto found = logs_.find(node);
  if (found != logs_.end()) {
    return &found->second;
  }
  const std::filesystem::path folder = child_path(folder_, {directory_.find(node)->name}).value();
  if (auto made = make_folder(folder); !made) {
    return made.error();
  }
  SegmentedLog::Options options;
  options.directory = folder.string();
  options.node = node;
  options.syncs = false;
  auto opened = SegmentedLog::open(options);
  if (!opened) {
    return opened.error();
  }
  Log log{std::move(opened->log), "", 0};
  log.next = log.file->next_sequence();
  return &logs_.emplace(node, std::move(log)).first->second;
}

Result<void> DurableLogs::write(Log& log) {
  if (log.frames.empty()) {
    return {};
  }
  return log.file->write(std::exchange(log.frames, {}), false);
}

void DurableLogs::append(NodeId node, const DurableRecord& record) {
  if (!problem_.empty()) {
    return;
  }
  const auto log = log_of(node);
  if (!log) {
    problem_ = log.error().message;
    return;
  }
  std::string& frames = log.value()->frames;
  const std::size_t at = frames.size();
  begin_frame(frames, log.value()->next++);
  (void)encoder_.append(record, frames);
  end_frame(frames, at);
  if (frames.size() >= kBatchBytes) {
    if (const auto written = write(*log.value()); !written) {
      problem_ = written.error().message;
    }
  }
}

Result<void> DurableLogs::finish(const World& world) {
  for (const NodeInfo& node : directory_.nodes()) {
    if (node.kind == NodeKind::client) {
      continue;
    }
    const auto log = log_of(node.id);  // One that wrote nothing has an empty log.
    if (!log) {
      return log.error();
    }
    for (const auto& done : {write(*log.value()), log.value()->file->close()}) {
      if (!done) {
        return done;
      }
    }
  }
  if (!problem_.empty()) {
    return Error{problem_};
  }
  for (const auto& [region, client] : world.clients()) {
    const std::filesystem::path folder = child_path(folder_, {directory_.find(client.self())->name}).value();
    if (auto made = make_folder(folder); !made) {
      return made;
    }
    auto file = OutcomeWriter::create(folder / kOutcomesFile, client.self(), region);
    if (!file) {
      return file.error();
    }
    for (const ClientOutcome& outcome : client.outcomes()) {
      file.value()->append(outcome);
    }
    if (auto flushed = file.value()->flush(); !flushed) {
      return flushed;
    }
  }
  return {};
}

}  // namespace geocommit::sim
