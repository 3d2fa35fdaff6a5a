#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include "workload/generator.h"
#include "workload/random.h"

using namespace geocommit;

namespace {

const std::vector<std::string> kThree{"us", "eu", "ap"};

/// Chi-square statistic against expected counts; and the bound that a true hypothesis passes with 99.99 %
/// (Wilson, Hilferty 1931).
double chi_square(const std::vector<double>& observed, const std::vector<double>& expected) {
  double sum = 0;
  for (std::size_t i = 0; i < observed.size(); ++i) {
    sum += (observed[i] - expected[i]) * (observed[i] - expected[i]) / expected[i];
  }
  return sum;
}
double bound(std::size_t cells) {
  const double k = static_cast<double>(cells - 1);
  const double c = 1 - 2 / (9 * k) + 3.719 * std::sqrt(2 / (9 * k));
  return k * c * c * c;
}

std::int64_t sum_of(const Request& request) {
  return std::accumulate(request.operations.begin(), request.operations.end(), std::int64_t{0},
                         [](std::int64_t sum, const Operation& op) { return sum + op.delta; });
}

/// FNV-1a over all that a stream says.
std::uint64_t digest(Generator& generator, int n) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  const auto eat = [&h](std::uint64_t word) {
    for (int i = 0; i < 8; ++i) {
      h = (h ^ (word >> (8 * i) & 0xffU)) * 0x100000001b3ULL;
    }
  };
  for (int i = 0; i < n; ++i) {
    const Planned planned = generator.next();
    eat(static_cast<std::uint64_t>(planned.intended_start.count()));
    for (const Operation& op : planned.request.operations) {
      eat(op.entity.value);
      eat(static_cast<std::uint64_t>(op.delta));
      eat(op.read ? 1 : 0);
    }
  }
  return h;
}

}  // namespace

TEST_CASE("xoshiro256++ gives the numbers of its reference") {
  // State 1, 2, 3, 4: the first outputs as published with other implementations of it.
  Random known(std::array<std::uint64_t, 4>{1, 2, 3, 4});
  for (const std::uint64_t expected :
       {41943041ULL, 58720359ULL, 3588806011781223ULL, 3591011842654386ULL, 9228616714210784205ULL,
        9973669472204895162ULL, 14011001112246962877ULL, 12406186145184390807ULL}) {
    CHECK(known.next() == expected);
  }
  Random a(42, 1);
  Random b(42, 1);
  Random other_stream(42, 2);
  Random other_seed(43, 1);
  const std::uint64_t first = a.next();
  CHECK(first == b.next());
  CHECK(first != other_stream.next());
  CHECK(first != other_seed.next());
}

TEST_CASE("portable log and exp agree with the library") {
  Random random(7, 0);
  for (int i = 0; i < 20'000; ++i) {
    const double x = std::exp((random.unit() - 0.5) * 600);
    REQUIRE(portable_log(x) == Approx(std::log(x)).epsilon(1e-14).margin(1e-14));
    const double y = (random.unit() - 0.5) * 1000;
    REQUIRE(portable_exp(y) == Approx(std::exp(y)).epsilon(1e-13));
  }
  CHECK(portable_log(1.0) == 0.0);
  CHECK(portable_exp(0.0) == 1.0);
}

TEST_CASE("bounded numbers are uniform") {
  Random random(1, 1);
  const auto n = GENERATE(2U, 7U, 100U);
  std::vector<double> seen(n);
  const int draws = 100'000;
  for (int i = 0; i < draws; ++i) {
    ++seen[random.below(n)];
  }
  CHECK(chi_square(seen, std::vector<double>(n, draws / double(n))) < bound(n));
}

TEST_CASE("the exponential has the shape of one") {
  Random random(2, 1);
  const std::size_t cells = 50;
  std::vector<double> seen(cells);
  const int draws = 200'000;
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    const double x = random.exponential();
    sum += x;
    ++seen[std::min(cells - 1, static_cast<std::size_t>((1 - std::exp(-x)) * double(cells)))];
  }
  CHECK(sum / draws == Approx(1.0).epsilon(0.01));
  CHECK(chi_square(seen, std::vector<double>(cells, draws / double(cells))) < bound(cells));
}

