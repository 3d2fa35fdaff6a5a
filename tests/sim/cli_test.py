#!/usr/bin/env python3
"""The commands sim, fuzz and bench: what is asked for reaches the run, the exit status says how it went, and what cannot be understood is
refused with the reason.

Usage: cli_test.py GEOCOMMIT-SIM FAILING-FUZZ SOURCE-FOLDER
"""
import csv
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

SIM, FAILING = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
SOURCE = pathlib.Path(sys.argv[3])
problems = []
TINY = """name: tiny
topology: aws-3
emulation: sim
protocols: [2pc, 3pc]
data: {placement: replicated, sites_per_region: 1, keys_per_participant: 500}
workload: {kind: transfer, participants: 2, rate: 20/s}
durability: fixed(1ms)
warmup: 1s
duration: 3s
seed: 42
"""
SPLIT = "faults:\n  - {at: 2s, on: precommit-sent-to-one, node: coordinator@us-east-1, partition: [[us-east-1], rest], for: 3s}\n"


def check(condition, what):
    if not condition:
        problems.append(what)


def sim(*words, folder=SOURCE):
    done = subprocess.run([SIM, *map(str, words)], capture_output=True, text=True, cwd=folder, timeout=600, env={**os.environ, "GEOCOMMIT_HOME": str(SOURCE)})
    done.words = " ".join(map(str, words))
    return done


def totals(run):
    found = re.search(r"(\d+) seeds, (\d+) events, (\d+) committed, (\d+) aborted, (\d+) runs with a split .*, (\d+) failed$", run.stdout.strip())
    check(run.returncode == 0 and found, f"{run.words}: exit {run.returncode}: {run.stdout}{run.stderr}")
    return [int(n) for n in found.groups()] if found else [0] * 6


def verbose(*words):
    run = sim("fuzz", *words, "--verbose")
    check(run.returncode == 0, f"{run.words}: exit {run.returncode}: {run.stdout}{run.stderr}")
    return run.stdout


def fuzz_adds_up():
    alone = [totals(sim("fuzz", "--seeds", seed)) for seed in range(11, 18)]
    check(all(one[0] == 1 and one[1] > 0 for one in alone), f"one seed each: {alone}")
    for jobs in (1, 2, 3, 9):
        together = totals(sim("fuzz", "--seeds", "11..17", "--jobs", jobs))
        check(together == [sum(column) for column in zip(*alone)], f"seven seeds by {jobs}: {together}, one by one {alone}")
    text = verbose("--seeds", "11")
    said = [int(n) for n in re.search(r"^events (\d+), committed (\d+), aborted (\d+), virtual time", text, re.M).groups()]
    check(said == alone[0][1:4], f"seed 11: {said} with --verbose, {alone[0]} without")
    check(text == verbose("--seeds", "11"), "a seed comes out the same twice")


def fuzz_takes_away():
    whole = verbose("--seeds", "3")
    faults = [line for line in whole.splitlines() if line.startswith("  ")]
    check(len(faults) == 7, f"seed 3 has {len(faults)} faults")
    some = verbose("--seeds", "3", "--faults", "0,4").splitlines()
    check([line for line in some if line.startswith("  ")] == [faults[0], faults[4]], f"--faults 0,4: {some}")
    check(not [line for line in verbose("--seeds", "3", "--faults", "none").splitlines() if line.startswith("  ")], "--faults none")
    for option, value, words in (("--protocol", "home-region", "home-region, "), ("--regions", "2", " 2 regions x "), ("--participants", "1", " 1 participants,"),
                                 ("--duration", "400ms", " for 400ms,")):
        check(words not in whole and words in verbose("--seeds", "3", option, value), f"{option} {value}")


def fuzz_refuses():
    for words in (("--seeds", "5..4"), ("--seeds", "x"), ("--seeds", "1.."), ("--seeds", "1..2x"), ("--seeds", "-1"), ("--faults", "0,x"), ("--faults", "0;1"),
                  ("--duration", "400"), ("--duration", "ms"), ("--duration", "1sms"), ("--protocol", "4pc"), ("--no-such-option",)):
        run = sim("fuzz", *words)
        check(run.returncode == 1 and run.stderr, f"{run.words}: exit {run.returncode}: {run.stderr}")
    check(sim("fuzz", "--help").returncode == 0 and sim("--help").returncode == 0, "--help is no error")


