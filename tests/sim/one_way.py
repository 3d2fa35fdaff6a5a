#!/usr/bin/env python3
"""A cut of one direction, from the experiment file to what participants went through: which way it points shows.

Usage: one_way.py GEOCOMMIT-SIM
"""
import json
import pathlib
import subprocess
import sys
import tempfile

EXPERIMENT = """name: one-way
topology: aws-3
protocols: [2pc]
workload: {arrival: fixed, rate: 20/s, origins: [us-east-1], participants: 2, keys: uniform}
data: {keys_per_participant: 5000}
durability: fixed(1ms)
warmup: 1s
duration: 8s
faults:
  - {at: 2s, for: 4s, cut: {from: FROM, to: TO}}
"""


def in_doubt(simulator, one, other):
    """{region: transactions that its participant was in doubt about}"""
    with tempfile.TemporaryDirectory(prefix="geocommit-one-way-") as folder:
        file = pathlib.Path(folder) / "one-way.yaml"
        file.write_text(EXPERIMENT.replace("FROM", one).replace("TO", other))
        subprocess.run([simulator, file, "--output", f"{folder}/results", "--quiet"], check=True, capture_output=True)
        cell = json.loads((pathlib.Path(folder) / "results/summary.json").read_text())["cells"][0]
        return {region: figures["in_doubt_all_ms"]["count"] for region, figures in cell["by_region"].items()}


def main():
    simulator = sys.argv[1]
    wrong = []
    # 160 transactions in the window, 80 of them begun during the cut.
    there = in_doubt(simulator, "us-east-1", "eu-west-1")  # PREPAREs are lost: nothing to vote on in Ireland
    back = in_doubt(simulator, "eu-west-1", "us-east-1")  # they arrive, and the votes are lost
    print("us-east-1 -> eu-west-1:", there)
    print("eu-west-1 -> us-east-1:", back)
    if not there["ap-northeast-1"] >= 150:
        wrong.append("the cut reached who was no part of it")
    if not there["eu-west-1"] <= 90:
        wrong.append("Ireland voted on what cannot have reached it")
    if not back["eu-west-1"] >= 150:
        wrong.append("what was sent to Ireland did not arrive, though only its answers were cut off")
    for what in wrong:
        print(what, file=sys.stderr)
    sys.exit(1 if wrong else 0)


main()
