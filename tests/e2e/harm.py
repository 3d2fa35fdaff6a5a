#!/usr/bin/env python3
"""End-to-end tests that geocommit harms nobody's machine: names that are no paths, files that lie in wait, ends of a run.

Usage: tests/e2e/harm.py [NAME ...]     all of them if none is named
GEOCOMMIT_BUILD names the build folder (default: build/dev). Exits 1 if one fails, 77 if all were skipped.
"""
import os
import pathlib
import signal
import subprocess
import sys
import traceback

from harness import BUILD, HOME, PATIENCE, QUICK, RUNNER, SKIPPED, Running, Skip, check, equal, folder, run, summary, write

SIM = BUILD / "sim" / "geocommit-sim"


def contents(place):
    """Every file below a folder, with its bytes."""
    return {str(p.relative_to(place)): p.read_bytes() for p in sorted(place.rglob("*")) if p.is_file()}


def names_are_no_paths():
    """A region named like a way out of the results folder is refused where it stands, and nothing is touched."""
    with folder() as place:
        victim = place / "victim"
        victim.mkdir()
        write(victim / "precious", "precious\n")
        wicked = "x/../../../../victim"
        topology = write(place / "t.yaml", f"name: t\nregions: {{'{wicked}': {{}}, b: {{}}}}\nrtt: {{'{wicked}': {{b: 10}}}}\n")
        text = QUICK.replace("topology: lan", f"topology: {topology}").replace("[rack-1]", "[b]")
        file = write(place / "quick.yaml", text.replace("participants: 3", "participants: 2"))
        for words in ([RUNNER, "run", file, "--output", place / "results"],
                      [SIM, file, "--logs", "--output", place / "simulated"]):
            done = subprocess.run(list(map(str, words)), cwd=place, capture_output=True, text=True, timeout=PATIENCE)
            equal(contents(victim), {"precious": b"precious\n"}, f"the folder outside, after {words[0]}")
            equal(done.returncode, 1, f"exit status\n{done.stdout}\n{done.stderr}")
            check(f"{topology}:2:11: regions.{wicked}: expected a name of letters, digits, '.', '_' and '-'" in done.stderr,
                  f"place and remedy: {done.stderr}")


TESTS = [names_are_no_paths]


def main():
    wanted = sys.argv[1:]
    unknown = set(wanted) - {t.__name__ for t in TESTS}
    if unknown:
        sys.exit(f"no test {unknown}; there are: {' '.join(t.__name__ for t in TESTS)}")
    failed = skipped = 0
    chosen = [t for t in TESTS if not wanted or t.__name__ in wanted]
    for test in chosen:
        try:
            test()
            print(f"{test.__name__}: passed")
        except Skip as why:
            skipped += 1
            print(f"{test.__name__}: skipped: {why}")
        except Exception:
            failed += 1
            print(f"{test.__name__}: FAILED")
            traceback.print_exc()
    sys.exit(1 if failed else SKIPPED if skipped == len(chosen) else 0)


if __name__ == "__main__":
    main()