TEST_CASE("zipf draws each rank as often as its law says") {
  const auto theta = GENERATE(0.5, 0.99, 1.0, 1.5, 1.99);
  INFO("theta " << theta);
  const std::size_t n = 200;
  const Zipf zipf(n, theta);
  Random random(3, 1);
  std::vector<double> weight(n);
  for (std::size_t k = 0; k < n; ++k) {
    weight[k] = std::pow(double(k + 1), -theta);
  }
  const double total = std::accumulate(weight.begin(), weight.end(), 0.0);
  const int draws = 400'000;
  std::vector<double> seen(n);
  for (int i = 0; i < draws; ++i) {
    const auto k = zipf(random);
    REQUIRE((k >= 1 && k <= n));
    ++seen[k - 1];
  }
  // Cells of at least 20 expected: the tail is one cell.
  std::vector<double> observed;
  std::vector<double> expected;
  double o = 0;
  double e = 0;
  for (std::size_t k = 0; k < n; ++k) {
    o += seen[k];
    e += weight[k] / total * draws;
    if (e >= 20 || k + 1 == n) {
      observed.push_back(o);
      expected.push_back(e);
      o = e = 0;
    }
  }
  CHECK(chi_square(observed, expected) < bound(observed.size()));
}

TEST_CASE("zipf needs no table: a million keys, and one") {
  Random random(4, 1);
  const Zipf million(1'000'000, 0.99);
  double first = 0;
  for (int i = 0; i < 100'000; ++i) {
    const auto k = million(random);
    REQUIRE((k >= 1 && k <= 1'000'000));
    first += k == 1 ? 1 : 0;
  }
  double harmonic = 0;
  for (int k = 1; k <= 1'000'000; ++k) {
    harmonic += std::pow(k, -0.99);
  }
  CHECK(first / 100'000 == Approx(1 / harmonic).epsilon(0.05));
  const Zipf one(1, 0.99);
  CHECK(one(random) == 1);
}

TEST_CASE("a stream is the same for ever") {
  WorkloadSpec spec;
  Directory replicated(kThree, 1, Placement::replicated, 10'000);
  Directory partitioned(kThree, 2, Placement::partitioned, 10'000);
  Generator a(spec, replicated, RegionId{0}, 42);
  CHECK(digest(a, 1000) == 0xc4ee9a592413fb3eULL);
  spec.keys = KeyDistribution::zipfian;
  Generator b(spec, partitioned, RegionId{1}, 42);
  CHECK(digest(b, 1000) == 0xc3bc34ccf8bd6911ULL);
  spec.keys = KeyDistribution::hotspot;
  spec.arrival = Arrival::fixed;
  spec.reads = 0.3;
  Generator c(spec, partitioned, RegionId{2}, 7);
  CHECK(digest(c, 1000) == 0x95b97c91b69a91edULL);
}

TEST_CASE("arrivals do not depend on what is asked for, nor origins on each other") {
  WorkloadSpec spec;
  Directory directory(kThree, 1, Placement::replicated, 1000);
  WorkloadSpec wider = spec;
  wider.participants = 5;
  Generator a(spec, directory, RegionId{0}, 42);
  Generator b(wider, directory, RegionId{0}, 42);
  Generator other(spec, directory, RegionId{1}, 42);
  int same = 0;
  for (int i = 0; i < 100; ++i) {
    const Planned pa = a.next();
    CHECK(pa.intended_start == b.next().intended_start);
    same += pa.request.operations == other.next().request.operations ? 1 : 0;
  }
  CHECK(same == 0);
}

TEST_CASE("poisson and fixed arrivals keep their rate") {
  WorkloadSpec spec;
  spec.rate_per_s = 250;
  Directory directory(kThree, 1, Placement::replicated, 1000);
  SECTION("poisson: exponential gaps") {
    Generator generator(spec, directory, RegionId{0}, 1);
    Duration before{};
    const std::size_t cells = 20;
    std::vector<double> seen(cells);
    for (int i = 0; i < 20'000; ++i) {
      const Duration now = generator.next().intended_start;
      const double x = to_seconds(now - before) * 250;
      ++seen[std::min(cells - 1, static_cast<std::size_t>((1 - std::exp(-x)) * double(cells)))];
      before = now;
    }
    CHECK(to_seconds(before) == Approx(80.0).epsilon(0.03));
    CHECK(chi_square(seen, std::vector<double>(cells, 1000)) < bound(cells));
  }
  SECTION("fixed: equal gaps, no drift, a phase per origin") {
    spec.arrival = Arrival::fixed;
    spec.rate_per_s = 3;  // a gap that nanoseconds do not divide
    Generator generator(spec, directory, RegionId{0}, 1);
    Generator other(spec, directory, RegionId{1}, 1);
    const Duration first = generator.next().intended_start;
    CHECK(first < from_ms(334));
    CHECK(first != other.next().intended_start);
    Duration last{};
    for (int i = 0; i < 3000; ++i) {
      last = generator.next().intended_start;
    }
    CHECK(std::abs((last - first - Duration{1000s}).count()) <= 1);
  }
  SECTION("closed: at once") {
    spec.arrival = Arrival::closed;
    Generator generator(spec, directory, RegionId{0}, 1);
    CHECK(generator.next().intended_start == Duration{0});
    CHECK(generator.next().intended_start == Duration{0});
  }
}

TEST_CASE("a transfer keeps the sum, moves something, and names distinct entities") {
  const auto placement = GENERATE(Placement::replicated, Placement::partitioned);
  const auto participants = GENERATE(2U, 3U, 5U, 20U);
  WorkloadSpec spec;
  spec.participants = participants;
  spec.local = 0.5;
  Directory directory(kThree, 2, placement, 100);
  Generator generator(spec, directory, RegionId{1}, 5);
  std::map<std::size_t, int> payer_at;
  for (int i = 0; i < 2000; ++i) {
    const Request request = generator.next().request;
    REQUIRE(sum_of(request) == 0);
    std::set<Entity> distinct;
    int debits = 0;
    for (std::size_t k = 0; k < request.operations.size(); ++k) {
      const auto& op = request.operations[k];
      REQUIRE(op.entity.value < directory.entity_count());
      REQUIRE(!op.read);
      REQUIRE(op.delta != 0);
      distinct.insert(op.entity);
      if (op.delta < 0) {
        ++debits;
        ++payer_at[k];
        REQUIRE(-op.delta <= std::max<std::int64_t>(10, participants - 1));
      }
    }
    REQUIRE(debits == 1);
    REQUIRE(distinct.size() == request.operations.size());
  }
  CHECK(payer_at.size() >= 2);
}

TEST_CASE("replicated: as many entities as asked for, each at home with probability local") {
  const auto local = GENERATE(0.0, 0.8, 1.0);
  const auto sites = GENERATE(1U, 2U);
  WorkloadSpec spec;
  spec.local = local;
  Directory directory(kThree, sites, Placement::replicated, 10'000);
  Generator generator(spec, directory, RegionId{1}, 9);
  std::vector<double> homes(3);
  const int draws = 10'000;
  for (int i = 0; i < draws; ++i) {
    const Request request = generator.next().request;
    REQUIRE(request.operations.size() == 3);
    REQUIRE(request.origin == RegionId{1});
    for (const Operation& op : request.operations) {
      ++homes[directory.home_of(op.entity).value];
    }
  }
  if (local == 1.0) {
    CHECK(homes[1] == 3 * draws);
  } else {
    const double all = 3 * draws;
    std::vector<double> expected{all * (1 - local) / 2, all * local, all * (1 - local) / 2};
    if (local == 0.0) {
      CHECK(homes[1] == 0);
      homes.erase(homes.begin() + 1);
      expected.erase(expected.begin() + 1);
    }
    CHECK(chi_square(homes, expected) < bound(homes.size()));
  }
}

TEST_CASE("partitioned: inside the origin with probability local, else distinct sites of the origin and others") {
  WorkloadSpec spec;
  spec.local = 0.7;
  const auto sites = GENERATE(1U, 2U, 4U);
  Directory directory({"a", "b", "c", "d", "e"}, sites, Placement::partitioned, 1000);
  Generator generator(spec, directory, RegionId{2}, 9);
  double inside = 0;
  std::vector<double> others(5);
  const int draws = 10'000;
  for (int i = 0; i < draws; ++i) {
    const Request request = generator.next().request;
    REQUIRE(request.operations.size() == 3);
    std::set<std::uint32_t> regions;
    std::set<NodeId> touched;
    for (const Operation& op : request.operations) {
      const RegionId home = directory.home_of(op.entity);
      regions.insert(home.value);
      touched.insert(directory.agent(home, directory.site_of(op.entity)));
    }
    REQUIRE(regions.count(2) == 1);
    if (regions.size() == 1) {
      ++inside;
      REQUIRE(touched.size() == std::min(3U, sites));
    } else {
      REQUIRE(regions.size() == 3);
      REQUIRE(touched.size() == 3);
      for (const auto region : regions) {
        ++others[region];
      }
    }
  }
  CHECK(chi_square({inside, draws - inside}, {draws * 0.7, draws * 0.3}) < bound(2));
  others.erase(others.begin() + 2);
  CHECK(chi_square(others, std::vector<double>(4, (draws - inside) / 2)) < bound(4));
}

TEST_CASE("partitioned: more participants than sites uses all that exist") {
  WorkloadSpec spec;
  spec.participants = 9;
  spec.local = 0.0;
  Directory directory(kThree, 2, Placement::partitioned, 100);
  Generator generator(spec, directory, RegionId{0}, 1);
  CHECK(generator.next().request.operations.size() == 6);
  spec.participants = 1;
  Generator single(spec, directory, RegionId{0}, 1);
  for (int i = 0; i < 100; ++i) {
    const Request request = single.next().request;
    REQUIRE(request.operations.size() == 2);  // two accounts at one site
    CHECK(directory.home_of(request.operations[0].entity) == directory.home_of(request.operations[1].entity));
    CHECK(directory.home_of(request.operations[0].entity) != RegionId{0});
    CHECK(sum_of(request) == 0);
  }
}

TEST_CASE("few keys and a hot spot still end, with fewer entities") {
  WorkloadSpec spec;
  spec.participants = 50;
  spec.keys = GENERATE(KeyDistribution::uniform, KeyDistribution::zipfian, KeyDistribution::hotspot);
  spec.zipf_theta = 1.9;
  spec.hot_keys = 0.0;
  spec.hot_share = 1.0;
  Directory directory(kThree, 1, Placement::replicated, 7);
  Generator generator(spec, directory, RegionId{0}, 1);
  for (int i = 0; i < 20; ++i) {
    const Request request = generator.next().request;
    CHECK(request.operations.size() == 7);
    CHECK(sum_of(request) == 0);
  }
}

TEST_CASE("a hot spot takes its share of the accesses") {
  WorkloadSpec spec;
  spec.keys = KeyDistribution::hotspot;
  spec.hot_keys = 0.01;
  spec.hot_share = 0.9;
  spec.participants = 2;
  spec.local = 1.0;
  Directory directory({"one"}, 1, Placement::replicated, 100'000);
  Generator generator(spec, directory, RegionId{0}, 3);
  double hot = 0;
  for (int i = 0; i < 20'000; ++i) {
    for (const Operation& op : generator.next().request.operations) {
      hot += op.entity.value < 1000 ? 1 : 0;
    }
  }
  CHECK(hot / 40'000 == Approx(0.9).epsilon(0.01));
}

TEST_CASE("reads change nothing and come as often as asked") {
  WorkloadSpec spec;
  spec.reads = 0.25;
  Directory directory(kThree, 1, Placement::replicated, 1000);
  Generator generator(spec, directory, RegionId{0}, 3);
  double reads = 0;
  for (int i = 0; i < 10'000; ++i) {
    const Request request = generator.next().request;
    const bool read = request.operations.front().read;
    reads += read ? 1 : 0;
    for (const Operation& op : request.operations) {
      REQUIRE(op.read == read);
      REQUIRE((op.delta == 0) == read);
    }
  }
  CHECK(chi_square({reads, 10'000 - reads}, {2500, 7500}) < bound(2));
}
