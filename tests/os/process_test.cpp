// Child processes: what is said of how they end, and that none is left behind.
#include "os/process.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "os/files.h"

namespace geocommit {
namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = "/tmp/geocommit-process-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

ProcessSpec shell(const Folder& folder, const std::string& script) {
  return {"agent@here", "/bin/sh", {"-c", script}, folder.path / "log", -1};
}

std::vector<Death> wait_for_death(Fleet& fleet) {
  for (int i = 0; i < 100; ++i) {
    auto ended = fleet.poll_ended(100ms);
    if (!ended.empty()) return ended;
  }
  return {};
}

}  // namespace

TEST_CASE("a process that ends is named with its status and last line") {
  const Folder folder;
  Fleet fleet;
  REQUIRE(fleet.start(shell(folder, "echo first; echo 'the port is taken' >&2; exit 3")));
  const auto ended = wait_for_death(fleet);
  REQUIRE(ended.size() == 1);
  CHECK_FALSE(ended[0].clean());
  CHECK(ended[0].describe().find("agent@here (pid ") == 0);
  CHECK(ended[0].describe().find("ended with status 3; its last words: the port is taken") != std::string::npos);
  CHECK(fleet.alive() == 0);
  CHECK(fleet.poll_ended(Duration{0}).empty());  // told once
}

TEST_CASE("a process that is killed is named with its signal") {
  const Folder folder;
  Fleet fleet;
  REQUIRE(fleet.start(shell(folder, "exec sleep 1000")));
  CHECK(fleet.alive() == 1);
  fleet.processes()[0].signal(SIGKILL);
  const auto ended = wait_for_death(fleet);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].describe().find("was killed by signal 9 (Killed); it said nothing") != std::string::npos);
}

TEST_CASE("a program that cannot be started is an error, not a death") {
  const Folder folder;
  Fleet fleet;
  const auto started = fleet.start({"agent@here", "/no/such/program", {}, folder.path / "log", -1});
  REQUIRE_FALSE(started);
  CHECK(started.error().message ==
        "cannot start agent@here (/no/such/program): starting the program: No such file or directory");
}

TEST_CASE("stop ends those that refuse, too, and says so") {
  const Folder folder;
  Fleet fleet;
  REQUIRE(fleet.start(shell(folder, "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done")));
  REQUIRE(fleet.start({"stubborn",
                       "/bin/sh",
                       {"-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"},
                       folder.path / "stubborn.log",
                       -1}));
  for (int i = 0;
       i < 100 && (last_line_of(folder.path / "log").empty() || last_line_of(folder.path / "stubborn.log").empty());
       ++i) {
    (void)fleet.poll_ended(50ms);  // both traps are set
  }
  const pid_t stubborn = fleet.processes()[1].pid();
  const auto unclean = fleet.stop(1s);
  REQUIRE(unclean.size() == 1);
  CHECK(unclean[0].name == "stubborn");
  CHECK(::kill(stubborn, 0) != 0);
}

TEST_CASE("a process dies with its owner") {
  const Folder folder;
  pid_t pid = 0;
  {
    Fleet fleet;
    REQUIRE(fleet.start(shell(folder, "exec sleep 1000")));
    pid = fleet.processes()[0].pid();
    CHECK(::kill(pid, 0) == 0);
  }
  CHECK(::kill(pid, 0) != 0);
}

TEST_CASE("files are replaced whole, and lines are on disk at once") {
  const Folder folder;
  REQUIRE(write_file(folder.path / "a", "one"));
  REQUIRE(write_file(folder.path / "a", "two"));
  CHECK(last_line_of(folder.path / "a") == "two");
  CHECK_FALSE(std::filesystem::exists(folder.path / "a.tmp"));
  auto lines = LineFile::open(folder.path / "b");
  REQUIRE(lines);
  REQUIRE(lines->line("x"));
  CHECK(last_line_of(folder.path / "b") == "x");
  CHECK_FALSE(write_file("/no/such/folder/file", "x"));
  CHECK(csv("a,\"b\"") == "\"a,\"\"b\"\"\"");
  const auto force = measure_forced_write(folder.path);
  REQUIRE(force);
  CHECK(*force > Duration{0});
}

TEST_CASE("what lies in wait is not followed, and a probe leaves nothing") {
  const Folder folder;
  const auto victim = folder.path / "victim";
  REQUIRE(write_file(victim, "precious"));
  const auto place = folder.path / "place";
  REQUIRE(make_folder(place));
  for (const char* name : {".forced-write-probe", "report.tmp"}) std::filesystem::create_symlink(victim, place / name);
  REQUIRE(measure_forced_write(place));
  REQUIRE(write_file(place / "report", "new"));
  CHECK(last_line_of(victim) == "precious");
  CHECK(last_line_of(place / "report") == "new");
  std::filesystem::remove(place / ".forced-write-probe");
  std::filesystem::remove(place / "report");
  CHECK(std::filesystem::is_empty(place));
  CHECK(nearest_folder(place / "a" / "b") == place);
  CHECK(nearest_folder("/no/such/folder") == "/");
}

TEST_CASE("any bytes become text") {
  for (const char* good : {"", "results", "r\xc3\xa9sultats", "\xe2\x82\xac", "\xf0\x9f\x98\x80"})
    CHECK(valid_utf8(good) == good);
  CHECK(valid_utf8("r\xe9sultats") == "r\xef\xbf\xbdsultats");
  CHECK(valid_utf8("\xc0\xaf") == "\xef\xbf\xbd\xef\xbf\xbd");  // overlong
  CHECK(valid_utf8("\xed\xa0\x80").size() == 9);                // a surrogate
  CHECK(valid_utf8("\xe2\x82") == "\xef\xbf\xbd\xef\xbf\xbd");  // cut short
  CHECK(valid_utf8("\xf4\x90\x80\x80").size() == 12);           // beyond Unicode
}

}  // namespace geocommit
