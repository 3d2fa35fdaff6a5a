#!/usr/bin/env python3
"""scripts/protocol-check: every part is run and held to the one protocol; which failed is said, with the command that runs it alone;
statuses; an interruption leaves nothing running.

Usage: protocol_check_test.py SOURCE-FOLDER
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from made_up import TARGETS, interrupt, is_gone, made_up_build, program  # noqa: E402

SOURCE = pathlib.Path(sys.argv[1])
CHECK = str(SOURCE / "scripts/protocol-check")
PARTS = ("tidy", "traces", "costs", "random", "explorer", "states", "seeds")
problems = []


def check(condition, what):
    if not condition:
        problems.append(what)


def protocol_check(build, *words):
    done = subprocess.run([CHECK, *words], capture_output=True, text=True, env={**os.environ, "GEOCOMMIT_BUILD": str(build)}, check=False)
    return done.returncode, done.stdout + done.stderr


def all_pass(build, heard):
    """Each program is run once, of this protocol alone."""
    made_up_build(build, programs=f'echo "{{target}} $GEOCOMMIT_PROTOCOL $*" >> {heard}')
    code, output = protocol_check(build, "3pc", "--seeds", "7")
    check(code == 0 and "3pc: 7 of 7 parts passed" in output, f"all pass: status {code}\n{output}")
    check(all(f"{part}: passed" in output for part in PARTS), f"a part is not named:\n{output}")
    check(heard.read_text().splitlines() == [
        "trace_runner  3pc", "test_trace_costs 3pc ", "test_protocols 3pc ", "test_explore 3pc every protocol*", "test_states  3pc",
        "geocommit-sim  fuzz --protocol 3pc --seeds 1..7"], f"what is run:\n{heard.read_text()}")
    heard.unlink()
    code, output = protocol_check(build, "home-region")
    check(code == 0 and "home-region: 3 of 3 parts passed" in output, f"a router: status {code}\n{output}")
    heard.unlink()
    code, output = protocol_check(build, "2pc", "--only", "explorer")
    check(code == 0 and heard.read_text() == "test_explore 2pc every protocol*\n", f"--only: status {code}\n{output}{heard.read_text()}")
    heard.unlink()
    code, output = protocol_check(build, "2pc", "--list")
    check(code == 0 and len(output.splitlines()) == len(PARTS) and not heard.exists(), f"--list: status {code}\n{output}")


def what_fails_is_said(build):
    for target, part in (("trace_runner", "traces"), ("geocommit-sim", "seeds"), ("test_explore", "explorer")):
        made_up_build(build, programs="exit 0")
        program(build / TARGETS[target], "for i in $(seq 100); do echo line $i; done; echo the reason; exit 3")
        code, output = protocol_check(build, "2pc")
        lines = output.splitlines()
        check(code == 1 and lines[-1].endswith(f"FAILED: {part}") and "6 of 7" in lines[-1], f"{part} fails: status {code}\n{output}")
        check("the reason" in lines and "line 70" in lines and "line 10" not in lines, f"{part} fails: its last lines\n{output}")
        at = next((n for n, line in enumerate(lines) if line.startswith(f"{part}: FAILED (status 3")), None)
        again = lines[at + 1].removeprefix("  again: ") if at is not None else "false"
        done = subprocess.run(["sh", "-c", again], cwd=SOURCE, capture_output=True, text=True, check=False)
        check(done.returncode == 3 and "the reason" in done.stdout, f"{part}: '{again}' runs it alone: status {done.returncode}")
    made_up_build(build, programs="kill -9 $$")
    code, output = protocol_check(build, "2pc", "--only", "costs")
    check(code == 1 and "costs: FAILED (signal 9" in output, f"a part that is killed: status {code}\n{output}")
    made_up_build(build, command="echo no such luck; false")
    code, output = protocol_check(build, "2pc", "--only", "costs")
    check(code == 1 and "no such luck" in output and "Again: ninja -C" in output, f"a build that fails: status {code}\n{output}")


def what_is_refused(build):
    made_up_build(build)
    for words, why in ((["2pcc"], 'did you mean "2pc"?'), (["2pc", "--only", "trace"], "the parts are tidy, traces"),
                       (["home-region", "--only", "costs"], "is a router"), (["2pc", "--seeds", "0"], "--seeds"),
                       (["2pc", "--seeds", "x"], "--help"), (["2pc", "--nonsense"], "--help")):
        code, output = protocol_check(build, *words)
        check(code == 1 and why in output, f"{words}: status {code}, and not '{why}':\n{output}")
    code, output = protocol_check(build)
    check(code == 1 and "Usage:" in output, "no name")
    code, output = protocol_check(build, "--help")
    check(code == 0 and "Examples:" in output, "--help")


def interruption(build, scratch):
    for order in (signal.SIGINT, signal.SIGTERM):
        for during in ("build", "part"):
            began = scratch / f"{during}{order}"
            if during == "build":
                made_up_build(build, command=f"echo $$$$ > {began}.new; mv {began}.new {began}; exec sleep 600")
            else:
                made_up_build(build, programs=f"echo $$ > {began}; exec sleep 600")
            code, output = interrupt([CHECK, "2pc", "--only", "traces"], began, {"GEOCOMMIT_BUILD": str(build)}, order)
            check(code == 130 and "interrupted" in output, f"interrupted in a {during}: status {code}\n{output}")
            check(began.exists() and is_gone(int(began.read_text())), f"interrupted in a {during}, which goes on")


def main():
    with tempfile.TemporaryDirectory() as directory:
        scratch = pathlib.Path(directory)
        all_pass(scratch / "build", scratch / "heard")
        what_fails_is_said(scratch / "build")
        what_is_refused(scratch / "build")
        interruption(scratch / "build", scratch)
    print("\n".join(problems) if problems else "all as expected")
    return 1 if problems else 0


sys.exit(main())
