// Options as data: what a value may be, how it is read and said, and that nothing set is all as standard.
#include "protocols/options.h"

#include <array>
#include <catch2/catch.hpp>
#include <set>

#include "protocols/registry.h"

namespace geocommit {
namespace {

/// Made up: no row has a number yet.
constexpr std::array<OptionRow, 2> kTable{{{1, "acks", OptionType::boolean, 1, 0, 1, "waits for acknowledgements"},
                                           {2, "f", OptionType::integer, 1, 0, 9, "failures that it stands"}}};

std::string why_not(const std::vector<std::string>& words) {
  const auto read = read_options("made-up", kTable, words);
  return read ? "" : read.error().message;
}

}  // namespace

TEST_CASE("options of every row are complete, in their places, and as standard when nothing is set") {
  for (const Protocol& row : all_protocols()) {
    CAPTURE(row.name);
    REQUIRE(row.options.size() <= kOptionsMost);
    std::set<std::string_view> names{"label"};  // A key beside them.
    for (std::size_t i = 0; i < row.options.size(); ++i) {
      const OptionRow& option = row.options[i];
      CHECK(option.number == i + 1);
      CHECK(names.insert(option.name).second);
      CHECK_FALSE(option.help.empty());
      CHECK((option.least <= option.standard && option.standard <= option.most && option.least < option.most));
      CHECK(ProtocolOptions{}.value(option) == option.standard);
      CHECK(parse_option(option, text_of(option, option.standard)) == option.standard);
      CHECK(find_option(row.options, option.name) == &option);
    }
    CHECK(text_of(row.options, ProtocolOptions{}).empty());
  }
}

TEST_CASE("options are read strictly and said as they were written") {
  const auto read = read_options("made-up", kTable, {"f=3", "acks=false"});
  REQUIRE(read);
  CHECK(read->value(kTable[1]) == 3);
  CHECK_FALSE(read->on(kTable[0]));
  CHECK(text_of(kTable, *read) == "acks=false f=3");
  CHECK(*read != ProtocolOptions{});
  CHECK(*read_options("made-up", kTable, {"f=1", "acks=true"}) == ProtocolOptions{});
  CHECK(why_not({"g=1"}) == "option g=1: there is none of that name: made-up has acks (true | false), f (0 to 9)");
  CHECK(why_not({"f=10"}) == "option f=10: expected f=0 to 9");
  CHECK(why_not({"f=-1"}) == "option f=-1: expected f=0 to 9");
  CHECK(why_not({"f=1x"}) == "option f=1x: expected f=0 to 9");
  CHECK(why_not({"f"}) == "option f: expected f=0 to 9");
  CHECK(why_not({"acks=1"}) == "option acks=1: expected acks=true | false");
  CHECK(why_not({"f=1", "f=1"}) == "option f=1: it has been given already");
  CHECK(options_of("home-region", {}) == "home-region has no options");
}

}  // namespace geocommit
