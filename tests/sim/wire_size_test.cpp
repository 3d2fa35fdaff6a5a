// What the simulator takes messages and records to measure, beside what they measure on the wire and in the log. The
// model is written down: a size that changes is another simulation of the same seed.
#include "sim/wire_size.h"

#include <catch2/catch.hpp>
#include <vector>

#include "runtime/wire/peer_codec.h"
#include "runtime/wire/record_codec.h"
#include "tests/runtime/samples.h"

namespace geocommit::sim {
namespace {

using Sizes = std::vector<std::size_t>;

double sum(const Sizes& sizes) {
  double all = 0;
  for (const std::size_t size : sizes) all += static_cast<double>(size);
  return all;
}

TEST_CASE("modelled sizes of messages are what they were, and near the real ones") {
  Sizes modelled, real;
  EnvelopeWriter writer("run-1", NodeId{1001}, Epoch{3});
  for (const PeerPayload& payload : samples::payloads(NodeId{1001}, NodeId{2})) {
    modelled.push_back(wire_size(payload));
    real.push_back(writer.add(payload));
  }
  CHECK(modelled == Sizes{106, 41, 4, 4, 14, 41, 40, 10, 41, 40, 138, 10, 10, 93, 32, 32, 32, 51});
  CHECK(sum(modelled) == Approx(sum(real)).epsilon(0.25));
}

TEST_CASE("modelled sizes of records are what they were, and near the real ones") {
  constexpr std::size_t kFrame = 16;  // Length, checksum, sequence.
  Sizes modelled, real;
  RecordEncoder encoder;
  for (const DurableRecord& record : samples::records()) {
    std::string bytes;
    modelled.push_back(record_size(record));
    real.push_back(kFrame + encoder.append(record, bytes));
  }
  CHECK(modelled == Sizes{20, 138, 40, 84, 24, 168});
  CHECK(sum(modelled) == Approx(sum(real)).epsilon(0.25));
}

}  // namespace
}  // namespace geocommit::sim
