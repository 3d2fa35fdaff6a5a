#!/usr/bin/env python3
"""Real processes, agents with a faulty part each: the verdict names an anomaly. With the product's own agents it passes.

Usage: real_run.py PLANTED_AGENT"""
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from harness import BUILD, check, folder, summary, write  # noqa: E402

# Few keys, half of the transactions read at two sites; a site of many transactions in doubt crashes, and is told no outcome for a while.
EXPERIMENT = """name: crowded
topology: lan
emulation: loopback
protocols: [2pc]
data: {placement: partitioned, sites_per_region: 1, keys_per_participant: 3, initial_balance: 100000}
workload: {participants: 2, arrival: closed, clients: 16, keys: uniform, local: 0, reads: 0.5}
timeouts: {vote: 1s, decision: 1s, lock_wait: 1s}
durability: fixed(3ms)
warmup: 300ms
duration: 3s
seed: 7
"""
CRASH = "faults:\n  - {at: 1300ms, for: 200ms, crash: agent@rack-2}\n" + "".join(
    f"  - {{at: 1s, for: 1s, drop: {{from: {place}, to: agent@rack-2, kinds: [decision, inquiry]}}}}\n" for place in ("rack-1", "rack-2", "rack-3"))


def program(into, agent):
    """A build folder whose agent is `agent`, the rest the product's. The runner finds the others by where it is itself."""
    for part in ("coordinator", "client", "wan"):
        os.symlink(BUILD / part, into / part)
    for part, file in (("runner/geocommit-runner", BUILD / "runner" / "geocommit-runner"), ("agent/geocommit-agent", agent)):
        (into / part).parent.mkdir()
        shutil.copy2(file, into / part)
    return into


def run(build, planted, text):
    with folder() as here:
        file = write(here / "crowded.yaml", text)
        done = subprocess.run([build / "runner" / "geocommit-runner", "run", file, "--output", here / "results", "--quiet"],
                              env=dict(os.environ, GEOCOMMIT_PLANTED=planted), cwd=here, timeout=120, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        check((here / "results" / "summary.json").exists(), f"{planted}: {done.stdout}\n{done.stderr}")
        cell = summary(here / "results")["cells"][0]
        whats = [e["what"] for e in cell["verdict_detail"]["examples"] if e["class"] == "isolation_anomaly"]
        return cell["verdict"], cell["violations"]["isolation_anomaly"], whats


def main():
    planted_agent = pathlib.Path(sys.argv[1])
    with folder() as here:
        build = program(here, planted_agent)
        for planted, faults in (("grants-everything", ""), ("releases-reads-early", ""), ("serves-before-reinstating", CRASH)):
            verdict, count, whats = run(build, planted, EXPERIMENT + faults)
            print(planted, verdict, count, whats[:1])
            check(verdict == "violation" and count > 0, f"{planted}: a violation of isolation was expected")
    verdict, count, whats = run(BUILD, "", EXPERIMENT + CRASH)
    check(verdict == "pass", f"the product's own: {verdict} {whats[:3]}")


main()
