#!/usr/bin/env python3
"""Real processes, agents with a faulty part each: the verdict names an anomaly. With the product's own agents it passes.

Usage: real_run.py PLANTED_AGENT"""
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from harness import BUILD, check, folder, need_tun, run_tests, summary, write  # noqa: E402

# Far apart, so that transactions from different regions reach their sites in different orders. Few keys, half of the transactions read at two sites; a site of many transactions in doubt crashes, and is told no outcome for a while.
EXPERIMENT = """name: crowded
topology: aws-3
emulation: tun
protocols: [2pc]
data: {placement: partitioned, sites_per_region: 1, keys_per_participant: 3, initial_balance: 100000}
workload: {participants: 2, arrival: closed, clients: 16, keys: uniform, local: 0, reads: 0.5}
timeouts: {vote: 1s, decision: 1s, lock_wait: 1s}
durability: fixed(3ms)
warmup: 300ms
duration: 3s
seed: {seed}
"""
# Whether two transactions cross is the machine's doing: another seed is another try, and mostly the first or second does it.
TRIES = 60
CRASH = "faults:\n  - {at: 1300ms, for: 200ms, crash: agent@eu-west-1}\n" + "".join(
    f"  - {{at: 1s, for: 1s, drop: {{from: {place}, to: agent@eu-west-1, kinds: [decision, inquiry]}}}}\n" for place in ("us-east-1", "eu-west-1", "ap-northeast-1"))


def experiment(seed):
    return EXPERIMENT.replace("{seed}", str(seed))


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
                              env=dict(os.environ, GEOCOMMIT_PLANTED=planted), cwd=here, timeout=600, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        check((here / "results" / "summary.json").exists(), f"{planted}: {done.stdout}\n{done.stderr}")
        cell = summary(here / "results")["cells"][0]
        whats = [e["what"] for e in cell["verdict_detail"]["examples"] if e["class"] == "isolation_anomaly"]
        return cell["verdict"], cell["violations"]["isolation_anomaly"], whats


def planted_agents_are_caught():
    need_tun()
    planted_agent = pathlib.Path(sys.argv[1])
    with folder() as here:
        build = program(here, planted_agent)
        for planted, faults in (("grants-everything", ""), ("releases-reads-early", ""), ("serves-before-reinstating", CRASH)):
            for seed in range(7, 7 + TRIES):
                verdict, count, whats = run(build, planted, experiment(seed) + faults)
                print(planted, "seed", seed, verdict, count, whats[:1], flush=True)
                if count > 0:
                    break
            check(verdict == "violation" and count > 0, f"{planted}: a violation of isolation was expected")
    verdict, count, whats = run(BUILD, "", experiment(7) + CRASH)
    check(verdict == "pass", f"the product's own: {verdict} {whats[:3]}")


if __name__ == "__main__":
    sys.exit(run_tests([planted_agents_are_caught], []))
