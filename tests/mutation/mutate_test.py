#!/usr/bin/env python3
"""scripts/mutate itself: each kind of bug is planted where it should be and nowhere else; ninja's graph is read right; a
sample is the same for the same seed; what survives is told from what is caught.

Usage: mutate_test.py SOURCE-FOLDER
"""
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(sys.argv[1])
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "scripts"))

from mutation import build, operators  # noqa: E402

TINY = """#include "a/b.h"  // if (x == 1) {
namespace geocommit {
constexpr int kFlushItems = 64;
bool Sample::take(const Peer& from, const Peer& to, int items) {
  GC_CHECK(items > 0 && to.items_sent < 9);
  if (items >= limit_ || !from.ready()) {
    spdlog::warn("took {} == 7", items + 1);
    return false;
  }
  stats_.items_sent += items;
  stats_.bytes_sent += std::min(items, 3);
  queue_.push_back({from.id, to.id, items});
  wake(to);
  for (std::size_t i = 0; i < queue_.size(); ++i) {
    last_ = queue_[i - 1];
  }
  stats_.items_received = kOutcome == Outcome::commit ? items : 0;
  other_ = Outcome::abort;
  return true;
}
}  // namespace geocommit
"""


def check(problems, condition, what):
    if not condition:
        problems.append(what)


def changes():
    """{kind: {(line, text of that line after the change)}} of the tiny file; a deleted line is ''."""
    members = operators.members_of([TINY])
    found = {}
    for mutant in operators.mutants_of("x.cpp", TINY, members):
        changed = mutant.applied(TINY)
        assert changed != TINY
        new, old = changed.split("\n"), TINY.split("\n")
        lines = " / ".join(n.strip() for n, o in zip(new, old) if n != o)
        found.setdefault(mutant.kind, set()).add((mutant.line, lines))
    return found


WANTED = {
    "condition": [(6, "if (!(items >= limit_ || !from.ready())) {"), (6, "if (items < limit_ || !from.ready()) {"),
                  (6, "if (items >= limit_ && !from.ready()) {"), (6, "if (items >= limit_ || from.ready()) {"),
                  (17, "stats_.items_received = kOutcome != Outcome::commit ? items : 0;"),
                  (14, "for (std::size_t i = 0; i >= queue_.size(); ++i) {")],
    "bound": [(6, "if (items > limit_ || !from.ready()) {"), (14, "for (std::size_t i = 0; i <= queue_.size(); ++i) {"),
              (15, "last_ = queue_[i];"), (14, "for (std::size_t i = 0; i < queue_.size() - 1; ++i) {")],
    "constant": [(3, "constexpr int kFlushItems = 128;"), (8, "return true;"), (19, "return false;"), (14, "for (std::size_t i = 1; i < queue_.size(); ++i) {"),
                 (11, "stats_.bytes_sent += std::min(items, 4);")],
    "twin": [(11, "stats_.bytes_sent += std::max(items, 3);"), (10, "stats_.items_received += items;"), (10, "stats_.bytes_sent += items;"),
             (12, "queue_.push_back({to.id, to.id, items});"), (12, "queue_.push_back({to.id, from.id, items});"),
             (18, "other_ = Outcome::commit;")],
    "omission": [(10, ""), (12, ""), (13, ""), (12, "queue_.push_back({from.id, to.id});"), (6, "if (items >= limit_) {")],
    "swap": [(12, "wake(to); / queue_.push_back({from.id, to.id, items});"),
             (11, "queue_.push_back({from.id, to.id, items}); / stats_.bytes_sent += std::min(items, 3);")],
}


def operators_plant(problems):
    found = changes()
    for kind, wanted in WANTED.items():
        for line, text in wanted:
            check(problems, (line, text) in found.get(kind, set()), f"{kind}: not planted at line {line}: {text!r}; there: "
                  f"{sorted(t for l, t in found.get(kind, set()) if l == line)}")
    everywhere = {(line, text) for kinds in found.values() for line, text in kinds}
    for line in (1, 2, 5, 7):  # an include and a comment, a namespace, a check, a line of the log
        check(problems, not [t for l, t in everywhere if l == line], f"planted in line {line}: {[t for l, t in everywhere if l == line]}")
    commuting = [t for l, t in found["swap"] if l == 10]
    check(problems, not commuting, f"swapped two statements that commute: {commuting}")
    ids = [m.id for m in operators.mutants_of("x.cpp", TINY, operators.members_of([TINY]))]
    check(problems, len(ids) == len(set(ids)), "two mutants have one id")


