// Parts of the virtual world that have logic of their own: the store of messages in flight, the digest of a trace.
#include <catch2/catch.hpp>
#include <functional>
#include <set>
#include <vector>

#include "sim/message_store.h"
#include "sim/trace_digest.h"

namespace geocommit::sim {
namespace {

const NodeId kFrom{7};

TEST_CASE("a slot is used again by a message of its kind, and by no other") {
  MessageStore store;
  ProtocolMessage bare;
  ProtocolMessage described;
  described.descriptor = TxnDescriptor{};
  const std::uint32_t first = store.put(kFrom, Epoch{1}, {}, bare);
  const std::uint32_t second = store.put(kFrom, Epoch{1}, {}, described);
  const std::uint32_t third = store.put(kFrom, Epoch{1}, {}, ClientReply{});
  CHECK(std::set{first, second, third}.size() == 3);
  CHECK(store.capacity() == 3);
  store.free(second);
  CHECK(store.put(kFrom, Epoch{1}, {}, bare) == 3);
  CHECK(store.put(kFrom, Epoch{1}, {}, described) == second);
  CHECK(store.capacity() == 4);
}

TEST_CASE("a copy is the message again, whole, in a slot of its own") {
  MessageStore store;
  ClientReply reply;
  reply.id = {NodeId{2001}, 5};
  const Watermark watermark{Epoch{3}, 9};
  const std::uint32_t slot = store.put(kFrom, Epoch{2}, watermark, reply);
  const std::uint32_t copy = store.copy(slot);
  CHECK(copy != slot);
  store.free(slot);
  const PeerMessage& message = store.at(copy);
  CHECK(message.from == kFrom);
  CHECK(message.from_epoch == Epoch{2});
  CHECK(message.watermark == watermark);
  REQUIRE(std::holds_alternative<ClientReply>(message.payload));
  CHECK(std::get<ClientReply>(message.payload).id == reply.id);
}

Event event(EventKind kind) { return {1'000, 1, 4, 2, 1, kind}; }

PeerMessage message() {
  PeerMessage out;
  out.from = kFrom;
  out.payload = ProtocolMessage{};
  return out;
}

std::uint64_t digest_of(const std::vector<Event>& events) {
  TraceDigest digest;
  for (const Event& one : events) {
    digest.add(one, nullptr);
  }
  return digest.value();
}

TEST_CASE("a digest tells times, nodes, kinds and orders of events apart") {
  const Event timer = event(EventKind::timer);
  Event later = timer;
  later.time_ns += 1;
  Event elsewhere = timer;
  elsewhere.node += 1;
  Event other = timer;
  other.arg += 1;
  const Event forced = event(EventKind::forced);
  const std::set<std::uint64_t> digests{
      digest_of({timer}),         digest_of({later}),         digest_of({elsewhere}),
      digest_of({other}),         digest_of({forced}),        digest_of({}),
      digest_of({timer, forced}), digest_of({forced, timer}), digest_of({timer, timer})};
  CHECK(digests.size() == 9);
  // Which fault of the plan it was is not the run's: a plan that lost a fault without effect gives the same trace.
  Event restart = event(EventKind::restart);
  const std::uint64_t before = digest_of({restart});
  restart.arg += 1;
  CHECK(digest_of({restart}) == before);
}

TEST_CASE("a digest tells messages apart by what they say, not by the slot that they lie in") {
  Event arrival = event(EventKind::message);
  const auto digest = [&](const std::function<void(PeerMessage&, Message&)>& change) {
    PeerMessage sent = message();
    change(sent, std::get<ProtocolMessage>(sent.payload).message);
    TraceDigest out;
    out.add(arrival, &sent);
    return out.value();
  };
  const auto same = [](PeerMessage&, Message&) {};
  const std::set<std::uint64_t> digests{digest(same),
                                        digest([](PeerMessage& sent, Message&) { sent.from = NodeId{8}; }),
                                        digest([](PeerMessage&, Message& m) { m.txn.counter = 1; }),
                                        digest([](PeerMessage&, Message& m) { m.txn.coordinator = NodeId{1}; }),
                                        digest([](PeerMessage&, Message& m) { m.txn.epoch = Epoch{1}; }),
                                        digest([](PeerMessage&, Message& m) { m.kind = 3; }),
                                        digest([](PeerMessage&, Message& m) { m.depth = 1; }),
                                        digest([](PeerMessage&, Message& m) { m.outcome = Outcome::commit; }),
                                        digest([](PeerMessage&, Message& m) { m.vote = Vote::no; }),
                                        digest([](PeerMessage& sent, Message&) { sent.payload = ClientReply{}; })};
  CHECK(digests.size() == 10);
  const std::uint64_t before = digest(same);
  arrival.arg += 1;
  CHECK(digest(same) == before);
}

}  // namespace
}  // namespace geocommit::sim
