#include "runtime/wire/peer_codec.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/io/coded_stream.h>

#include <array>
#include <utility>

#include "base/check.h"
#include "runtime/wire/convert.h"
#include "runtime/wire/element_count.h"
#include "runtime/wire/peer.pb.h"

namespace geocommit {
namespace {

constexpr std::size_t kBlockBytes = 64U << 10U;
constexpr std::size_t kSmallFrameBytes = 4U << 10U;  // cannot grow to more than about a megabyte
constexpr std::uint32_t kItemsFieldTagBytes = 1;

/// An arena that keeps its first block when it is reset.
class ReusedArena {
 public:
  ReusedArena() : block_(std::make_unique<std::array<char, kBlockBytes>>()), arena_(options(*block_)) {}
  google::protobuf::Arena& get() { return arena_; }

 private:
  static google::protobuf::ArenaOptions options(std::array<char, kBlockBytes>& block) {
    google::protobuf::ArenaOptions result;
    result.initial_block = block.data();
    result.initial_block_size = block.size();
    return result;
  }
  std::unique_ptr<std::array<char, kBlockBytes>> block_;
  google::protobuf::Arena arena_;
};

void write_request(const Request& request, wire::Request& out) {
  write_request_id(request.id, *out.mutable_id());
  out.set_origin(request.origin.value);
  out.set_measured(request.measured);
  write_operations(request.operations, *out.mutable_operations());
}

template <class In>  // ClientRequest, Forward
void write_addressed(const In& in, wire::Addressed& out) {
  write_request(in.request, *out.mutable_request());
  out.set_to_epoch(in.to_epoch.value);
}

void write_reply(const ClientReply& reply, wire::ClientReply& out) {
  write_request_id(reply.id, *out.mutable_id());
  write_txn(reply.txn, *out.mutable_txn());
  out.set_outcome(to_wire(reply.outcome));
  out.set_reason(to_wire(reply.reason));
  if (!reply.reads.empty()) {
    write_reads(reply.reads, *out.mutable_reads());
  }
}

struct ItemWriter {
  wire::Item& item;

