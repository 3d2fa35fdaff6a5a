#!/usr/bin/env python3
"""What does not depend on time agrees exactly between a run on real processes and the same file in virtual time.

Usage: tests/sim/agree.py       GEOCOMMIT_BUILD as for tests/e2e/e2e.py
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from harness import BUILD, PATIENCE, QUICK, check, equal, folder, run, summary, write  # noqa: E402


def simulate(file, output):
    done = subprocess.run([BUILD / "sim" / "geocommit-sim", file, "--output", output], text=True, capture_output=True,
                          timeout=PATIENCE, check=False)
    check(done.returncode == 0, f"geocommit-sim exited {done.returncode}\n{done.stdout}\n{done.stderr}")
    return summary(output)


def main():
    with folder() as place:
        file = write(place / "both.yaml", QUICK.replace("[2pc]", "[2pc, 3pc, home-region]"))
        simulated = simulate(file, place / "sim")
        equal(simulated["emulation"], "sim", "the simulation says what it is")
        status, out, err = run("run", file, "--output", place / "real", cwd=place)
        check(status == 0, f"exit status {status}\n{out}\n{err}")
        real = summary(place / "real")
        equal([cell["cell"] for cell in simulated["cells"]], [cell["cell"] for cell in real["cells"]], "cells")
        for a, b in zip(real["cells"], simulated["cells"]):
            equal((a["verdict"], b["verdict"]), ("pass", "pass"), f"{a['cell']}: verdicts")
            equal(a["transactions"]["offered"], b["transactions"]["offered"], f"{a['cell']}: offered")
            check(b["transactions"]["committed"] > 70, f"nearly all commit: {b['transactions']}")
            for figure in ("messages", "wan_messages", "forced_writes", "lazy_writes"):
                equal(b["costs_per_commit"][figure], a["costs_per_commit"][figure], f"{a['cell']}: {figure} per commit")
            equal(sorted(a), sorted(b), f"{a['cell']}: the same fields")
        # emulation: sim, by way of the runner.
        status, out, err = run("run", file, "--emulation", "sim", "--output", place / "again", cwd=place)
        check(status == 0, f"exit status {status}\n{out}\n{err}")
        for name in ("summary.json", "timeseries.csv", "trace.txt"):
            equal((place / "again" / name).read_bytes(), (place / "sim" / name).read_bytes(), name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
