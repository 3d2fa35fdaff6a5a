#!/usr/bin/env python3
"""`export --history`: the same history in EDN and in JSON, as registers and as lists; none of evidence that is not as it was.

Usage: tests/sim/export.py GEOCOMMIT-SIM
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

EXPERIMENT = """name: small
topology: lan
emulation: sim
protocols: [2pc, home-region]
data: {sites_per_region: 1, keys_per_participant: 3}
workload: {participants: 2, arrival: fixed, rate: 40/s, local: 0.5, reads: 0.4}
durability: fixed(1ms)
warmup: 0s
duration: 2s
"""


def from_edn(text):
    """This EDN as JSON: keywords are strings, commas are spaces, nil is null."""
    out = []
    for token in re.findall(r":[a-z-]+|nil|[0-9]+|[][{}]|[^][{}:,\s0-9]+", text):
        if token.startswith(":"):
            out.append(json.dumps(token[1:]))
        else:
            out.append("null" if token == "nil" else token)
    stack, position = [], 0

    def value():
        nonlocal position
        token = out[position]
        position += 1
        if token == "[":
            items = []
            while out[position] != "]":
                items.append(value())
            position += 1
            return items
        if token == "{":
            items = {}
            while out[position] != "}":
                key = value()
                items[key] = value()
            position += 1
            return items
        return json.loads(token)

    while position < len(out):
        stack.append(value())
    return stack


def figures(export, summary, check):
    """The table to paste has the summary's figures, in each format."""
    cells = {cell["protocol"]: cell for cell in summary["cells"]}
    messages = [cells[p]["costs_per_commit"]["messages"] for p in ("2pc", "home-region")]
    status, text, err = export("--format", "json")
    check(status == 0, f"json: {err}")
    sides = json.loads(text)["subjects"][0]["sides"]
    check([side["name"] for side in sides] == ["2pc", "home-region"], text)
    for side, expected in zip(sides, messages, strict=True):
        found = [f for f in side["figures"] if f["metric"] == "messages per commit"]
        check(len(found) == 1 and found[0]["mean"] == expected and found[0]["repetitions"] == [expected] and found[0]["low"] is None, f"{found}: {expected}")
    status, text, err = export()
    check(status == 0 and text == export("--format", "markdown")[1], f"markdown is the default: {err}")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    check(len(rows) > 10 and {line.count("|") for line in rows} == {4} and rows[1] == "|---|---:|---:|", text)
    check("| verdict | pass | pass |" in text and "One repetition." in text, text)
    told = [float(word) for row in rows if row.startswith("| messages per commit |") for word in row.split("|")[2:4]]
    check(len(told) == 2 and all(abs(a - b) <= 0.005 * b for a, b in zip(told, messages)), f"three figures of {messages}: {told}")
    status, text, err = export("--format", "latex")
    check(status == 0 and text.count("\\\\\n") == len(rows) - 1 and "aborted, \\%" in text and "\\begin{tabular}{lrr}" in text, f"{text}{err}")
    check({line.count(" & ") for line in text.splitlines() if line.endswith("\\\\")} == {2}, text)
    status, text, err = export("--format", "csv")
    check(status == 0 and f"messages per commit,,2pc,1,{messages[0]:.7g}," in text, f"{text}{err}")
    status, _, err = export("--format", "edn")
    check(status == 1 and "edn is for --history" in err, err)
    status, _, err = export("--history", "--format", "latex", "--cell", "2pc-r1")
    check(status == 1 and "expected edn or json" in err, err)


def main():
    program = sys.argv[1]
    problems = []

    def check(condition, what):
        if not condition:
            problems.append(what)

    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        (place / "small.yaml").write_text(EXPERIMENT)
        results = place / "results"
        subprocess.run([program, place / "small.yaml", "--logs", "--quiet", "--output", results], check=True, stdout=subprocess.DEVNULL)

        def export(*words):
            done = subprocess.run([program, "export", results, *words], text=True, capture_output=True, check=False, timeout=300)
            return done.returncode, done.stdout, done.stderr

        for cell in ("2pc-r1", "home-region-r1"):
            histories = {}
            for model in ("register", "append"):
                status, edn, err = export("--history", model, "--cell", cell)
                check(status == 0, f"{model}: {err}")
                status, text, err = export("--history", model, "--cell", cell, "--format", "json")
                check(status == 0, f"{model}, JSON: {err}")
                histories[model] = json.loads(text)
                check(from_edn(edn) == histories[model], f"{cell}, {model}: EDN and JSON differ")
            check(export("--history", "--cell", cell)[1] == export("--history", "register", "--cell", cell)[1], "register is the default")
            check(len(histories["register"]) > 100, f"{cell}: {len(histories['register'])} operations")
            for register, append in zip(histories["register"], histories["append"], strict=True):
                check({**register, "value": 0} == {**append, "value": 0}, f"{register} and {append}")
                # The newest of a list is what a register held.
                last = [["w", key, value] if what == "append" else [what, key, value[-1] if value else None] for what, key, value in append["value"]]
                check(last == register["value"], f"{register} and {append}")
        status, _, err = export("--history")
        check(status == 1 and "2pc-r1, home-region-r1" in err, f"several cells: {err}")
        status, _, err = export("--history", "queue", "--cell", "2pc-r1")
        check(status == 1 and "queue" in err, f"an unknown model: {err}")
        status, _, err = export("--cell", "2pc-r1")
        check(status == 1 and "--history" in err, f"nothing to export: {err}")
        figures(export, json.loads((results / "summary.json").read_text()), check)
        balances = next(results.glob("nodes/2pc-r1/agent*/balances.bin"))
        content = bytearray(balances.read_bytes())
        content[-1] ^= 1
        balances.write_bytes(content)
        status, out, err = export("--history", "--cell", "2pc-r1")
        check((status, out) == (1, "") and "balances.bin" in err, f"evidence that is not as it was: {status} {err}")
        check(export("--history", "--cell", "home-region-r1")[0] == 0, "the other cell is whole")
        (results / "summary.json").unlink()
        status, out, err = export("--history", "--cell", "home-region-r1")
        check((status, out) == (1, "") and "summary.json" in err, f"no summary: {status} {err}")
    print("\n".join(problems) or "ok")
    sys.exit(1 if problems else 0)


main()
