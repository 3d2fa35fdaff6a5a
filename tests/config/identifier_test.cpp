// Names, and the paths that are made of them.
#include "base/identifier.h"

#include <catch2/catch.hpp>
#include <vector>

#include "runtime/child_path.h"

using namespace geocommit;

TEST_CASE("what is a name, and what is not") {
  for (const char* good : {"a", "2pc-r1", "us-east-1", "x.y_z", "0"}) CHECK(is_identifier(good));
  CHECK(is_identifier(std::string(64, 'a')));
  CHECK_FALSE(is_identifier(std::string(65, 'a')));
  for (const char* bad : {"", ".", "..", "-a", ".a", "_a", "a/b", "a b", "a@b", "\xc3\xa9", "a\n", "x/../../victim"}) {
    CHECK_FALSE(is_identifier(bad));
  }
  CHECK_FALSE(is_identifier(std::string_view("a\0b", 3)));
  CHECK(is_path_component("agent1@eu-west-1"));
  CHECK_FALSE(is_path_component("@a"));
}

TEST_CASE("no name, however put together, leads out of the folder or into a hidden file") {
  const std::filesystem::path folder = "/results";
  const std::string letters("a./@-\0\\ \xff", 9);
  std::size_t taken = 0;
  std::vector<std::string> names{""};
  for (std::size_t at = 0; at < names.size(); ++at) {
    const std::string name = names[at];
    if (name.size() < 4) {
      for (const char letter : letters) names.push_back(name + letter);
    }
    const auto path = child_path(folder, {"nodes", name});
    if (!path) continue;
    ++taken;
    CHECK(path->lexically_normal().parent_path() == folder / "nodes");
    CHECK(path->filename().string() == name);
    CHECK(name.front() != '.');
  }
  CHECK(names.size() > 6000);
  CHECK(taken == 1 + 4 + 16 + 64);  // 'a', then any of "a.@-"
  CHECK_FALSE(child_path(folder, {"..", "a"}).ok());
  CHECK(child_path(folder, {"x/../../victim"}).error().message ==
        "expected a name of letters, digits, '.', '_' and '-', a letter or digit first, at most 64, to be found in "
        "/results, got \"x/../../victim\"");
}