def failing(*words):
    """Of the program failing-fuzz: every seventh seed fails, the 13th aborts, the second is a split that is expected."""
    return subprocess.run([FAILING, *map(str, words)], capture_output=True, text=True, timeout=600)


def fuzz_fails():
    for jobs in (1, 2, 3):
        run = failing("--seeds", "1..40", "--jobs", jobs)
        lines = run.stdout.splitlines()
        check(run.returncode == 2, f"six seeds fail, by {jobs}: exit {run.returncode}")
        # Those that fail are counted too, but for the one that aborted.
        check(lines[-1] == "39 seeds, 3900 events, 390 committed, 39 aborted, 1 runs with a split that their protocol's fault model predicts, 6 failed", f"by {jobs}: {lines[-1]}")
        named = sorted(int(line.split()[1]) for line in lines if " FAILED (commit " in line)
        check(named == [7, 13, 14, 21, 28, 35], f"by {jobs} failed: {named}")
        replays = [re.search(r"seeds (\d+)", line)[1] for line in lines if line.startswith("  replay: ./geocommit fuzz --seeds ") and line.endswith(" --verbose")]
        check(sorted(map(int, replays)) == named, f"by {jobs}, to replay: {replays}")
        minimal = [line for line in lines if line.startswith("  minimal: ./geocommit fuzz --seeds ")]
        check(len(minimal) == 3, f"three are made smaller: {minimal}")
    one = failing("--seeds", "7")
    check(one.stdout.splitlines()[-6:-1] == ["  replay: ./geocommit fuzz --seeds 7 --verbose", "  minimal: ./geocommit fuzz --seeds 7 of 1 faults --verbose",
                                             "seed 7 with 1 faults", "events 100, committed 10, aborted 1, virtual time 0 s, trace 0", "FAILED it is a seventh one"],
          f"what is told of a failure: {one.stdout}")
    aborts = failing("--seeds", "13")
    check(aborts.returncode == 2 and "seed 13 FAILED" in aborts.stdout and "of 0 faults" in aborts.stdout and "the run aborted" in aborts.stdout, f"an abort: {aborts.stdout}")
    plain = failing("--seeds", "7", "--no-shrink")
    check(plain.returncode == 2 and "minimal" not in plain.stdout and "replay" in plain.stdout, f"--no-shrink: {plain.stdout}")
    many = failing("--seeds", "1..1000", "--jobs", "2", "--no-shrink")
    check(many.returncode == 2 and many.stdout.count(" FAILED (commit of-no-commit)") == 20 and many.stdout.strip().endswith(" 20 failed"), f"twenty are enough: {many.stdout[-300:]}")
    shown = failing("--seeds", "2", "--verbose")
    check(shown.returncode == 0 and "split as the protocol's fault model predicts" in shown.stdout, f"an expected split: {shown.stdout}")
    check(failing("--seeds", "7", "--verbose").returncode == 2, "one that fails, with --verbose")
    check(failing("--seeds", "7", "--faults", "none").returncode == 0, "without its faults it passes")


