#!/usr/bin/env python3
"""`geocommit-sim twin`: a run that was itself simulated, said to be real, has a twin without any difference, also under faults; what is
then falsified in its summary is told apart, with the reason that the same summary gives. Called with the simulator and the sources."""
import json
import pathlib
import subprocess
import sys
import tempfile

SIM, SOURCE = (pathlib.Path(p).resolve() for p in sys.argv[1:3])


def check(condition, what):
    if not condition:
        raise SystemExit(f"sim_twin: {what}")


def sim(*words):
    done = subprocess.run([SIM, *map(str, words)], cwd=SOURCE, capture_output=True, text=True, timeout=600, check=False)
    return done.returncode, done.stdout, done.stderr


def figures(results, change=None):
    """The twin of the first cell, after `change` of it: {name: figure}, and what was printed."""
    file = results / "summary.json"
    summary = json.loads(file.read_text())
    for cell in summary["cells"]:
        cell.pop("twin", None)
    if change:
        change(summary["cells"][0])
    file.write_text(json.dumps(summary))
    status, out, err = sim("twin", results)
    check(status == 0 and all(len(line) <= 80 for line in out.split("\n")), f"{status}\n{out}\n{err}")
    cells = json.loads(file.read_text())["cells"]
    return cells, {one["name"]: one for one in cells[0]["twin"].get("figures", [])}, out


def simulated(place, name, experiment, *more):
    results = place / name
    status, out, err = sim(experiment, "--output", results, "--allow-expected", *more)
    check(status in (0, 3), f"{experiment}: {status}\n{out}\n{err}")
    summary = json.loads((results / "summary.json").read_text())
    check(sim("twin", results)[0] == 1, "a simulation is its own twin")
    summary["emulation"] = "tun"
    (results / "summary.json").write_text(json.dumps(summary))
    return results


def nothing_is_apart(results, *wanted):
    cells, first, out = figures(results)
    for cell in cells:
        for one in cell["twin"]["figures"]:
            check(one["apart"] is None and one["residual"] in (0, None), f"{results.name} {cell['cell']}: {one}")
            check(one["residual"] == 0 or one["simulated"] == 0, f"nothing to divide by: {one}")
    check("No figure is further from it" in out, out)
    for name in wanted:
        check(any(name in one["name"] for cell in cells for one in cell["twin"]["figures"]), f"{results.name}: no {name} in\n{out}")
    return first


def put(path, value):
    def change(cell):
        *folders, last = path.split(".")
        for folder in folders:
            cell = cell[folder] if cell.get(folder) is not None else cell.setdefault(folder, {})
        cell[last] = value(cell.get(last)) if callable(value) else value
    return change


def all_of(*changes):
    return lambda cell: [change(cell) for change in changes]


with tempfile.TemporaryDirectory() as folder:
    at = pathlib.Path(folder)
    quick = simulated(at, "quick", "experiments/quickstart.yaml", "--set", "duration=3s", "--set", "durability=fsync")
    before = nothing_is_apart(quick, "commit latency p99", "messages a commit")
    check(before["commit latency p50, ms"]["theory"] is not None and before["commit latency p99, ms"]["theory"] is None, before)
    faulty = simulated(at, "faulty", "experiments/coordinator-crash.yaml")
    nothing_is_apart(faulty, "blocked", "blocked for at most, ms", "aborted: ", "answered in time, %")
    split = simulated(at, "split", "experiments/partition-in-doubt.yaml")
    nothing_is_apart(split, "split outcomes")
    # The force that was measured is the one that is simulated.
    kept = quick / "summary.json"
    text = kept.read_text()
    slower = figures(quick, put("forced_write_ms", lambda was: was + 10))[1]["commit latency p50, ms"]
    check(slower["simulated"] > before["commit latency p50, ms"]["simulated"] + 10, f"another disk: {slower}")

    def apart(name, *changes):
        kept.write_text(text)
        return figures(quick, all_of(*changes))[1][name]["apart"]

    p50, p99 = "commit latency p50, ms", "commit latency p99, ms"
    longer = lambda by: lambda was: was * by  # noqa: E731
    check(apart(p50, put("commit_latency_ms.p50", longer(1.029))) is None, "2.9 % at the median")
    check(apart(p99, put("commit_latency_ms.p99", longer(1.099))) is None, "9.9 % at the tail")
    check(apart(p99, put("commit_latency_ms.p99", longer(0.89))) is not None, "faster is apart, too")
    far = put("commit_latency_ms.p50", longer(1.1))
    for reason, changes in (("busy disk", []), ("saturation", [put("load.overloaded", True)]),
                            ("sent late", [put("load.send_lateness_ms.p99", 20.0)]),
                            ("late router", [put("router", {"lateness_ms": {"p99": 20.0}})])):
        said = apart(p50, far, *changes)
        check(said is not None and reason in said, f"{reason}: {said}")
    check("explains it" in apart(p50, put("commit_latency_ms.p50", longer(0.9))), "faster than in virtual time")
    near = before["lock hold p50, ms"]["simulated"] + 1
    check(apart("lock hold p50, ms", put("lock_hold_ms.p50", near)) is None, "a millisecond of many")
    kept.write_text(text)
    cells, _, out = figures(quick, put("interrupted", True))
    check("why_not" in cells[0]["twin"] and "no twin: it was not run to its end" in out, out)
    cells, _, out = figures(quick, all_of(put("interrupted", False), put("transactions.offered", 10**7)))
    check("why_not" in cells[0]["twin"] and "10000000 transactions" in out, out)
    for bad, words in ((at / "nothing", "cannot read"), (quick / "histograms", "cannot read")):
        status, out, err = sim("twin", bad)
        check(status == 1 and words in err and out == "", f"{bad}: {status} {out} {err}")
    kept.write_text(text.replace('"emulation": "tun"', '"emulation": "loopback"'))
    status, out, err = sim("twin", quick)
    check(status == 1 and "no distances" in err, f"loopback: {status} {out} {err}")
