#include "protocols/registry.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>

#include "tests/protocols/rows.h"

namespace geocommit {

TEST_CASE("every row of the table is complete and unique") {
  std::set<std::string_view> names;
  std::set<std::uint8_t> wire_ids;
  for (const Protocol& row : all_protocols()) {
    CAPTURE(row.name);
    CHECK(names.insert(row.name).second);
    CHECK(wire_ids.insert(row.wire_id).second);
    CHECK(row.wire_id != 0);
    CHECK_FALSE(row.title.empty());
    CHECK_FALSE(row.source.empty());
    CHECK_FALSE(row.folder.empty());
    CHECK(find_protocol(row.name) == &row);
    CHECK(find_protocol(row.wire_id) == &row);
    const Protocol& machines = row.commits_as();  // What no row lacks, registry.cpp asserts.
    CHECK(machines.is_router() == false);
    CHECK((&machines == &row) == !row.is_router());
    CHECK(row.make == machines.make);
    CHECK(row.orphan == machines.orphan);
    CHECK(row.commit_cost == machines.commit_cost);
    CHECK(row.timing == machines.timing);
    CHECK(row.commit_point == machines.commit_point);
    CHECK(row.roles.data() == machines.roles.data());
    CHECK(row.kinds.data() == machines.kinds.data());
    CHECK(row.records.data() == machines.records.data());
    CHECK(row.timers.data() == machines.timers.data());
    CHECK(row.points.data() == machines.points.data());
    CHECK(std::set(machines.roles.begin(), machines.roles.end()).size() == machines.roles.size());
    CHECK((row.has_role(Role::coordinator) && row.has_role(Role::participant)));
    const auto in_their_places = [](const auto& rows) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        CHECK(rows[i].number == i + 1);
        CHECK_FALSE(rows[i].name.empty());
      }
      return !rows.empty();
    };
    CHECK(in_their_places(machines.kinds));
    CHECK(in_their_places(machines.records));
    CHECK(in_their_places(machines.timers));
    CHECK(row.record_name(0) == "?");
    CHECK(row.record_name(Meaning::yes) != "?");
    CHECK(row.record_name(Meaning::none) == "?");
    // What is told before it is durable anywhere is lost with who told it.
    CHECK((machines.commit_point != CommitPoint::sent || !row.safe_under.survives(Failure::lost_sends)));
    // Acceptors, each of which says by a record that all have voted YES.
    CHECK((machines.commit_point != CommitPoint::accepted || row.record_name(Meaning::precommit) != "?"));
    // What is not presumed is forgotten when it is acknowledged: there is a kind for it.
    for (const Outcome outcome : {Outcome::commit, Outcome::abort}) {
      const bool acknowledged = std::any_of(
          machines.kinds.begin(), machines.kinds.end(),
          [outcome](const KindRow& kind) { return kind.after == Meaning::outcome && kind.acknowledges == outcome; });
      CHECK((acknowledged || row.presumes == outcome));
    }
    CHECK(row.presumes == machines.presumes);
    CHECK(row.record_meaning(255) == Meaning::none);
    CHECK(row.timer_name(0) == "?");
    CHECK(row.kind_name(0) == "?");
    CHECK(row.kind_name(255) == "?");
    CHECK(row.kind_name(1) == "PREPARE");
    CHECK(row.kind_class(1) == MessageClass::prepare);
  }
  CHECK(find_protocol("4pc") == nullptr);
  CHECK(find_protocol(std::uint8_t{0}) == nullptr);
}

TEST_CASE("wire ids and guarantees are what is on the wire and in reports") {
  CHECK(find_protocol("2pc")->wire_id == 1);
  CHECK(find_protocol("3pc")->wire_id == 2);
  CHECK(find_protocol("home-region")->wire_id == 3);
  CHECK(find_protocol("easy-commit")->wire_id == 4);
  CHECK(find_protocol("2pc-presumed-nothing")->wire_id == 9);
  CHECK(find_protocol("2pc-presumed-commit")->wire_id == 10);
  CHECK(find_protocol("2pc")->safe_under == FaultModel::crashes_and_partitions);
  CHECK(find_protocol("3pc")->safe_under == FaultModel::crashes);
  CHECK(find_protocol("easy-commit")->safe_under == FaultModel::crashes_where_sent_arrives);
  CHECK(find_protocol("easy-commit")->commit_point == CommitPoint::sent);
  CHECK(find_protocol("2pc")->presumes == Outcome::abort);
  CHECK(find_protocol("2pc-presumed-nothing")->presumes == Outcome::undecided);
  CHECK(find_protocol("2pc-presumed-commit")->presumes == Outcome::commit);
  CHECK(find_protocol("paxos-commit")->wire_id == 7);
  CHECK(find_protocol("paxos-commit")->safe_under == FaultModel::crashes_and_partitions);
  CHECK(find_protocol("paxos-commit")->commit_point == CommitPoint::accepted);
  CHECK(&find_protocol("home-region")->commits_as() == find_protocol("2pc"));
  CHECK(find_protocol("home-region")->ships_to_replicas);
}