def bench():
    def counted(*words):
        run = sim("bench", *words)
        found = re.fullmatch(r"(\S+), (\d+) agents in (\d+) regions: [\d.]+ M events/s, \d+ commits/s, ([\d.]+) events per commit\n"
                             r"  (\d+) events and (\d+) commits of (\d+) in [\d.]+ processor seconds \([\d.]+ x virtual time\), drained; \d+ MiB, \d+ slots\n", run.stdout)
        check(run.returncode == 0 and found, f"{run.words}: exit {run.returncode}: {run.stdout}{run.stderr}")
        protocol, agents, regions, each, events, commits, offered = found.groups()
        check(abs(float(each) - int(events) / int(commits)) <= 0.051, f"{run.words}: events per commit: {run.stdout}")
        return protocol, int(agents), int(regions), float(each), int(commits), int(offered)
    protocol, agents, regions, three, commits, offered = counted("--seconds", "1")
    check((protocol, agents, regions) == ("2pc", 3, 3) and 1800 < offered < 2200 and 0.95 * offered < commits <= offered, f"as it comes: {commits} of {offered}")
    protocol, agents, regions, two, commits, offered = counted("--protocol", "3pc", "--regions", "2", "--sites", "4", "--participants", "2", "--rate", "300", "--seconds", "2")
    check((protocol, agents, regions) == ("3pc", 8, 2) and 500 < offered < 700 and 0.95 * offered < commits <= offered, f"as asked for: {commits} of {offered}")
    more = counted("--participants", "3", "--sites", "2", "--seconds", "1")[3] - counted("--participants", "2", "--sites", "2", "--seconds", "1")[3]
    check(4 < more < 12, f"a participant more costs {more} events")  # PREPARE, vote, decision, acknowledgement, and two forces
    for words in (("--regions", "0"), ("--sites", "0"), ("--protocol", "4pc"), ("--rate", "0"), ("--seconds", "x")):
        run = sim("bench", *words)
        check(run.returncode == 1 and run.stderr, f"{run.words}: exit {run.returncode}")


def runs(folder):
    plain = folder / "tiny.yaml"
    plain.write_text(TINY)
    first = sim(plain, "--output", folder / "a")
    check(first.returncode == 0 and "2pc" in first.stdout and "3pc" in first.stdout and f"Results: {folder / 'a'}" in first.stdout, f"a run: {first.stdout}{first.stderr}")
    check("What this run found" in first.stdout and "virtual time" in first.stdout, "what a run found")
    quiet = sim(plain, "--output", folder / "b", "--quiet")
    lines = first.stdout.splitlines()
    check(quiet.returncode == 0 and quiet.stdout.splitlines() == [*lines[:2], "verdict: pass", f"Results: {folder / 'b'} (report.html: to look at)"], f"--quiet: {quiet.stdout}")
    events(folder, plain)
    traces = (folder / "a/trace.txt").read_text()
    check(traces == (folder / "b/trace.txt").read_text() and re.fullmatch(r"(\S+ events=\d+ trace=[0-9a-f]{16}\n){2}", traces), f"trace.txt: {traces}")
    other = sim(plain, "--output", folder / "c", "--seed", "7", "--protocols", "2pc", "--repetitions", "2", "--set", "workload.rate=5/s", "--set", "duration=2s")
    check(other.returncode == 0, f"{other.words}: {other.stdout}{other.stderr}")
    again = (folder / "c/experiment.yaml").read_text()
    check("seed: 7" in again and "rate: 5/s" in again and "3pc" not in again, f"what was set: {again}")
    cells = json.loads((folder / "c/summary.json").read_text())["cells"]
    check([(c["protocol"], c["repetition"]) for c in cells] == [("2pc", 1), ("2pc", 2)], "one protocol, twice")
    check(len((folder / "c/timeseries.csv").read_text().splitlines()) == 1 + 2 * 4 * 4, "three seconds and the drain, of three regions and all")
    here = [sim(plain, "--quiet", folder=folder) for _ in range(3)]
    names = sorted(p.name for p in (folder / "results").iterdir())
    check(all(run.returncode == 0 for run in here) and len(names) == 3, f"three runs without --output: {names}: {here[0].stderr}")
    check(all(re.fullmatch(r"tiny-sim-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(-[23])?", name) for name in names), f"their names: {names}")


