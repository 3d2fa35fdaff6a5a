// What a client process reads and writes: outcomes.bin, and its workload as JSON.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>

#include "client/outcomes.h"
#include "client/workload_json.h"

using namespace geocommit;

TEST_CASE("the outcome file gives back what was written") {
  const auto path = std::filesystem::temp_directory_path() / "geocommit-outcomes-test.bin";
  std::vector<ClientOutcome> written;
  {
    auto writer = OutcomeWriter::create(path, NodeId{2002}, RegionId{1});
    REQUIRE(writer);
    for (std::uint64_t i = 1; i <= 20'000; ++i) {
      ClientOutcome o;
      o.request = {NodeId{2002}, i};
      o.origin = RegionId{1};
      o.txn = i % 5 == 0 ? TxnId{} : TxnId{NodeId{1002}, Epoch{3}, i * 1'000'003};
      o.outcome = static_cast<Outcome>(i % 3);
      o.reason = i % 3 == 2 ? Reason::constraint : Reason::none;
      o.measured = i % 2 == 0;
      o.intended_start = Duration{static_cast<Duration::rep>(i * 12'345'678'901)};
      o.latency = Duration{static_cast<Duration::rep>(i * 987)};
      o.operations = {{Entity{i * 77}, -static_cast<std::int64_t>(i), false}, {Entity{i}, 0, true}};
      for (std::uint64_t r = 0; r < i % 3; ++r) {
        o.reads.push_back({NodeId{7}, Entity{i + r}, TxnId{NodeId{1001}, Epoch{2}, i}, -static_cast<std::int64_t>(r)});
      }
      (*writer)->append(o);
      written.push_back(o);
    }
    REQUIRE((*writer)->flush());
  }
  const auto same = [](const ClientOutcome& a, const ClientOutcome& b) {
    return a.request == b.request && a.txn == b.txn && a.outcome == b.outcome && a.reason == b.reason &&
           a.origin == b.origin && a.measured == b.measured && a.intended_start == b.intended_start &&
           a.latency == b.latency && a.operations == b.operations && a.reads == b.reads;
  };
  const auto read = read_outcomes(path);
  REQUIRE(read);
  CHECK(read->client == NodeId{2002});
  CHECK(read->origin == RegionId{1});
  CHECK_FALSE(read->cut_short);
  REQUIRE(read->outcomes.size() == written.size());
  CHECK(std::equal(written.begin(), written.end(), read->outcomes.begin(), same));

  const auto size = std::filesystem::file_size(path);
  SECTION("a torn tail is cut, wherever it tears") {
    for (std::uintmax_t lost = 1; lost < 84; ++lost) {
      std::filesystem::resize_file(path, size - lost);
      const auto torn = read_outcomes(path);
      REQUIRE(torn);
      CHECK(torn->cut_short);
      CHECK(torn->outcomes.size() == written.size() - 1);
    }
  }
  SECTION("a flipped byte is named") {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1000);
    file.put('\x55');
    file.close();
    const auto damaged = read_outcomes(path);
    REQUIRE_FALSE(damaged);
    CHECK(damaged.error().message.find("damaged at offset") != std::string::npos);
  }
  SECTION("another file is refused") {
    std::ofstream(path) << "not an outcome file at all";
    CHECK_FALSE(read_outcomes(path));
  }
  std::filesystem::remove(path);
  CHECK_FALSE(read_outcomes(path));
}

TEST_CASE("a workload survives its JSON, and nonsense does not") {
  WorkloadSpec spec;
  spec.arrival = Arrival::closed;
  spec.keys = KeyDistribution::hotspot;
  spec.rate_per_s = 12.5;
  spec.reads = 0.25;
  spec.outstanding_max = 77;
  const std::string json = to_json(spec);
  const auto back = parse_workload(json);
  REQUIRE(back);
  CHECK(to_json(*back) == json);
  CHECK(back->keys == KeyDistribution::hotspot);
  const auto broken = [&](const std::string& from, const std::string& to) {
    std::string text = json;
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return !parse_workload(text.replace(at, from.size(), to));
  };
  CHECK(broken("\"closed\"", "\"sometimes\""));
  CHECK(broken("\"local\":0.8", "\"local\":1.5"));
  CHECK(broken("\"local\":0.8", "\"locale\":0.8"));
  CHECK(broken("\"local\":0.8", "\"local\":\"0.8\""));
  CHECK(broken("\"participants\":3", "\"participants\":0"));
  CHECK(broken("\"participants\":3", "\"participants\":-3"));
  CHECK(broken("\"participants\":3", "\"participants\":18446744073709551615"));
  CHECK(broken("\"kind\":\"transfer\"", "\"kind\":\"other\""));
  CHECK(broken("{", "{\"extra\":1,"));
  CHECK_FALSE(parse_workload("[]"));
  CHECK_FALSE(parse_workload("{"));
}

TEST_CASE("a workload's numbers: the ends of each range are in it, what lies behind is not") {
  const auto root = nlohmann::json::parse(to_json(WorkloadSpec{}));
  const auto taken = [&](const char* key, const nlohmann::json& value) {
    nlohmann::json one = root;
    one[key] = value;
    return parse_workload(one.dump()).ok();
  };
  for (const auto& [key, least, most] : {std::tuple<const char*, std::int64_t, std::int64_t>{"participants", 1, 1024},
                                         {"clients", 1, 1'000'000},
                                         {"amount_max", 1, std::int64_t{1} << 40U},
                                         {"outstanding_max", 1, 10'000'000}}) {
    CAPTURE(key);
    CHECK((taken(key, least) && taken(key, most)));
    CHECK_FALSE((taken(key, least - 1) || taken(key, most + 1)));
  }
  for (const auto& [key, least, most] : {std::tuple<const char*, double, double>{"rate_per_s", 1e-6, 1e9},
                                         {"zipf_theta", 1e-6, 10.0},
                                         {"hot_keys", 0.0, 1.0},
                                         {"hot_share", 0.0, 1.0},
                                         {"local", 0.0, 1.0},
                                         {"reads", 0.0, 1.0}}) {
    CAPTURE(key);
    CHECK((taken(key, least) && taken(key, most)));
    CHECK_FALSE((taken(key, least - 1e-7) || taken(key, most * 1.001)));
  }
}
