// The wire alone: what it costs to encode and decode one item, in frames of one and of many.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "protocols/registry.h"
#include "runtime/wire/peer_codec.h"

namespace {

using namespace geocommit;  // NOLINT: a benchmark

ProtocolMessage prepare() {
  TxnDescriptor descriptor;
  descriptor.txn = {NodeId{1001}, Epoch{1}, 123'456};
  descriptor.protocol = 1;
  descriptor.coordinator = NodeId{1001};
  descriptor.cohort = {{NodeId{1}, Epoch{1}}, {NodeId{2}, Epoch{1}}};
  descriptor.priority = 1'234'567'890'123;
  descriptor.request = {NodeId{2001}, 123'456};
  descriptor.operations = {{Entity{123'456}, -5, false}};
  Message message;
  message.from = NodeId{1001};
  message.to = NodeId{1};
  message.txn = descriptor.txn;
  message.protocol = 1;
  message.to_role = Role::participant;
  message.to_epoch = Epoch{1};
  return {message, descriptor};
}

void round_trip(benchmark::State& state) {
  const auto items = static_cast<std::size_t>(state.range(0));
  EnvelopeWriter writer("run", NodeId{1001}, Epoch{1});
  EnvelopeReader reader("run", NodeId{1});
  const PeerPayload payload = prepare();
  std::string frame;
  std::vector<PeerMessage> out;
  for (auto _ : state) {
    for (std::size_t i = 0; i < items; ++i) {
      writer.add(payload);
    }
    frame.resize(writer.seal({Epoch{1}, 1}));
    writer.serialize(frame.data(), frame.size());
    writer.clear();
    if (reader.read(frame, out)) {
      state.SkipWithError("refused");
    }
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * static_cast<std::int64_t>(items)));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * static_cast<std::int64_t>(frame.size())));
}
BENCHMARK(round_trip)->Arg(1)->Arg(32);

}  // namespace