def events(folder, plain):
    """What a program reads: --progress json."""
    done = sim(plain, "--output", folder / "events", "--progress", "json", "--set", "sweep={workload.rate: [20/s, 40/s]}", "--protocols", "2pc", "--set", "thresholds={2pc: {client_p50_ms: < 1}}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    check([line.pop("event") for line in lines] == ["started", "cell", "judged", "cell", "judged", "ended"], f"events: {done.stdout}")
    started, *cells, ended = lines
    check(started["experiment"] == "tiny" and started["cells"] == 2 and started["emulation"] == "sim" and started["results"] == str(folder / "events"), f"started: {started}")
    check(ended == {"status": 4} and done.returncode == 4, f"ended: {ended}, exit {done.returncode}")
    kept = json.loads((folder / "events/summary.json").read_text())["cells"]
    for number, (begins, judged, cell) in enumerate(zip(cells[::2], cells[1::2], kept), 1):
        check(begins == {"cell": cell["cell"], "number": number, "of": 2, "protocol": "2pc", "sweep": cell["sweep"], "repetition": 1}, f"cell: {begins}")
        wanted = {"cell": cell["cell"], "verdict": "pass", "expected": False, "valid": True, "committed": cell["transactions"]["committed"], "aborted": sum(cell["transactions"]["aborted"].values()),
                  "committed_per_s": cell["goodput_per_s"], "commit_p50_ms": cell["commit_latency_ms"]["p50"], "commit_p99_ms": cell["commit_latency_ms"]["p99"]}
        check(judged == wanted, f"judged: {judged}, not {wanted}")
    check(not done.stderr, f"nothing else: {done.stderr}")
    for words in (["--progress", "xml"], ["--progress", "json", "--quiet"]):
        check(sim(plain, *words).returncode == 1, f"{words} is refused")


def statuses(folder):
    split = folder / "split.yaml"
    split.write_text(TINY + SPLIT)
    check(sim(split, "--output", folder / "d").returncode == 2, "a split is a violation")
    expected = sim(split, "--output", folder / "e", "--allow-expected")
    check(expected.returncode == 0, f"one that is expected, and may be: {expected.returncode} {expected.stdout}")
    marks = (folder / "e").glob("nodes/*/faults.*")
    check(len(list(marks)) >= 1, "when faults began and ended is written down")
    nothing = sim(folder / "tiny.yaml", "--output", folder / "f", "--set", "workload.rate=0.001/s", "--protocols", "2pc")
    check(nothing.returncode == 3, f"nothing to judge: exit {nothing.returncode}: {nothing.stdout}{nothing.stderr}")


def thresholds(folder):
    """What is demanded of figures decides on the exit status, and is told to people and programs; a JUnit file is there from the start."""
    file = folder / "t.xml"
    kept = sim(folder / "tiny.yaml", "--output", folder / "i", "--junit", file, "--set", 'thresholds={all: {violations: "== 0", client_p99_ms: "< 100000"}}')
    check(kept.returncode == 0 and "2 kept" in kept.stdout, f"thresholds that are kept: {kept.returncode} {kept.stdout}{kept.stderr}")
    suite = xml_of(file)
    check((suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("6", "0", "0"), f"two cells, three tests each: {suite.attrib}")
    check([case.get("name") for case in suite][:3] == ["verdict", "client_p99_ms < 100000", "violations == 0"], "their names")
    broken = sim(folder / "tiny.yaml", "--output", folder / "j", "--junit", file, "--set", 'thresholds={2pc: {client_p50_ms: "< 1"}, 3pc: {blocked: "== 0"}}')
    check(broken.returncode == 4 and "1 of 1 BROKEN" in broken.stdout and "2pc-r1: threshold client_p50_ms < 1: is " in broken.stdout,
          f"one that is not: {broken.returncode} {broken.stdout}{broken.stderr}")
    check([(case.get("classname"), case.get("name")) for case in xml_of(file) if case.find("failure") is not None] == [("tiny.2pc-r1", "client_p50_ms < 1")], "and in the file")
    told = {cell["protocol"]: cell["thresholds"] for cell in json.loads((folder / "j/summary.json").read_text())["cells"]}
    check([(t["threshold"], t["of"], t["kept"]) for t in told["2pc"] + told["3pc"]] == [("client_p50_ms < 1", "2pc", False), ("blocked == 0", "3pc", True)], f"{told}")
    nowhere = sim(folder / "tiny.yaml", "--output", folder / "k", "--junit", folder / "tiny.yaml/t.xml")
    check(nowhere.returncode == 1 and "t.xml" in nowhere.stderr and not (folder / "k/summary.json").exists(), f"a file that cannot be: {nowhere.stderr}")


def xml_of(path):
    return xml.etree.ElementTree.parse(path).getroot()[0]


def faults(folder):
    """When a fault of a plan begins and ends, and which phase a second belongs to, in every file that tells of time."""
    plan = folder / "plan.yaml"
    plan.write_text(TINY.replace("[2pc, 3pc]", "[2pc]").replace("duration: 3s", "duration: 6s") +
                    "faults:\n  - {at: 2500ms, for: 2s, partition: [[us-east-1], rest]}\n  - {at: 6s, for: 500ms, pause: agent@eu-west-1}\n")
    run = sim(plan, "--output", folder / "h")
    check(run.returncode == 0, f"{run.words}: {run.stdout}{run.stderr}")
    with open(folder / "h/timeseries.csv", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["region"] == "all"]
    check([(float(row["elapsed_s"]), row["phase"]) for row in rows[:-1]] == [(1.0, "measure")] + [(float(t), "measure") for t in range(2, 7)] + [(7.0, "tail")],
          f"phases: {[(row['elapsed_s'], row['phase']) for row in rows]}")
    check([int(row["faults"]) for row in rows[:7]] == [0, 0, 1, 1, 1, 1, 1], f"faults in force: {[row['faults'] for row in rows]}")
    wanted, series, active, at, begin = {}, {}, {}, None, None
    for line in (folder / "h/metrics.series").read_text().splitlines():
        words = line.split(" ")
        if words[0] == "series" and words[4] == "geocommit_fault_active":
            series[words[1]] = next(word.split("=", 1)[1] for word in words[5:] if word.startswith("fault="))
        elif words[0] == "at":
            at = int(words[1])
            begin = at if begin is None else begin
        elif words[0] in series and len(words) == 2:
            active.setdefault(series[words[0]], []).append(((at - begin) / 1000, float(words[1])))
    seen = {kind: [(round(time), value) for time, value in changes] for kind, changes in active.items()}
    check(seen == {"partition": [(3, 1.0), (5, 0.0)], "pause": [(6, 1.0), (7, 0.0)]}, f"faults in metrics.series, at the seconds after they changed: {seen}")


def refusals(folder):
    tiny = folder / "tiny.yaml"
    for words, why in (((folder / "none.yaml",), "none.yaml"), ((tiny, "--output", folder / "a"), "empty or not there yet"), ((tiny, "--set", "duration"), "expected key=value"),
                       ((tiny, "--set", "=3s"), "expected key=value"), ((tiny, "--set", "no.such=3"), "no: unknown key"), ((tiny, "--protocols", "4pc"), "4pc"),
                       ((tiny, "--seed", "many"), "seed"), ((tiny, "--output", tiny / "below"), str(tiny / "below"))):
        run = sim(*words)
        check(run.returncode == 1 and why in run.stderr, f"{run.words}: exit {run.returncode}, '{run.stderr.strip()}' without '{why}'")
    check(sim().returncode == 1, "no file")


def interrupted(folder):
    process = subprocess.Popen([SIM, folder / "tiny.yaml", "--output", folder / "g", "--logs", "--set", "duration=60s", "--set", "repetitions=200"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=SOURCE)
    while not (folder / "g/nodes").exists() and process.poll() is None:
        pass
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=600)
    said = re.search(r"Interrupted after (\d+) of 400 cells.", out)
    check(process.returncode == 130 and said and "ends after this cell" in error, f"one Ctrl-C: exit {process.returncode}: {out}{error}")
    check(said and 0 < int(said[1]) == len(json.loads((folder / "g/summary.json").read_text())["cells"]), "the cells that were done are kept")


def main():
    for part in (fuzz_adds_up, fuzz_takes_away, fuzz_refuses, fuzz_fails, bench):
        part()
    with tempfile.TemporaryDirectory(prefix="geocommit-sim-cli-") as place:
        for part in (runs, statuses, thresholds, faults, refusals, interrupted):
            part(pathlib.Path(place))
    print("\n".join(problems) or "ok")
    sys.exit(1 if problems else 0)


main()
