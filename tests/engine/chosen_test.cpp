// What holds for a row whose commits are the acceptors' to know, and may have no record at their coordinator: what a
// restarted coordinator does not say, and when it may say it again; messages that overtake PREPARE.
#include <array>
#include <catch2/catch.hpp>

#include "tests/engine/alone.h"

using namespace geocommit;
using namespace geocommit::test;

namespace {

/// Two-phase commit's machines under that claim.
const Protocol& chosen_row() {
  static const Protocol kRow = [] {
    Protocol row = *find_protocol("2pc");
    row.commit_point = CommitPoint::accepted;
    row.orphan = [](const Message& message, const Remembered&) {
      const bool early = message.kind == 2 && message.to_role == Role::participant;
      return OrphanRule{early ? OrphanAction::keep_for_prepare : OrphanAction::ignore, {}, {}};
    };
    return row;
  }();
  return kRow;
}

EngineOptions coordinator_options(const Protocol& row, Epoch epoch) {
  EngineOptions options = options_of_agent(&row);
  options.self = two_regions().coordinator(RegionId{0});
  options.epoch = epoch;
  options.rows = {&row, 1};
  return options;
}

struct Started {
  Started(const Protocol& row, Epoch epoch) : engine(coordinator_options(row, epoch), outside, seen) { engine.start(); }
  Outside outside;
  Seen seen;
  NodeEngine engine;

  void hear(NodeId from, Epoch settled) { engine.on_message({from, Epoch{1}, {}, Hello{false, settled}}); }
  /// What its client is told of a request that it does not know.
  ClientReply asked() {
    const NodeId client = two_regions().client(RegionId{0});
    const Request request{{client, 1}, RegionId{0}, false, {adds(1, 1)}};
    outside.sent.clear();
    engine.on_message({client, Epoch{1}, {}, OutcomeQuery{request.id, request, false}});
    REQUIRE(outside.sent.size() == 1);
    return std::get<ClientReply>(outside.sent.front());
  }
};

}  // namespace

TEST_CASE("a restarted coordinator claims nothing by its watermark until every agent has settled with it") {
  const NodeId near = two_regions().agent(RegionId{0}, 0);
  const NodeId far = two_regions().agent(RegionId{1}, 0);
  Started first(chosen_row(), Epoch{1});
  CHECK(first.engine.watermark() == Watermark{Epoch{1}, 1});
  Started second(chosen_row(), Epoch{2});
  CHECK(second.engine.watermark() == Watermark{});
  second.hear(near, Epoch{2});
  CHECK(second.engine.watermark() == Watermark{});
  second.hear(far, Epoch{1});  // Of what the first start began it says nothing.
  CHECK(second.engine.watermark() == Watermark{});
  second.hear(far, Epoch{});
  CHECK(second.engine.watermark() == Watermark{});
  second.hear(far, Epoch{2});
  CHECK(second.engine.watermark() == Watermark{Epoch{2}, 1});
  CHECK(Started(*find_protocol("2pc"), Epoch{2}).engine.watermark() == Watermark{Epoch{2}, 1});
}

TEST_CASE("a restarted coordinator greets who has not settled with it again") {
  Started second(chosen_row(), Epoch{2});
  for (const NodeInfo& node : two_regions().nodes()) {
    if (node.kind != NodeKind::client && node.id != two_regions().coordinator(RegionId{0})) {
      second.hear(node.id, node.id == two_regions().agent(RegionId{1}, 0) ? Epoch{} : Epoch{2});
    }
  }
  second.outside.sent_to.clear();
  second.outside.time += 1s;
  while (!second.outside.timers.empty() && second.outside.sent_to.empty()) {
    const TimerToken token = second.outside.timers.begin()->first;
    second.outside.timers.erase(token);
    second.engine.on_timer(token);
  }
  CHECK(second.outside.sent_to == std::vector<NodeId>{two_regions().agent(RegionId{1}, 0)});
}

TEST_CASE("of a request that it does not know a restarted coordinator says forgotten, never abort") {
  CHECK(Started(chosen_row(), Epoch{1}).asked().outcome == Outcome::abort);
  Started second(chosen_row(), Epoch{2});
  for (int times = 0; times < 2; ++times) {
    const ClientReply told = second.asked();
    CHECK(told.outcome == Outcome::undecided);
    CHECK(told.reason == Reason::forgotten);
  }
  CHECK(Started(*find_protocol("2pc"), Epoch{2}).asked().outcome == Outcome::abort);
}

TEST_CASE("an agent settles with a start of a coordinator when nothing of its earlier ones is open") {
  EngineOptions options = options_of_agent(&chosen_row());
  options.rows = {&chosen_row(), 1};
  Alone agent(options);
  const NodeInfo& coordinator = *two_regions().find(agent.coordinator);
  agent.peers.heard(coordinator, Epoch{1});
  const ProtocolMessage prepare = agent.prepare_of(1, {adds(1, 1)});
  agent.site.receive({agent.coordinator, Epoch{1}, {}, prepare}, prepare);
  agent.site.drain();
  REQUIRE(agent.site.participants().size() == 1);
  CHECK(agent.site.settled(agent.coordinator) == Epoch{1});  // Nothing of a start before the first.
  agent.peers.heard(coordinator, Epoch{2});
  CHECK(agent.site.settled(agent.coordinator) == Epoch{});
  CHECK(agent.site.settled(two_regions().coordinator(RegionId{1})) == Epoch{});  // Not heard of.
  const ProtocolMessage late = agent.prepare_of(2, {adds(2, 1)});
  agent.site.receive({agent.coordinator, Epoch{1}, {}, late}, late);
  agent.site.drain();
  CHECK(agent.site.participants().size() == 1);  // It could not settle, ever, if it took those.
  CHECK(agent.seen.alarms.at("a PREPARE from the past, or without a descriptor") == 1);
}

TEST_CASE("what has overtaken PREPARE is given to the machine that PREPARE makes, once") {
  EngineOptions options = options_of_agent(&chosen_row());
  options.rows = {&chosen_row(), 1};
  Alone agent(options);
  ProtocolMessage early = agent.message(1, MessageClass::vote);
  const auto state = [&] {
    std::string out;
    agent.site.hash_transactions(out);
    return out;
  };
  const std::string before = state();
  for (int times = 0; times < 2; ++times) {
    agent.site.receive({agent.coordinator, Epoch{1}, {}, early}, early);
    agent.site.drain();
  }
  CHECK(agent.site.participants().empty());
  CHECK(state() != before);
  CHECK(agent.seen.notes.empty());
  const ProtocolMessage prepare = agent.prepare_of(1, {adds(1, 1)});
  agent.site.receive({agent.coordinator, Epoch{1}, {}, prepare}, prepare);
  agent.site.drain();
  CHECK(agent.seen.notes.at("prepare-received") == 1);
  CHECK(agent.seen.notes.at("ignored") == 1);  // Two-phase commit's participant has no use for it.
}
