// What a client process reads and writes: outcomes.bin, and its workload as JSON.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <tuple>

#include "client/outcomes.h"
#include "client/workload_json.h"
#include "tests/runtime/temporary_directory.h"

using namespace geocommit;

TEST_CASE("the outcome file gives back what was written") {
  const TemporaryDirectory folder;
  const auto path = folder.path / "outcomes.bin";
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

namespace {

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// With the checksum of its one frame made good again.
void write_frame(const std::filesystem::path& path, std::string bytes) {
  const std::size_t frame = 16;
  std::uint32_t sum = 0x811c9dc5U;
  for (std::size_t i = frame + 6; i < bytes.size(); ++i) {
    sum = (sum ^ static_cast<unsigned char>(bytes[i])) * 0x01000193U;
  }
  const std::size_t length = bytes.size() - frame - 6;
  for (std::size_t i = 0; i < 2; ++i) bytes[frame + i] = static_cast<char>(length >> (8 * i) & 0xffU);
  for (std::size_t i = 0; i < 4; ++i) bytes[frame + 2 + i] = static_cast<char>(sum >> (8 * i) & 0xffU);
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("a record that no client writes is damage, though its checksum is good") {
  const TemporaryDirectory folder;
  const auto path = folder.path / "outcomes.bin";
  {
    auto writer = OutcomeWriter::create(path, NodeId{2002}, RegionId{1});
    REQUIRE(writer);
    ClientOutcome one;
    one.txn = {NodeId{1002}, Epoch{3}, 9};
    one.operations = {{Entity{5}, -1, false}};
    one.reads = {{NodeId{7}, Entity{6}, TxnId{NodeId{1001}, Epoch{2}, 4}, 100}};
    (*writer)->append(one);
    REQUIRE((*writer)->flush());
  }
  const std::string whole = bytes_of(path);
  constexpr std::size_t kOutcome = 16 + 6 + 8 + 16, kReason = kOutcome + 1, kFlags = kOutcome + 2;
  constexpr std::size_t kOperations = kOutcome + 3, kReads = kOutcome + 4 + 16 + 17;
  REQUIRE(whole.size() == kReads + 1 + 36);
  const auto taken = [&](std::size_t at, int value) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(value);
    write_frame(path, bytes);
    return read_outcomes(path).ok();
  };
  CHECK(taken(kOutcome, static_cast<int>(Outcome::abort)));
  CHECK_FALSE(taken(kOutcome, static_cast<int>(Outcome::abort) + 1));
  CHECK(taken(kReason, static_cast<int>(Reason::forgotten)));
  CHECK_FALSE(taken(kReason, static_cast<int>(Reason::forgotten) + 1));
  CHECK(taken(kFlags, 3));
  CHECK_FALSE(taken(kFlags, 4));
  CHECK_FALSE(taken(kFlags, 1));  // Reads that the flags do not tell of.
  CHECK(taken(kOperations, 1));
  for (const int other : {0, 2, 4}) CHECK_FALSE(taken(kOperations, other));
  CHECK(taken(kReads, 1));
  for (const int other : {0, 2}) CHECK_FALSE(taken(kReads, other));
  const auto of_size = [&](std::size_t size) {
    std::string bytes = whole;
    bytes.resize(size);
    write_frame(path, bytes);
    return read_outcomes(path).ok();
  };
  for (const std::size_t size : {whole.size() - 1, whole.size() + 1, kReads + 1, kReads, kReads - 1, kOutcome}) {
    CAPTURE(size);
    CHECK_FALSE(of_size(size));
  }
  CHECK(of_size(whole.size()));
  for (const std::size_t size : {15U, 3U, 0U}) {  // Less than its head: no such file.
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    const auto read = read_outcomes(path);
    REQUIRE_FALSE(read);
    CHECK(read.error().message == path.string() + " is not a client's outcome file");
  }
  for (const std::size_t size : {16U, 17U, 21U, 22U}) {  // Less than a record: cut short, but for none at all.
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    const auto read = read_outcomes(path);
    REQUIRE(read);
    CHECK(read->cut_short == (size > 16));
    CHECK(read->outcomes.empty());
  }
}

TEST_CASE("an outcome file is written as it always was: old results are read") {
  const TemporaryDirectory folder;
  const auto path = folder.path / "outcomes.bin";
  {
    auto writer = OutcomeWriter::create(path, NodeId{0x01020304}, RegionId{5});
    REQUIRE(writer);
    ClientOutcome one;
    one.request.sequence = 6;
    one.txn = {NodeId{7}, Epoch{8}, 9};
    one.outcome = Outcome::commit;
    one.measured = true;
    one.intended_start = 10ns;
    one.latency = 11ns;
    one.operations = {{Entity{12}, 13, true}};
    one.reads = {{NodeId{14}, Entity{15}, TxnId{NodeId{16}, Epoch{17}, 18}, 19}};
    (*writer)->append(one);
  }
  std::string hex;
  for (const char byte : bytes_of(path)) {
    constexpr const char* kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(byte) >> 4U];
    hex += kDigits[static_cast<unsigned char>(byte) & 15U];
  }
  CHECK(hex ==
        "47434f5554433031"
        "04030201"
        "05000000"
        "6200"
        "53ad0008"
        "0600000000000000"
        "0700000008000000"
        "0900000000000000"
        "01"
        "00"
        "03"
        "01"
        "0a00000000000000"
        "0b00000000000000"
        "0c00000000000000"
        "0d00000000000000"
        "01"
        "01"
        "0e000000"
        "0f00000000000000"
        "1000000011000000"
        "1200000000000000"
        "1300000000000000");
}

TEST_CASE("a record has so many operations and reads at most; of more it has none") {
  const TemporaryDirectory folder;
  const auto path = folder.path / "outcomes.bin";
  {
    auto writer = OutcomeWriter::create(path, NodeId{2002}, RegionId{1});
    REQUIRE(writer);
    for (const std::size_t count : {kOperationsInRecord, kOperationsInRecord + 1}) {
      ClientOutcome one;
      one.operations.resize(count);
      one.reads.resize(count);
      (*writer)->append(one);
    }
  }
  const auto read = read_outcomes(path);
  REQUIRE(read);
  REQUIRE(read->outcomes.size() == 2);
  CHECK(read->outcomes[0].operations.size() == kOperationsInRecord);
  CHECK(read->outcomes[0].reads.size() == kOperationsInRecord);
  CHECK(read->outcomes[1].operations.empty());
  CHECK(read->outcomes[1].reads.empty());
}

TEST_CASE("an outcome file that cannot be written says why") {
  const auto folder = OutcomeWriter::create("/no/such/folder/outcomes.bin", NodeId{1}, RegionId{1});
  REQUIRE_FALSE(folder);
  CHECK(folder.error().message == "cannot write /no/such/folder/outcomes.bin: No such file or directory");
  const auto full = OutcomeWriter::create("/dev/full", NodeId{1}, RegionId{1});
  REQUIRE_FALSE(full);
  CHECK(full.error().message == "cannot write /dev/full: No space left on device");
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

TEST_CASE("of a wrong workload the first mistake is told") {
  const auto told = [](const char* key, const nlohmann::json& value) {
    auto root = nlohmann::json::parse(to_json(WorkloadSpec{}));
    root["reads"] = 7;  // A later one.
    value.is_null() ? root.erase(key) : (root[key] = value, std::size_t{1});
    const auto spec = parse_workload(root.dump());
    return spec ? std::string("taken") : spec.error().message;
  };
  CHECK(told("participants", 0) == "workload: participants: a value that cannot be");
  CHECK(told("participants", 2.5) == "workload: participants: expected a whole number");
  CHECK(told("participants", nullptr) == "workload: participants: expected a whole number");
  CHECK(told("arrival", "never") == "workload: arrival: a value that cannot be");
  CHECK(told("arrival", 3) == "workload: arrival: expected a text");
  CHECK(told("rate_per_s", "1") == "workload: rate_per_s: expected a number");
  CHECK(told("extra", 1) == "workload: reads: a value that cannot be");
}