TEST_CASE("a fault model is what is survived, and each says so in its own words") {
  struct Expected {
    FaultModel model;
    bool lost_sends, partition;
    std::string_view text;
  };
  for (const Expected& e : {Expected{FaultModel::crashes_where_sent_arrives, false, false, "crashes, sent arrives"},
                            Expected{FaultModel::crashes, true, false, "crashes"},
                            Expected{FaultModel::crashes_and_partitions, true, true, "crashes, partitions"}}) {
    CHECK(e.model.survives(Failure::crash));
    CHECK(e.model.survives(Failure::lost_sends) == e.lost_sends);
    CHECK(e.model.survives(Failure::partition) == e.partition);
    CHECK(e.model.text() == e.text);
  }
}

TEST_CASE("names differ from each other") {
  std::set<std::string_view> reasons;
  for (std::uint8_t r = 0; r <= static_cast<std::uint8_t>(Reason::forgotten); ++r) {
    CHECK(reasons.insert(name_of(static_cast<Reason>(r))).second);
  }
  CHECK(name_of(Outcome::commit) == "commit");
  CHECK(name_of(Vote::read_only) == "read_only");
  CHECK(name_of(SiteState::precommitted) == "precommitted");
  CHECK(name_of(MessageClass::state) == "state");
  CHECK(name_of(Role::participant) == "participant");
  CHECK(name_of(Role::acceptor) == "acceptor");
}

TEST_CASE("coordinators have processes of their own; what participants and acceptors keep is on agents") {
  CHECK(host_of(Role::coordinator) == NodeKind::coordinator);
  CHECK(host_of(Role::participant) == NodeKind::agent);
  CHECK(host_of(Role::acceptor) == NodeKind::agent);
}

TEST_CASE("every point of a row is noted by its machines") {
  // A coordinator and one participant of a commit, stepped by hand, then the participant's termination.
  for (const Protocol& row : rows_under_test()) {
    CAPTURE(row.name);
    std::set<std::string> noted;
    const TxnId txn{NodeId{1001}, Epoch{1}, 1};
    const Timeouts timeouts{500ms, 500ms, 200ms};
    const std::vector<Member> cohort{{NodeId{1}, Epoch{1}}, {NodeId{2}, Epoch{1}}};
    std::map<NodeId, std::unique_ptr<CommitMachine>> machines;
    machines[NodeId{1001}] = row.make(Role::coordinator, {txn, NodeId{1001}, NodeId{1001}, cohort, timeouts});
    for (const Member& m : cohort) {
      machines[m.node] = row.make(Role::participant, {txn, m.node, NodeId{1001}, cohort, timeouts});
    }
    std::vector<std::pair<NodeId, Input>> todo{{NodeId{1001}, Begin{}}};
    const auto drain = [&] {
      for (std::size_t i = 0; i < todo.size() && i < 10'000; ++i) {
        Outbox out;
        const NodeId at = todo[i].first;
        const Input input = todo[i].second;
        machines[at]->step({}, input, out);
        for (const Output& output : out) {
          if (const auto* send = std::get_if<Send>(&output)) {
            todo.emplace_back(send->message.to, Received{send->message});
          } else if (const auto* force = std::get_if<ForceLog>(&output)) {
            todo.emplace_back(at, LogForced{force->record.kind});
          } else if (std::holds_alternative<Execute>(output)) {
            todo.emplace_back(at, Executed{Vote::yes, Reason::none});
          } else if (const auto* note = std::get_if<Note>(&output)) {
            noted.emplace(note->event);
          }
        }
      }
      todo.clear();
    };
    drain();
    machines[NodeId{1}] = row.make(Role::participant, {txn, NodeId{1}, NodeId{1001}, cohort, timeouts});
    Message prepare;
    prepare.from = NodeId{1001};
    prepare.to = NodeId{1};
    prepare.kind = 1;
    todo.emplace_back(NodeId{1}, Received{prepare});
    drain();
    for (std::uint8_t timer = 1; timer < 16; ++timer) {
      Outbox out;
      machines[NodeId{1}]->step({}, TimerFired{timer}, out);
      for (const Output& output : out) {
        if (const auto* note = std::get_if<Note>(&output)) {
          noted.emplace(note->event);
        }
      }
    }
    for (const std::string_view point : row.points) {
      CAPTURE(point);
      CHECK(noted.count(std::string(point)) == 1);
    }
  }
}

}  // namespace geocommit
