#!/usr/bin/env python3
"""`cmake --install` into a scratch folder, which is then moved: the one command there finds its programs and files, whatever
the prefix, and leaves its results where it is called. In a bare Debian, as a package: scripts/package --check, by hand.

Usage: installed_test.py BUILD-FOLDER
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1]).resolve()
bad = []


def check(condition, what):
    if not condition:
        bad.append(what)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        place = pathlib.Path(scratch)
        done = subprocess.run(["cmake", "--install", BUILD, "--prefix", place / "first", "--strip"], capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            sys.exit(f"cmake --install: {done.stdout[-500:]}{done.stderr}")
        prefix, at = (place / "first").rename(place / "moved"), place / "work"
        at.mkdir()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GEOCOMMIT_")}
        environment |= {"PATH": f"{prefix / 'bin'}:{os.environ['PATH']}", "NO_COLOR": "1"}

        def run(*words, well=(0,)):
            done = subprocess.run([*map(str, words)], capture_output=True, text=True, cwd=at, timeout=600, env=environment)
            check(done.returncode in well, f"{' '.join(map(str, words))}: status {done.returncode}: {done.stdout[-400:]}{done.stderr[-400:]}")
            return done.stdout

        listed = run("geocommit", "list")
        check("quickstart" in listed and "aws-3" in listed, f"list: {listed}")
        check("aws-15" in run("geocommit", "topology", "aws-15"), "a shipped topology by its name")
        text = run("geocommit", "--help")
        check("Usage: geocommit" in text and "./geocommit" not in text, "help names the command as it is typed")
        commands = re.findall(r"(?m)^  ([a-z]+) {3,}[A-Z]", text)
        check(len(commands) > 15, f"commands in --help: {commands}")

        page = (prefix / "share/man/man1/geocommit.1").read_text()
        for command in commands:
            check(f".SH GEOCOMMIT {command.upper()}\n" in page, f"{command} is not in the man page")
        check("as protocols: in the file" in page.lower() and "\\-\\-repetitions" in page, "the options of a command are in the man page")
        completion = prefix / "share/bash-completion/completions/geocommit"
        offered = run("bash", "-uc", f"source {completion}; COMP_WORDS=(geocommit sim qui); COMP_CWORD=2; _geocommit; echo ${{COMPREPLY[@]}}")
        check("quickstart" in offered.split(), f"completion of shipped experiments: {offered!r}")

        short = ("--protocols", "2pc", "--quiet", "--set", "duration=1s", "--set", "warmup=100ms")
        run("geocommit", "sim", "quickstart", *short, "--output", "simulated")
        run("geocommit", "run", "quickstart", *short, "--emulation", "sim", "--output", "by-run")
        # Every helper program; that a starved machine's run could not be judged is no matter of where they are.
        run("geocommit", "run", "quickstart", *short, "--emulation", "loopback", well=(0, 3))
        check(len(list(at.glob("results/quickstart-*/report.html"))) == 1, "results are where the command is called")
        for folder in ("simulated", "by-run"):
            check((at / folder / "summary.json").exists(), f"{folder}: no summary.json")
        run("geocommit", "compare", "simulated", "by-run")
        for name in ("uPlot.LICENSE", "land.LICENSE"):
            check((prefix / "share/doc/geocommit/notices" / name).stat().st_size > 100, f"{name} is not installed")
    print("\n".join(bad) or "ok")
    sys.exit(1 if bad else 0)


main()