def graph_is_read(problems):
    graph = build.parse_ninja("build a/x.cpp.o: CXX_COMPILER /src/a/x.cpp | $\n  gen.h || order\n"
                              "build liba.a: CXX_STATIC_LIBRARY_LINKER__a a/x.cpp.o\n"
                              "build tests/t: CXX_EXECUTABLE_LINKER__t tests/t.cpp.o | liba.a || a/prog\n")
    build.parse_deps("a/x.cpp.o: #deps 2, deps mtime 1 (VALID)\n    /src/a/x.cpp\n    ../../a/x.h\n\n", graph)
    check(problems, graph["a/x.cpp.o"][0] == ["/src/a/x.cpp", "gen.h", "/src/a/x.cpp", "../../a/x.h"], f"inputs: {graph['a/x.cpp.o']}")
    check(problems, graph["tests/t"][1] == ["a/prog"], f"order-only inputs: {graph['tests/t']}")


def tests_are_read(problems):
    text = ('add_test([=[wire]=] "/b/tests/runtime/test_wire")\n'
            'set_tests_properties([=[wire]=] PROPERTIES  LABELS "runtime;timing" TIMEOUT "120" _BACKTRACE_TRIPLES "/x;1;add_test;")\n'
            'add_test([=[cell run]=] "/s/run.py" "--only" "/b/sim/prog")\n'
            'set_tests_properties([=[cell run]=] PROPERTIES  ENVIRONMENT "BUILD=/b;HOME=/s" TIMEOUT "7")\nadd_test([=[bare]=] "/s/x")\n')
    wire, cell, bare = (build.Test(*one, pathlib.Path("/b"), pathlib.Path("/b/tests/runtime")) for one in build.parse_tests(text))
    check(problems, (wire.name, wire.labels, wire.limit, wire.programs, wire.words) == ("wire", ["runtime", "timing"], 120.0, {"tests/runtime/test_wire"}, {"wire", "runtime"}),
          f"a test: {vars(wire)}")
    check(problems, cell.any_program and cell.programs == {"sim/prog"} and cell.limit == 7.0, f"a test of programs: {vars(cell)}")
    check(problems, cell.looks_at({"runner/geocommit-runner"}) and not cell.looks_at({"tests/runtime/test_wire"}), "who looks at which program")
    check(problems, wire.looks_at({"tests/runtime/test_wire"}) and not wire.looks_at({"sim/prog"}) and not bare.looks_at({"sim/prog"}), "who looks at a program")


def commands_run(problems):
    code, output = build.run(["sh", "-c", "echo out; exit 3"], 20)
    check(problems, (code, output) == (3, "out\n"), f"run: {code}, {output!r}")
    with tempfile.TemporaryDirectory() as folder:
        # -m: a group of its own. Two loops: whichever process dies first, another may start one more.
        code, _ = build.run(["bash", "-mc", f"(while :; do sleep 600; done) & echo $! > {folder}/pid; while :; do sleep 600; done"], 5)
        check(problems, code is None, "an endless command was not ended")
        left = pathlib.Path("/proc") / pathlib.Path(folder, "pid").read_text().strip()
        try:
            state = (left / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            state = "reaped"
        check(problems, state in ("Z", "X", "reaped"), f"what an endless command had started lives on ({state})")


def command_line(problems):
    def mutate(*words):
        return subprocess.run([SOURCE / "scripts/mutate", *words], capture_output=True, text=True, cwd=SOURCE)
    one, again, other = (mutate("engine/lock_manager", "verdict/", "--list", "--sample", "12", "--seed", s) for s in ("5", "5", "6"))
    check(problems, one.returncode == 0 and one.stdout == again.stdout and one.stdout != other.stdout, "a seed is not a sample of its own")
    drawn = re.findall(r"^(\S+):\d+:(\w+):\d+$", one.stdout, re.M)
    check(problems, len(drawn) == 12 and {k for _, k in drawn} == set(operators.KINDS), f"a sample of twelve: {drawn}")
    check(problems, all(p.startswith(("engine/lock_manager", "verdict/")) for p, _ in drawn), f"outside of what was asked for: {drawn}")
    chosen = re.search(r"^\S+:\d+:\w+:\d+$", one.stdout, re.M).group(0)
    only = mutate("--only", chosen, "--list")
    check(problems, only.returncode == 0 and only.stdout.startswith(chosen), f"--only {chosen}: {only.stdout}{only.stderr}")
    wrong = mutate("no/such/folder", "--list")
    check(problems, wrong.returncode == 1 and "name folders of the sources" in wrong.stderr, f"a folder that is none: {wrong.stderr}")
    stale = mutate("--only", "engine/lock_manager.cpp:1:swap:99", "--list")
    check(problems, stale.returncode == 1 and "--list engine/lock_manager.cpp" in stale.stderr, f"an id that is none: {stale.stderr}")


def main():
    problems = []
    for part in (operators_plant, graph_is_read, tests_are_read, commands_run, command_line):
        part(problems)
    print("\n".join(problems) or "ok")
    sys.exit(1 if problems else 0)


main()
