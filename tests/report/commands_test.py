#!/usr/bin/env python3
"""What a new user types: names, lists, a first experiment, past runs; and words that are not quite right.

Usage: commands_test.py BUILD-FOLDER SOURCE-FOLDER
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

BUILD, SOURCE = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
PROGRAMS = {"sim": BUILD / "sim/geocommit-sim", "fuzz": BUILD / "sim/geocommit-sim", "check": BUILD / "sim/geocommit-sim", "twin": BUILD / "sim/geocommit-sim",
            **{c: BUILD / "report/geocommit-report" for c in ("report", "compare", "results", "list", "init", "schema")}}
bad = []


def check(condition, what):
    if not condition:
        bad.append(what)


def run(command, *words, at):
    """As ./geocommit starts it."""
    program = PROGRAMS.get(command, BUILD / "runner/geocommit-runner")
    first = [] if command == "sim" else [command]
    done = subprocess.run([program, *first, *map(str, words)], capture_output=True, text=True, cwd=at, timeout=600,
                          env={**os.environ, "GEOCOMMIT_HOME": str(SOURCE), "NO_COLOR": "1"})
    return done.returncode, done.stdout, done.stderr


def one_error(status, out, err, *texts):
    """Status 1, nothing else printed, and an error with these texts."""
    check(status == 1 and not out and err.startswith(("error: ", "geocommit ")), f"{texts}: status {status}: {out}{err}")
    for text in texts:
        check(text in err, f"expected {text!r}, found: {err}")


def names(at):
    status, out, err = run("validate", "quickstart", at=at)
    check(status == 0 and "valid" in out, f"a shipped experiment by its name: {out}{err}")
    one_error(*run("validate", "quickstrat", at=at), 'no experiment "quickstrat", did you mean "quickstart"?')
    one_error(*run("sim", "quickstrat", at=at), 'did you mean "quickstart"?')
    one_error(*run("validate", "experiments/quickstrat.yaml", at=at), 'no such file, did you mean "quickstart"?')
    (at / "near.yaml").write_text("name: near\n")
    one_error(*run("validate", "naer.yaml", at=at), 'naer.yaml: no such file, did you mean "near.yaml"?')
    one_error(*run("validate", "wholly-different", at=at), "there are:", "quickstart", "or give a path to a file")
    folder = at / "deep"
    folder.mkdir()
    (folder / "wan.yaml").write_text("name: own\nregions: [a, b]\nrtt: {a: {b: 30ms}}\n")
    experiment = (SOURCE / "experiments/quickstart.yaml").read_text()
    experiment = re.sub(r"(?m)^topology: .*$", "topology: ./wan.yaml", experiment).replace("[us-east-1]", "[a]").replace("duration: 10s", "duration: 1s")
    (folder / "mine.yaml").write_text(experiment)
    status, out, err = run("sim", "deep/mine.yaml", "--protocols", "2pc", "--quiet", "--output", "kept", at=at)
    check(status == 0, f"a topology beside its experiment: {out}{err}")
    written = (at / "kept/experiment.yaml").read_text()
    check(f"topology: {folder / 'wan.yaml'}" in written, f"the path leads there from everywhere: {written[:200]}")
    status, out, err = run("validate", at / "kept/experiment.yaml", at="/")
    check(status == 0, f"what a run wrote is valid from elsewhere: {out}{err}")
    status, out, err = run("check", "kept", at=at)
    check(status == 3 and out.count("\n") == 1 and "without its logs" in out, f"a simulation without logs is one line: {out}{err}")
    one_error(*run("twin", "kept", at=at), "it is its own twin")
    one_error(*run("compare", "kept", "kept/", at=at), "kept/ stands twice")
    shutil.copytree(at / "kept", at / "old/kept")
    status, out, err = run("compare", "old/kept", "kept", "--fail-on", "regression", at=at)
    check(status == 0 and str(at / "kept") in out, f"two folders of one name: {status} {out}{err}")
    (at / "old/kept/summary.json").write_text((at / "kept/summary.json").read_text().replace('"cells_planned": ', '"cells_planned": 9'))
    status, out, err = run("compare", "kept", "old/kept", "--fail-on", "regression", at=at)
    check(status == 4 and "cells were run" in err, f"a run that was cut short: {status} {out}{err}")
    one_error(*run("compare", "kept", "--fail-on", "regression", at=at), "expected two results or more")
    one_error(*run("compare", "kept", "kept:2pc", "--fail-on", "anything", at=at), "--fail-on")
    status, out, err = run("compare", "kept:2pc", "kept", "--fail-on", "regression", at=at)
    check(status == 0 and "regression" not in err, f"a run against itself: {status} {out}{err}")
    (folder / "same.yaml").write_text(experiment.replace("./wan.yaml", "wan30.yaml"))
    (folder / "wan30.yaml").write_text("name: own\nregions: [a, b]\nrtt: {a: {b: 30}}\n")
    both = [run("predict", f"deep/{name}.yaml", "--protocols", "2pc", at=at)[1] for name in ("mine", "same")]
    check(both[0] == both[1] and "2pc" in both[0], f"30ms is 30: {both}")


def suggestions(at):
    one_error(*run("rnu", at=at), 'unknown command "rnu", did you mean "run"?')
    one_error(*run("resluts", at=at), 'did you mean "results"?')
    one_error(*run("explroe", at=at), 'did you mean "explore"?')
    one_error(*run("run", "quickstart", "--set", "rate=50/s", "--dry-run", at=at), 'did you mean "workload.rate"?')
    one_error(*run("run", "quickstart", "--rate", "50", at=at), "did you mean --set workload.rate=...?")
    one_error(*run("run", "quickstart", "--repetition", "3", at=at), "did you mean --repetitions?")
    one_error(*run("run", "quickstart", "--warm-up", "3s", at=at), "did you mean --set warmup=...?")
    one_error(*run("run", "quickstart", "--dry-rnu", at=at), "did you mean --dry-run?")
    one_error(*run("sim", "quickstart", "--sede", "4", at=at), "did you mean --seed?")
    one_error(*run("report", "x", "--opne", at=at), "did you mean --open?")
    one_error(*run("fuzz", "--seeds", "9-2", at=at), "--seeds 9-2: expected A..B")
    status, out, err = run("fuzz", "--seeds", "1-3", at=at)
    check(status == 0 and out.startswith("3 seeds"), f"--seeds 1-3: {out}{err}")
    (at / "tab.yaml").write_text("name: x\ndata:\n\tplacement: replicated\n")
    one_error(*run("validate", "tab.yaml", at=at), "tab.yaml:3:1: expected spaces, found a tab")
    status, out, _ = run("--help", at=at)
    listed = re.findall(r"(?m)^  ([a-z]+) {2,}\S", out)
    check(status == 0 and {"run", "sim", "fuzz", "explore", "report", "results", "list", "init", "check", "twin", "clean"} <= set(listed), f"one page has all: {listed}")


def first_experiment(at):
    status, out, err = run("list", at=at)
    for kind in ("experiments", "topologies"):
        for file in (SOURCE / kind).glob("*.yaml"):
            check(re.search(rf"(?m)^  {re.escape(file.stem)} +\S", out), f"{file} is not listed")
    check("2pc" in out and "202 ms" in out, f"protocols, and how far regions are apart: {out}{err}")
    status, out, err = run("init", "mine", at=at)
    check(status == 0 and out.startswith("mine.yaml\n"), f"init: {out}{err}")
    before = (at / "mine.yaml").read_bytes()
    status, out, err = run("validate", "mine", at=at)
    check(status == 0 and not err, f"the starter is valid: {out}{err}")
    one_error(*run("init", "mine", at=at), "mine.yaml is there already")
    check((at / "mine.yaml").read_bytes() == before, "and left alone")
    one_error(*run("init", "../mine", at=at), "expected a name of letters")
    (at / "link.yaml").symlink_to("/nowhere/at/all")
    one_error(*run("init", "link", at=at), "link.yaml is there already")
    # What it says of defaults is so: without these lines the same is run.
    kept = re.sub(r"(?m)^(locking|durability|timeouts|repetitions|seed|sweep|faults|emulation):.*\n", "", before.decode())
    (at / "less.yaml").write_text(kept)
    plans = [run("run", name, "--dry-run", at=at)[1].replace("(less.yaml)", "(mine.yaml)") for name in ("mine.yaml", "less.yaml")]
    measured = [re.sub(r"(?m)^(timeouts|  \S+-r1 |cells).*$", "", plan) for plan in plans]  # They depend on the disk's forced writes.
    check(measured[0] == measured[1] and "here, auto means" in plans[0], f"the starter's values are the defaults: {plans}")
    (at / "late.yaml").write_text(before.decode().replace("faults: [] ", "faults: [{at: 60s, for: 1s, crash: coordinator@us-east-1}]  #"))
    status, out, err = run("validate", "late", at=at)
    check(status == 0 and "it never happens" in err, f"validate warns: {out}{err}")


def past_runs(at):
    status, out, err = run("results", at=at)
    check(status == 1 and "runs leave theirs in results/" in err, f"no folder: {out}{err}")
    results = at / "results"

    def made(name, verdicts, age, planned=None):
        folder = results / name
        folder.mkdir(parents=True)
        (folder / "experiment.yaml").write_text("name: x\n")
        (folder / "summary.json").write_text(json.dumps({"name": name, "emulation": "tun", "cells_planned": planned or len(verdicts),
                                                         "cells": [{"verdict": v, "expected": e} for v, e in verdicts]}))
        os.utime(folder / "summary.json", (time.time() - age, time.time() - age))

    results.mkdir()
    status, out, _ = run("results", at=at)
    check(status == 0 and "No runs yet" in out, out)
    made("newest", [("pass", False)] * 3, 10)
    made("split", [("pass", False), ("violation", True)], 20, planned=4)
    made("worse", [("violation", True), ("violation", False), ("unknown", False)], 30)
    made("oldest", [("unknown", False)], 40)
    (results / "under-way").mkdir()
    (results / "under-way/experiment.yaml").write_text("name: y\n")
    (results / "broken").mkdir()
    (results / "broken/summary.json").write_text('{"cells": [')
    (results / "strange").mkdir()
    (results / "strange/summary.json").write_text('{"name": "\\u001b[31mred", "cells": [7, {"verdict": 3}], "cells_planned": -4}')
    os.utime(results / "strange/summary.json", (1, 1))
    (results / "somebody-elses").mkdir()
    (results / "somebody-elses/precious").write_text("x")
    (results / "elsewhere").symlink_to(at / "deep")
    status, out, err = run("results", at=at)
    rows = {line.split()[-1]: line for line in out.splitlines()[1:-1]}
    check(status == 0 and set(rows) == {f"results/{n}" for n in ("newest", "split", "worse", "oldest", "under-way", "broken", "strange")}, f"rows: {out}{err}")
    order = [n for n in (line.split()[-1] for line in out.splitlines()[1:-1]) if n.split("/")[1] in ("newest", "split", "worse", "oldest")]
    check(order == [f"results/{n}" for n in ("newest", "split", "worse", "oldest")], f"newest first: {order}")
    for name, words in (("newest", " 3  pass "), ("split", " 2/4  expected "), ("worse", " 3  violation "), ("oldest", " 1  unknown "), ("under-way", " unfinished "),
                        ("broken", " unfinished ")):
        check(words in rows.get(f"results/{name}", ""), f"{name}: expected {words!r}: {rows.get(f'results/{name}')}")
    check("\033" not in out, "what a file says cannot command the terminal")
    status, out, _ = run("results", "clean", "--keep", "2", "--dry-run", at=at)
    check(status == 0 and out.splitlines() == [f"would remove results/{n}" for n in ("worse", "oldest", "strange")], out)
    check((results / "oldest").exists(), "a dry run removes nothing")
    status, out, _ = run("results", "clean", "--keep", "2", at=at)
    check(status == 0 and out.count("removed results/") == 3, out)
    left = sorted(p.name for p in results.iterdir())
    check(left == ["broken", "elsewhere", "newest", "somebody-elses", "split", "under-way"], f"what is no finished run stays: {left}")
    check((at / "deep/mine.yaml").exists(), "a link's target stays")
    one_error(*run("results", "clean", at=at), "--keep is required")


def main():
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        for part in (names, suggestions, first_experiment, past_runs):
            part(at)
    print("\n".join(bad) or "ok")
    sys.exit(1 if bad else 0)


main()
