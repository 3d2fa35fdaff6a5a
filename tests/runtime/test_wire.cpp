// The codec: round trips of everything, and a codec's enemies: truncation, mutation, bombs, strangers.
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "runtime/wire/element_count.h"
#include "runtime/wire/peer.pb.h"
#include "runtime/wire/peer_codec.h"
#include "runtime/wire/record_codec.h"
#include "tests/runtime/fields.h"
#include "tests/runtime/samples.h"

namespace geocommit {
namespace {

const NodeId kFrom{1001};
const NodeId kSelf{2};

std::string seal(EnvelopeWriter& writer, Watermark mark = {Epoch{3}, 42}) {
  std::string frame(writer.seal(mark), '\0');
  writer.serialize(frame.data(), frame.size());
  return frame;
}

std::string frame_of_everything() {
  EnvelopeWriter writer("run-1", kFrom, Epoch{3});
  for (const PeerPayload& payload : samples::payloads(kFrom, kSelf)) {
    (void)writer.add(payload);
  }
  return seal(writer);
}

/// What no sample of an alternative says: nothing, or its codec is not shown to work.
template <class Variant>
fields::Gaps unsaid(const std::vector<Variant>& samples) {
  fields::Gaps found;
  const auto one_kind = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
    std::vector<std::variant_alternative_t<I, Variant>> all;
    for (const Variant& sample : samples) {
      if (const auto* one = std::get_if<I>(&sample)) all.push_back(*one);
    }
    found.merge(fields::common_gaps(all, "alternative " + std::to_string(I)));
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) { (one_kind(std::integral_constant<std::size_t, I>{}), ...); }
  (std::make_index_sequence<std::variant_size_v<Variant>>{});
  return found;
}

TEST_CASE("the samples leave no field of anything at its default, and no two alike") {
  CHECK(fields::text(unsaid(samples::payloads(kFrom, kSelf))) == "");
  CHECK(fields::text(unsaid(samples::records())) == "");
  CHECK(fields::text(fields::gaps(samples::checkpoint(), "checkpoint")) == "");
  // What must be found.
  CHECK(fields::text(fields::gaps(Wound{{NodeId{1}, Epoch{}, 3}}, "wound")) == "wound.1.2.1: at its default\n");
  CHECK(fields::text(fields::gaps(ShipAck{4, 4, NodeId{4}, HomeEpoch{4}}, "ack")) ==
        "ack: fields 1 and 2 hold the same\n");
  CHECK(fields::text(fields::gaps(OutcomeQuery{{NodeId{1}, 2}, {}, true}, "query")) == "query.2: not set\n");
  CHECK_FALSE(fields::same(samples::checkpoint(), Checkpoint{}));
}

TEST_CASE("every payload survives the wire, field by field") {
  EnvelopeReader reader("run-1", kSelf);
  std::vector<PeerMessage> got;
  REQUIRE_FALSE(reader.read(frame_of_everything(), got).has_value());
  const std::vector<PeerPayload> sent = samples::payloads(kFrom, kSelf);
  REQUIRE(got.size() == sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    CHECK(got[i].from == kFrom);
    CHECK(got[i].from_epoch == Epoch{3});
    CHECK(got[i].watermark == Watermark{Epoch{3}, 42});
    INFO("payload " << i);
    REQUIRE(got[i].payload.index() == sent[i].index());
    CHECK(std::visit([&]<class T>(const T& received) { return fields::same(received, std::get<T>(sent[i])); },
                     got[i].payload));
  }
  CHECK_FALSE(std::get<ProtocolMessage>(got[1].payload).descriptor.has_value());
}

TEST_CASE("the sizes that add() reports are those of the frame") {
  EnvelopeWriter empty("run-1", kFrom, Epoch{3});
  const std::size_t header = empty.seal({Epoch{3}, 42});
  EnvelopeWriter writer("run-1", kFrom, Epoch{3});
  std::size_t total = 0;
  for (const PeerPayload& payload : samples::payloads(kFrom, kSelf)) {
    total += writer.add(payload);
  }
  CHECK(total == writer.bytes());
  CHECK(writer.seal({Epoch{3}, 42}) == header + total);
  (void)writer.add(Hello{});
  const std::size_t size = writer.add(Hello{true});
  writer.drop_last(size);
  CHECK(writer.items() == samples::payloads(kFrom, kSelf).size() + 1);
  writer.clear();
  CHECK(writer.items() == 0);
  CHECK(writer.bytes() == 0);
}

TEST_CASE("strangers are refused by cause") {
  std::vector<PeerMessage> got;
  EnvelopeReader other_run("run-2", kSelf);
  CHECK(other_run.read(frame_of_everything(), got)->cause == Drop::wrong_run);
  CHECK(got.empty());
  EnvelopeReader reader("run-1", kSelf);
  CHECK(reader.read("", got)->cause == Drop::garbage);
  CHECK(reader.read("GET / HTTP/1.1\r\n\r\n", got)->cause == Drop::garbage);
  wire::Envelope envelope;
  REQUIRE(envelope.ParseFromString(frame_of_everything()));
  envelope.set_version(kWireVersion + 1);
  CHECK(reader.read(envelope.SerializeAsString(), got)->cause == Drop::wrong_version);
  envelope.set_version(kWireVersion);
  envelope.set_from(0);
  CHECK(reader.read(envelope.SerializeAsString(), got)->cause == Drop::garbage);
}

TEST_CASE("impossible contents are refused, the whole frame with them") {
  wire::Envelope envelope;
  REQUIRE(envelope.ParseFromString(frame_of_everything()));
  EnvelopeReader reader("run-1", kSelf);
  std::vector<PeerMessage> got;
  const auto refused = [&](const char* what) {
    INFO(what);
    const std::optional<Refusal> refusal = reader.read(envelope.SerializeAsString(), got);
    CHECK(refusal.has_value());
    CHECK(got.empty());
    REQUIRE(envelope.ParseFromString(frame_of_everything()));
  };
  wire::ProtocolItem& item = *envelope.mutable_items(0)->mutable_protocol();
  item.set_vote(static_cast<wire::Vote>(4));
  refused("unknown vote");
  envelope.mutable_items(0)->mutable_protocol()->set_outcome(static_cast<wire::Outcome>(-1));
  refused("unknown outcome");
  envelope.mutable_items(0)->mutable_protocol()->set_kind(256);
  refused("kind does not fit");
  envelope.mutable_items(0)->mutable_protocol()->clear_txn();
  refused("no transaction");
  envelope.mutable_items(0)->mutable_protocol()->mutable_descriptor()->mutable_txn()->set_counter(1);
  refused("descriptor of another transaction");
  envelope.mutable_items(0)->mutable_protocol()->mutable_descriptor()->mutable_cohort()->add_node(9);
  refused("columns of unequal length");
  envelope.mutable_items(0)->mutable_protocol()->mutable_descriptor()->mutable_cohort()->set_node(1, 1);
  refused("cohort not ascending");
  envelope.mutable_items(5)->mutable_client_reply()->set_reason(static_cast<wire::Reason>(wire::REASON_FORGOTTEN + 1));
  refused("unknown reason");
  envelope.add_items();
  refused("an item without a payload");
}

TEST_CASE("truncated and mutated frames never do more than be refused") {
  const std::string frame = frame_of_everything();
  EnvelopeReader reader("run-1", kSelf);
  std::vector<PeerMessage> got;
  for (std::size_t length = 0; length < frame.size(); ++length) {
    // A protobuf cut between two fields is a shorter message: then there must be fewer items.
    if (!reader.read(std::string_view{frame}.substr(0, length), got)) {
      CHECK(got.size() < samples::payloads(kFrom, kSelf).size());
    }
  }
  std::mt19937 random{20240601};
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string mutant = frame;
    for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
      mutant[random() % mutant.size()] = static_cast<char>(random());
    }
    refused += reader.read(mutant, got).has_value() ? 1 : 0;
  }
  CHECK(refused > 1'000);
  CHECK(refused < 20'000);  // some mutations change a value only
}

TEST_CASE("bombs are refused before they are parsed") {
  EnvelopeReader reader("run-1", kSelf);
  std::vector<PeerMessage> got;
  std::string items;
  while (items.size() < (1U << 20U)) {
    items += std::string{"\x3a\x00", 2};  // field 7, empty
  }
  CHECK(reader.read(items, got)->cause == Drop::garbage);
  std::string oneofs;  // one item that changes its mind half a million times
  while (oneofs.size() < (1U << 20U)) {
    oneofs += std::string{"\x0a\x00\x12\x00", 4};
  }
  wire::Envelope header;
  std::string bomb{"\x3a", 1};
  for (std::size_t rest = oneofs.size(); rest > 0; rest >>= 7U) {
    bomb += static_cast<char>((rest & 0x7fU) | (rest > 0x7fU ? 0x80U : 0U));
  }
  bomb += oneofs;
  CHECK(reader.read(bomb, got)->cause == Drop::garbage);
  EnvelopeWriter writer("run-1", kFrom, Epoch{1});
  for (std::size_t i = 0; i <= kEnvelopeItemsMax; ++i) {
    (void)writer.add(Hello{});
  }
  CHECK(reader.read(seal(writer), got)->cause == Drop::garbage);
  CHECK_FALSE(count_elements("\x0b\x0c", envelope_shape(), 100).has_value());  // groups
}

TEST_CASE("the shape table knows every submessage of the envelope") {
  // By hand from peer.proto: PREPARE with every field: item 1, protocol 1, txn 1+3, 13 more, descriptor 1 + txn 1+3,
  // protocol, coordinator 2, cohort 1+2, priority 1, request 1+2, measured 1, operations 1+3; reads 1+3, versions 1+3;
  // and six of the envelope.
  EnvelopeWriter writer("run-1", kFrom, Epoch{3});
  (void)writer.add(samples::prepare(kFrom, kSelf));
  CHECK(count_elements(seal(writer), envelope_shape(), 1000) ==
        6U + 1 + 1 + 4 + 13 + 1 + 4 + 2 + 3 + 1 + 3 + 1 + 4 + 8);
  writer.clear();
  (void)writer.add(Ship{4, 9, {samples::shipped(1), samples::shipped(2)}});
  CHECK(count_elements(seal(writer), envelope_shape(), 1000) == 6U + 1 + 1 + 2 + 2 * (1 + 1 + 4 + 4 + 4));
  writer.clear();
  (void)writer.add(samples::reply());  // id 1+2, txn 1+3, outcome, reason, reads 1+3, versions 1+3
  CHECK(count_elements(seal(writer), envelope_shape(), 1000) == 6U + 1 + 1 + 3 + 4 + 2 + 8);
}

TEST_CASE("every record and a checkpoint survive, and garbage does not pass for one") {
  RecordEncoder encoder;
  for (const DurableRecord& record : samples::records()) {
    std::string first;
    const std::size_t size = encoder.append(record, first);
    CHECK(size == first.size());
    const Result<DurableRecord> got = decode_record(first);
    REQUIRE(got.ok());
    REQUIRE(got.value().index() == record.index());
    CHECK(std::visit([&]<class T>(const T& read) { return fields::same(read, std::get<T>(record)); }, got.value()));
    std::string second;
    (void)encoder.append(got.value(), second);
    CHECK(first == second);
  }
  CHECK_FALSE(decode_record("").ok());
  CHECK_FALSE(decode_record("\xff\xff\xff").ok());

  const std::string checkpoint = encode_checkpoint(samples::checkpoint()).value();
  const Result<Checkpoint> got = decode_checkpoint(checkpoint);
  REQUIRE(got.ok());
  CHECK(encode_checkpoint(got.value()).value() == checkpoint);
  CHECK(fields::same(got.value(), samples::checkpoint()));
  CHECK(encode_checkpoint(samples::checkpoint(), checkpoint.size()).ok());
  const Result<std::string> large = encode_checkpoint(samples::checkpoint(), checkpoint.size() - 1);
  REQUIRE_FALSE(large.ok());
  CHECK(large.error().message.find("fewer keys") != std::string::npos);
  CHECK_FALSE(decode_checkpoint("\x12\x05").ok());
}

}  // namespace
}  // namespace geocommit
