#!/usr/bin/env python3
"""A simulated run leaves the logs of a real one, and `check` judges them as the run did; what is amiss in them is found.

Usage: tests/sim/check_again.py GEOCOMMIT-SIM TRANSACTIONS
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

EXPERIMENT = """name: many
topology: lan
emulation: sim
protocols: [2pc]
data: {{placement: partitioned, sites_per_region: 1, keys_per_participant: 100000}}
workload: {{participants: 3, arrival: fixed, rate: 1000/s, local: 0}}
durability: fixed(1ms)
warmup: 0s
duration: {seconds}ms
"""


def main():
    program, transactions = sys.argv[1], int(sys.argv[2])
    place = pathlib.Path(tempfile.mkdtemp(prefix="geocommit-check-"))
    try:
        file = place / "many.yaml"
        file.write_text(EXPERIMENT.format(seconds=transactions * 1000 // 3000 + 1))
        results = place / "results"
        subprocess.run([program, file, "--logs", "--quiet", "--output", results], check=True, stdout=subprocess.DEVNULL)
        began = time.monotonic()
        done = subprocess.run([program, "check", results], text=True, capture_output=True, check=False)
        took = time.monotonic() - began
        print(done.stdout, done.stderr, f"{took:.1f} s")
        found = re.search(r"pass  (\d+) transactions", done.stdout)
        assert done.returncode == 0 and found and int(found.group(1)) >= transactions, "judged as it was"
        # The last tenth of one agent's log is gone: that is no evidence of anything.
        log = sorted((results / "nodes").glob("*/agent@*/*.seg"))[-1]
        whole = log.read_bytes()
        log.write_bytes(whole[: len(whole) * 9 // 10])
        done = subprocess.run([program, "check", results], text=True, capture_output=True, check=False)
        print(done.stdout[:2000])
        assert done.returncode == 3 and str(log) in done.stdout, f"a log that lost its tail: exit status {done.returncode}"
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