  void operator()(const ProtocolMessage& payload) const {
    const Message& in = payload.message;
    wire::ProtocolItem& out = *item.mutable_protocol();
    write_txn(in.txn, *out.mutable_txn());
    out.set_protocol(in.protocol);
    out.set_kind(in.kind);
    out.set_to_role(to_wire(in.to_role));
    out.set_ballot(in.ballot.value);
    out.set_accepted(in.accepted.value);
    out.set_subject(in.subject.value);
    out.set_outcome(to_wire(in.outcome));
    out.set_vote(to_wire(in.vote));
    out.set_state(to_wire(in.state));
    out.set_reason(to_wire(in.reason));
    out.set_to_epoch(in.to_epoch.value);
    out.set_retry(in.retry);
    out.set_depth(in.depth);
    if (payload.descriptor) {
      write_descriptor(*payload.descriptor, *out.mutable_descriptor());
    }
    if (!payload.reads.empty()) {
      write_reads(payload.reads, *out.mutable_reads());
    }
  }
  void operator()(const Hello& in) const {
    item.mutable_hello()->set_answer(in.answer);
    item.mutable_hello()->set_settled(in.settled.value);
  }
  void operator()(const Wound& in) const { write_txn(in.txn, *item.mutable_wound()->mutable_txn()); }
  void operator()(const ClientRequest& in) const { write_addressed(in, *item.mutable_client_request()); }
  void operator()(const ClientReply& in) const { write_reply(in, *item.mutable_client_reply()); }
  void operator()(const OutcomeQuery& in) const {
    write_request_id(in.id, *item.mutable_outcome_query()->mutable_id());
    if (in.request) {
      write_request(*in.request, *item.mutable_outcome_query()->mutable_request());
    }
    item.mutable_outcome_query()->set_gather(in.gather);
  }
  void operator()(const Forward& in) const { write_addressed(in, *item.mutable_forward()); }
  void operator()(const ForwardReply& in) const { write_reply(in.reply, *item.mutable_forward_reply()); }
  void operator()(const Ship& in) const {
    wire::Ship& out = *item.mutable_ship();
    out.set_heartbeat(in.heartbeat);
    out.set_through(in.through);
    out.set_home(in.home.value);
    out.set_confirmed(in.confirmed);
    out.set_claim(in.claim.value);
    if (!in.history.empty()) {
      write_history(in.history, *out.mutable_history());
    }
    for (const ShippedWrite& write : in.writes) {
      write_shipped(write, *out.add_writes());
    }
  }
  void operator()(const ShipAck& in) const {
    item.mutable_ship_ack()->set_applied(in.applied);
    item.mutable_ship_ack()->set_heartbeat(in.heartbeat);
    item.mutable_ship_ack()->set_home(in.home.value);
    item.mutable_ship_ack()->set_epoch(in.epoch.value);
  }
  void operator()(const HomeMessage& in) const {
    wire::HomeMessage& out = *item.mutable_home();
    out.set_kind(static_cast<wire::HomeMessageKind>(in.kind));
    out.set_home(in.home.value);
    out.set_epoch(in.epoch.value);
    out.set_number(in.number);
    out.set_remaining_ns(static_cast<std::uint64_t>(in.remaining.count()));
    out.set_opened(in.opened);
    out.set_base(in.base.value);
    out.set_log_epoch(in.log.epoch.value);
    out.set_log_end(in.log.end);
    if (!in.history.empty()) {
      write_history(in.history, *out.mutable_history());
    }
  }
};

bool read_protocol(const wire::ProtocolItem& in, NodeId from, NodeId self, ProtocolMessage& out) {
  Message& message = out.message;
  message.from = from;
  message.to = self;
  message.txn = read_txn(in.txn());
  message.ballot = Ballot{in.ballot()};
  message.accepted = Ballot{in.accepted()};
  message.subject = NodeId{in.subject()};
  message.to_epoch = Epoch{in.to_epoch()};
  message.retry = in.retry();
  if (!in.has_txn() || !read_small(in.protocol(), message.protocol) || !read_small(in.kind(), message.kind) ||
      !read_small(in.depth(), message.depth) || !read(in.to_role(), message.to_role) ||
      !read(in.outcome(), message.outcome) || !read(in.vote(), message.vote) || !read(in.state(), message.state) ||
      !read(in.reason(), message.reason) || !read_reads(in.reads(), out.reads)) {
    return false;
  }
  // A descriptor of another transaction than the message's would poison the engine's tables.
  return !in.has_descriptor() ||
         (read_descriptor(in.descriptor(), out.descriptor.emplace()) && out.descriptor->txn == message.txn);
}

bool read_request(const wire::Request& in, Request& out) {
  out.id = read_request_id(in.id());
  out.origin = RegionId{in.origin()};
  out.measured = in.measured();
  return in.has_id() && read_operations(in.operations(), out.operations);
}

template <class Out>  // ClientRequest, Forward
bool read_addressed(const wire::Addressed& in, Out& out) {
  out.to_epoch = Epoch{in.to_epoch()};
  return in.has_request() && read_request(in.request(), out.request);
}

bool read_reply(const wire::ClientReply& in, ClientReply& out) {
  out.id = read_request_id(in.id());
  out.txn = read_txn(in.txn());
  return in.has_id() && read(in.outcome(), out.outcome) && read(in.reason(), out.reason) &&
         read_reads(in.reads(), out.reads);
}

bool read_ship(const wire::Ship& in, Ship& out) {
  out.heartbeat = in.heartbeat();
  out.through = in.through();
  out.home = NodeId{in.home()};
  out.confirmed = in.confirmed();
  out.claim = HomeEpoch{in.claim()};
  if (!read_history(in.history(), out.history)) {
    return false;
  }
  out.writes.resize(static_cast<std::size_t>(in.writes_size()));
  for (int i = 0; i < in.writes_size(); ++i) {
    if (!read_shipped(in.writes(i), out.writes[static_cast<std::size_t>(i)])) {
      return false;
    }
  }
  return true;
}

bool read_query(const wire::OutcomeQuery& in, OutcomeQuery& out) {
  out.id = read_request_id(in.id());
  out.gather = in.gather();
  return in.has_id() && (!in.has_request() || read_request(in.request(), out.request.emplace()));
}

bool read_home(const wire::HomeMessage& in, HomeMessage& out) {
  constexpr std::uint64_t kRemainingMax = 3'600'000'000'000;  // An hour: no lease is that long.
  out.home = NodeId{in.home()};
  out.epoch = HomeEpoch{in.epoch()};
  out.number = in.number();
  out.opened = in.opened();
  out.base = HomeEpoch{in.base()};
  out.log = {HomeEpoch{in.log_epoch()}, in.log_end()};
  if (in.remaining_ns() > kRemainingMax) {
    return false;
  }
  out.remaining = Duration{static_cast<std::int64_t>(in.remaining_ns())};
  return read_enum(in.kind(), HomeMessageKind::idle, out.kind) && read_history(in.history(), out.history);
}

bool read_item(const wire::Item& in, NodeId from, NodeId self, PeerPayload& out) {
  switch (in.payload_case()) {
    case wire::Item::kProtocol:
      return read_protocol(in.protocol(), from, self, out.emplace<ProtocolMessage>());
    case wire::Item::kHello:
      out = Hello{in.hello().answer(), Epoch{in.hello().settled()}};
      return true;
    case wire::Item::kWound:
      out.emplace<Wound>().txn = read_txn(in.wound().txn());
      return in.wound().has_txn();
    case wire::Item::kClientRequest:
      return read_addressed(in.client_request(), out.emplace<ClientRequest>());
    case wire::Item::kClientReply:
      return read_reply(in.client_reply(), out.emplace<ClientReply>());
    case wire::Item::kOutcomeQuery:
      return read_query(in.outcome_query(), out.emplace<OutcomeQuery>());
    case wire::Item::kForward:
      return read_addressed(in.forward(), out.emplace<Forward>());
    case wire::Item::kForwardReply:
      return read_reply(in.forward_reply(), out.emplace<ForwardReply>().reply);
    case wire::Item::kShip:
      return read_ship(in.ship(), out.emplace<Ship>());
    case wire::Item::kShipAck:
      out = ShipAck{in.ship_ack().applied(), in.ship_ack().heartbeat(), NodeId{in.ship_ack().home()},
                    HomeEpoch{in.ship_ack().epoch()}};
      return true;
    case wire::Item::kHome:
      return read_home(in.home(), out.emplace<HomeMessage>());
    case wire::Item::PAYLOAD_NOT_SET:
      return false;
  }
  return false;
}

}  // namespace

std::string_view name_of(Drop cause) {
  switch (cause) {
    case Drop::peer_down:
      return "peer_down";
    case Drop::unknown_peer:
      return "unknown_peer";
    case Drop::too_large:
      return "too_large";
    case Drop::garbage:
      return "garbage";
    case Drop::wrong_version:
      return "wrong_version";
    case Drop::wrong_run:
      return "wrong_run";
    case Drop::wrong_sender:
      return "wrong_sender";
    case Drop::fault:
      return "fault";
  }
  return "?";
}

struct EnvelopeWriter::State {
  std::string run_id;
  NodeId from;
  Epoch from_epoch;
  ReusedArena arena;
  wire::Envelope* envelope{};

