#!/usr/bin/env python3
"""scripts/new-protocol: what it writes is whole, compiles and is tidy; names and wire ids are unique; what fails or is interrupted
leaves the tree as it was; git undoes it.

Usage: new_protocol_test.py SOURCE-FOLDER COMPILER
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from made_up import copy_sources, git, interrupt, is_gone, made_up_build, program, snapshot  # noqa: E402

SOURCE, COMPILER = pathlib.Path(sys.argv[1]), sys.argv[2]
problems = []


def check(condition, what):
    if not condition:
        problems.append(what)


def new_protocol(tree, *words, build=None):
    environment = {**os.environ, "GEOCOMMIT_BUILD": str(build)} if build else None
    done = subprocess.run([str(tree / "scripts/new-protocol"), *words], capture_output=True, text=True, env=environment, check=False)
    return done.returncode, done.stdout + done.stderr


def expect_refused(tree, before, why, *words):
    code, output = new_protocol(tree, *words)
    check(code == 1 and why in output, f"new-protocol {' '.join(words)}: status {code}, and not '{why}':\n{output}")
    check(snapshot(tree) == before, f"new-protocol {' '.join(words)}: refused, and the tree is another")


def names_are_refused(tree):
    before = snapshot(tree)
    for name, why in (("2pc", "cannot be"), ("home-region", "is taken"), ("three-phase-commit", "is taken"), ("Easy", "cannot be"), ("easy--commit", "cannot be"),
                      ("easy_commit", "cannot be"), ("-easy", "cannot be"), ("../easy", "cannot be"), ("é", "cannot be"), ("", "cannot be"),
                      ("a" * 33, "cannot be"), ("template", "word of C++"), ("not-eq", "word of C++"), ("orphans", "namespace orphans is taken"),
                      ("parts", "is there already"), ("commit", "names a protocol"), ("quick-commit", "no row with machines")):
        base = ("--from", "home-region") if name == "quick-commit" else ("--no-build",)
        expect_refused(tree, before, why, *base, "--", name)
    expect_refused(tree, before, "no row with machines", "quick-commit", "--from", "2pc-presumed-commit", "--no-build")
    expect_refused(tree, before, "see scripts/new-protocol --help", "easy", "--nonsense")
    expect_refused(tree, before, "--title", "easy", "--title", 'a "b"', "--no-build")
    code, output = new_protocol(tree, "--help")
    check(code == 0 and "Examples:" in output, "--help")


def unsaved_changes_are_kept(tree):
    registry = tree / "protocols/registry.cpp"
    text = registry.read_text()
    registry.write_text(text + "// mine\n")
    expect_refused(tree, snapshot(tree), "in no commit", "quick-commit", "--no-build")
    registry.write_text(text)


def what_is_written(tree, base, folder, wire_id):
    before = snapshot(tree)
    name = f"try-{base}"
    code, output = new_protocol(tree, name, "--from", base, "--title", "A Try", "--no-build")
    check(code == 0, f"--from {base}: status {code}\n{output}")
    if code != 0:
        return
    new, after = tree / "protocols" / f"try_{base}", snapshot(tree)
    scripts = {p.name for p in (tree / "protocols" / folder / "traces").iterdir()}
    check({p.name for p in (new / "traces").iterdir()} == scripts and len(scripts) > 20, "not all trace scripts")
    for path in (new / "traces").iterdir():
        lines = path.read_text().splitlines()
        check(all(line.startswith((">", "#")) for line in lines), f"{path.name}: a text that nobody has run")
        check(any(line.startswith(f"> use {name} ") for line in lines), f"{path.name}: of another protocol")
    own = [p for p in new.iterdir() if p.suffix in (".h", ".cpp")]
    check(len(own) == len(list((tree / "protocols" / folder).glob("*.h"))) + len(list((tree / "protocols" / folder).glob("*.cpp"))), "not all sources")
    check(not any(re.search(rf"\b{folder}\b", p.read_text()) for p in own), f"--from {base}: speaks of {folder}")
    check(f"kWireId = {wire_id};" in (new / f"{new.name}.h").read_text(), f"--from {base}: the wire id is not {wire_id}")
    readme = (new / "README.md").read_text()
    for heading in ("Paper", "States", "Messages", "Cost", "Messages about a transaction without a machine", "Points"):
        check(f"\n## {heading}" in readme, f"--from {base}: no heading {heading} in its README")
    check("| PREPARE | prepare | nothing |\n| VOTE | vote | yes |" in readme, "no table of messages")
    changed = {p for p in after if before.get(p) != after[p] and not p.startswith(f"protocols/{new.name}/")}
    check(changed == {"protocols/registry.cpp", "protocols/CMakeLists.txt"}, f"--from {base} touched {changed}")
    for path in sorted([*own, tree / "protocols/registry.cpp"]):
        if path.suffix == ".cpp":
            done = subprocess.run([COMPILER, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wshadow", "-Werror", f"-I{tree}", str(path)],
                                  capture_output=True, text=True, check=False)
            check(done.returncode == 0, f"{path.name} does not compile:\n{done.stderr[:2000]}")
    code, output = new_protocol(tree, name, "--no-build")
    check(code == 1 and "is taken" in output, "the same name again")
    git(tree, "checkout", "--", "protocols/registry.cpp", "protocols/CMakeLists.txt")
    git(tree, "clean", "-fdq", f"protocols/{new.name}")
    check(snapshot(tree) == before, "git does not undo it")


def what_fails_leaves_nothing(tree, scratch):
    before = snapshot(tree)
    build = scratch / "fails"
    made_up_build(build, command="echo no such luck; false")
    code, output = new_protocol(tree, "quick-commit", build=build)
    check(code == 1 and "no such luck" in output and "Nothing is changed." in output, f"a build that fails: {code}\n{output}")
    check(snapshot(tree) == before, "a build that fails leaves something")
    made_up_build(build)
    program(build / "tests/explore/test_states", "echo gone wrong; exit 1")
    code, output = new_protocol(tree, "quick-commit", build=build)
    check(code == 1 and "gone wrong" in output and snapshot(tree) == before, f"states files that fail: {code}\n{output}")
    program(build / "tests/explore/test_states", "exit 0")
    code, output = new_protocol(tree, "quick-commit", build=build)
    check(code == 0 and "scripts/protocol-check quick-commit" in output and "git add protocols" in output, f"a build that works: {code}\n{output}")
    git(tree, "checkout", "--", "protocols")
    git(tree, "clean", "-fdq", "protocols")
    for order in (signal.SIGINT, signal.SIGTERM):
        began = scratch / f"pid{order}"
        made_up_build(build, command=f"echo $$$$ > {began}.new; mv {began}.new {began}; exec sleep 600")
        code, output = interrupt([str(tree / "scripts/new-protocol"), "quick-commit"], began, {"GEOCOMMIT_BUILD": str(build)}, order)
        check(code == 130 and "interrupted" in output, f"interrupted: status {code}\n{output}")
        check(snapshot(tree) == before, "interrupted, it leaves something")
        check(began.exists() and is_gone(int(began.read_text())), "interrupted, its build goes on")


def main():
    with tempfile.TemporaryDirectory() as directory:
        scratch = pathlib.Path(directory)
        tree = scratch / "tree"
        copy_sources(SOURCE, tree)
        header = tree / "protocols/two_phase_commit/two_phase_commit.h"
        text = header.read_text()
        git(tree, "init", "-q")
        header.write_text(text.replace("kWireId = 1;", "kWireId = 40;"))  # A number that was once in use, and is no more.
        git(tree, "add", "-A")
        git(tree, "commit", "-qm", "once")
        header.write_text(text)
        git(tree, "commit", "-qam", "now")
        names_are_refused(tree)
        unsaved_changes_are_kept(tree)
        what_is_written(tree, "2pc", "two_phase_commit", 41)
        what_is_written(tree, "3pc", "three_phase_commit", 41)
        what_fails_leaves_nothing(tree, scratch)
    print("\n".join(problems) if problems else "all as expected")
    return 1 if problems else 0


sys.exit(main())
