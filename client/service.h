// A client process: the load on an event loop, its files, and its answers over control.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "client/load.h"
#include "client/outcomes.h"
#include "runtime/node_host.h"

namespace geocommit {

class LoadService final : public NodeService, public LoadOutput {
 public:
  /// `host` outlives the service. Errors: a workload that makes no sense, files that cannot be made.
  [[nodiscard]] static Result<std::unique_ptr<LoadService>> create(NodeHost& host);
  ~LoadService() override;

  void on_message(const PeerMessage& message) override;
  [[nodiscard]] NodeStatus status() override;
  [[nodiscard]] NodeReport report() override;
  [[nodiscard]] Result<void> start_load() override;
  void refresh(MetricSet& live) override;
  [[nodiscard]] std::filesystem::path files() const override;
  [[nodiscard]] Result<void> close() override;

  void send(const PeerPayload& payload) override;
  void finished(const ClientOutcome& outcome) override;
  void second(const SecondRow& row) override;

 private:
  struct File {
    std::FILE* handle{};
    ~File();
  };
  LoadService(NodeHost& host, WorkloadSpec workload);
  [[nodiscard]] bool ready() const;
  void say_hello();
  void arm();
  void step();
  void flush();

  NodeHost& host_;
  NodeId coordinator_;
  Load load_;
  std::unique_ptr<OutcomeWriter> outcomes_;
  File timeseries_;
  TimerQueue timers_;
  std::optional<Instant> armed_;
};

}  // namespace geocommit
