// `geocommit clean`: kills exactly what a dead runner registered and left, and nothing else.
#include "wan/run_state.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

using namespace geocommit;

namespace {

/// A child that sleeps until it is killed (at most a minute); reaped by the destructor.
struct Sleeper {
  pid_t pid;
  Sleeper() : pid(::fork()) {
    if (pid == 0) {
      ::alarm(60);
      for (;;) ::pause();
    }
  }
  ~Sleeper() {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
};

std::filesystem::path scratch() {
  std::string name = "/tmp/geocommit-test-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  return name;
}

std::string boot() {
  std::ifstream stream("/proc/sys/kernel/random/boot_id");
  std::string id;
  stream >> id;
  return id;
}

void write_state(const std::filesystem::path& path, const std::string& rest) {
  std::ofstream(path) << "geocommit-run 1\nboot " << boot() << "\n" << rest;
}

std::string process_line(pid_t pid, std::uint64_t ticks_more = 0) {
  const auto identity = identify(pid);
  REQUIRE(identity.has_value());
  return "process " + std::to_string(pid) + " " + std::to_string(identity->start_ticks + ticks_more) + " agent\n";
}

}  // namespace

TEST_CASE("clean kills what a dead runner left, and only that") {
  const auto folder = scratch();
  const Sleeper left;
  const Sleeper other_start_time;  // the pid was reused by somebody else's process
  const Sleeper bystander;
  pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ::waitpid(dead, nullptr, 0);
  write_state(folder / "run-1.state", "runner " + std::to_string(dead) + " 1\n" + process_line(left.pid) +
                                          process_line(other_start_time.pid, 1) + "process 1 0 init\nproces");
  std::ofstream(folder / "unrelated.txt") << "x";
  std::ofstream(folder / "run-bad.state") << "something else\n";
  const auto report = clean_leftovers(folder);
  REQUIRE(report.ok());
  CHECK(report->killed == 1);
  CHECK(report->removed == 1);
  CHECK(report->live == 0);
  CHECK_FALSE(identify(left.pid).has_value());
  CHECK(identify(other_start_time.pid).has_value());
  CHECK(identify(bystander.pid).has_value());
  CHECK_FALSE(std::filesystem::exists(folder / "run-1.state"));
  CHECK(std::filesystem::exists(folder / "unrelated.txt"));
  CHECK(std::filesystem::exists(folder / "run-bad.state"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("a run that is still going, or of another boot, loses no process") {
  const auto folder = scratch();
  const Sleeper runner;
  const Sleeper agent;
  const auto identity = identify(runner.pid);
  REQUIRE(identity.has_value());
  const std::string runner_line =
      "runner " + std::to_string(runner.pid) + " " + std::to_string(identity->start_ticks) + "\n";
  write_state(folder / "run-2.state", runner_line + process_line(agent.pid));
  auto report = clean_leftovers(folder);
  REQUIRE(report.ok());
  CHECK(report->live == 1);
  CHECK(std::filesystem::exists(folder / "run-2.state"));
  std::ofstream(folder / "run-2.state") << "geocommit-run 1\nboot 0-0\n" << runner_line << process_line(agent.pid);
  report = clean_leftovers(folder);
  REQUIRE(report.ok());
  CHECK(report->killed == 0);
  CHECK(report->removed == 1);
  CHECK(identify(agent.pid).has_value());
  std::filesystem::remove_all(folder);
}

TEST_CASE("a run registers itself and its children, and leaves nothing") {
  const auto folder = scratch();
  ::setenv("XDG_RUNTIME_DIR", folder.c_str(), 1);
  std::filesystem::path path;
  const Sleeper child;
  {
    auto state = RunState::begin();
    REQUIRE(state.ok());
    path = state->path();
    REQUIRE(state->add(child.pid, "agent").ok());
    const auto report = clean_leftovers(path.parent_path());
    REQUIRE(report.ok());
    CHECK(report->live == 1);
  }
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(identify(child.pid).has_value());
  std::filesystem::remove_all(folder);
}

TEST_CASE("the folder of the sockets is closed to others, also where it was left open") {
  const auto folder = scratch();
  ::setenv("XDG_RUNTIME_DIR", folder.c_str(), 1);
  const auto mine = folder / "geocommit";
  const auto mode = [&] { return std::filesystem::status(mine).permissions(); };
  using std::filesystem::perms;
  REQUIRE(run_state_folder().ok());
  CHECK(mode() == perms::owner_all);
  for (const int left : {0755, 0711}) {
    REQUIRE(::chmod(mine.c_str(), static_cast<mode_t>(left)) == 0);
    REQUIRE(run_state_folder().ok());
    CHECK(mode() == perms::owner_all);
  }
  REQUIRE(::chmod(mine.c_str(), 0777) == 0);  // Who knows what somebody has put there.
  const auto refused = run_state_folder();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("XDG_RUNTIME_DIR") != std::string::npos);
  std::filesystem::remove_all(folder);
}