  void renew() {
    arena.get().Reset();
    envelope = google::protobuf::Arena::CreateMessage<wire::Envelope>(&arena.get());
  }
};

EnvelopeWriter::EnvelopeWriter(std::string run_id, NodeId from, Epoch from_epoch) : state_(std::make_unique<State>()) {
  GC_CHECK(run_id.size() <= kRunIdBytesMax);
  state_->run_id = std::move(run_id);
  state_->from = from;
  state_->from_epoch = from_epoch;
  state_->renew();
}
EnvelopeWriter::~EnvelopeWriter() = default;
EnvelopeWriter::EnvelopeWriter(EnvelopeWriter&&) noexcept = default;

std::size_t EnvelopeWriter::add(const PeerPayload& payload) {
  wire::Item& item = *state_->envelope->add_items();
  std::visit(ItemWriter{item}, payload);
  const std::size_t inner = item.ByteSizeLong();
  const std::size_t size = kItemsFieldTagBytes +
                           google::protobuf::io::CodedOutputStream::VarintSize32(static_cast<std::uint32_t>(inner)) +
                           inner;
  bytes_ += size;
  return size;
}

void EnvelopeWriter::drop_last(std::size_t its_bytes) {
  state_->envelope->mutable_items()->RemoveLast();
  bytes_ -= its_bytes;
}

std::size_t EnvelopeWriter::items() const { return static_cast<std::size_t>(state_->envelope->items_size()); }

std::size_t EnvelopeWriter::seal(Watermark watermark) {
  wire::Envelope& envelope = *state_->envelope;
  envelope.set_version(kWireVersion);
  envelope.set_run_id(state_->run_id);
  envelope.set_from(state_->from.value);
  envelope.set_from_epoch(state_->from_epoch.value);
  envelope.set_watermark_epoch(watermark.epoch.value);
  envelope.set_watermark_counter(watermark.counter);
  return envelope.ByteSizeLong();
}

void EnvelopeWriter::serialize(void* to, std::size_t size) const {
  auto* begin = static_cast<std::uint8_t*>(to);
  GC_CHECK(state_->envelope->SerializeWithCachedSizesToArray(begin) == begin + size);
}

void EnvelopeWriter::clear() {
  state_->renew();
  bytes_ = 0;
}

struct EnvelopeReader::State {
  std::string run_id;
  NodeId self;
  ReusedArena arena;
};

EnvelopeReader::EnvelopeReader(std::string run_id, NodeId self) : state_(std::make_unique<State>()) {
  state_->run_id = std::move(run_id);
  state_->self = self;
}
EnvelopeReader::~EnvelopeReader() = default;

std::optional<Refusal> EnvelopeReader::read(std::string_view frame, std::vector<PeerMessage>& out) {
  out.clear();
  if (frame.size() > kSmallFrameBytes && !count_elements(frame, envelope_shape(), kEnvelopeElementsMax)) {
    return Refusal{Drop::garbage, "too many fields, or not a protobuf message"};
  }
  state_->arena.get().Reset();
  auto& envelope = *google::protobuf::Arena::CreateMessage<wire::Envelope>(&state_->arena.get());
  if (frame.empty() || !envelope.ParseFromArray(frame.data(), static_cast<int>(frame.size()))) {
    return Refusal{Drop::garbage, "not a protobuf message"};
  }
  if (envelope.version() != kWireVersion) {
    return Refusal{Drop::wrong_version, "another version of the wire format"};
  }
  if (envelope.run_id() != state_->run_id) {
    return Refusal{Drop::wrong_run, "a message of another run"};
  }
  if (envelope.from() == 0 || static_cast<std::size_t>(envelope.items_size()) > kEnvelopeItemsMax) {
    return Refusal{Drop::garbage, "no sender, or too many items"};
  }
  const NodeId from{envelope.from()};
  out.resize(static_cast<std::size_t>(envelope.items_size()));
  for (int i = 0; i < envelope.items_size(); ++i) {
    PeerMessage& message = out[static_cast<std::size_t>(i)];
    message.from = from;
    message.from_epoch = Epoch{envelope.from_epoch()};
    message.watermark = {Epoch{envelope.watermark_epoch()}, envelope.watermark_counter()};
    if (!read_item(envelope.items(i), from, state_->self, message.payload)) {
      out.clear();
      return Refusal{Drop::garbage, "an item with impossible contents"};
    }
  }
  return std::nullopt;
}

}  // namespace geocommit
