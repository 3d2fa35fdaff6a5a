#!/usr/bin/env python3
"""report.html as a reader sees it, in headless Chromium: no error, numbers equal to summary.json, nothing breaks out of
its place, bounded size. Skipped (77) without Chromium.

Usage: page_test.py GEOCOMMIT-REPORT GEOCOMMIT-SIM SOURCE-FOLDER
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import browser
import made_up

REPORT, SIM, SOURCE = (pathlib.Path(p) for p in sys.argv[1:4])
SIZE_MAX = 2_000_000
SKIPPED = 77


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def report(folder):
    done = subprocess.run([REPORT, "report", folder], capture_output=True, text=True)
    check(done.returncode == 0, f"report failed: {done.stderr}")
    page = folder / "report.html"
    check(page.stat().st_size < SIZE_MAX, f"{page} has {page.stat().st_size} bytes")
    return page


def figure(value):
    """os/console.cpp's three significant figures; ties may go either way in the last digit."""
    size = abs(value)
    return f"{value:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}"


def show(page, **more):
    # A busy machine may get no frame drawn within the virtual time; a page that is broken never gets there.
    for seconds in (5, 10, 20, 40):
        text, console = browser.run(page, "--dump-dom", seconds=seconds, **more)
        check(not console, "the console says: " + "\n".join(console))
        document = browser.Document(text)
        if any(t == "html" and a.get("data-ready") == "true" for t, a in document.tags):
            return text, document
    raise AssertionError("the scripts did not reach their end")


def check_values(document, summary, least):
    check(len(document.values) >= least, f"only {len(document.values)} numbers name their place in summary.json")
    for path, value, text in document.values:
        expected = summary
        for key in (k.replace("~1", "/").replace("~0", "~") for k in path.split("/")):
            expected = expected[int(key)] if isinstance(expected, list) else expected[key]
        if value is None:
            check(text == "-", f"{path}: shows {text!r} without a value")
            continue
        check(float(value) == expected, f"{path}: the page has {value}, summary.json {expected}")
        # What is read is the value rounded: within half a unit of its last digit; before it may be "at least", "about".
        shown = text.removesuffix(" %").lstrip(">~")
        number = float(shown) / (100 if text.endswith(" %") else 1)
        unit = 10 ** -len(shown.partition(".")[2]) / (100 if text.endswith(" %") else 1)
        check(abs(number - expected) <= unit * 0.5000001, f"{path}: reads {text}, summary.json has {expected}")


# Which field of summary.json belongs beside which words: the page's own paths cannot tell a field read for another.
FIELDS = {"Commit latency p50, ms": "commit_latency_ms/p50", "Client latency p50, ms": "client_latency_ms/p50", "Lock hold of commits p50, ms": "lock_hold_ms/p50",
          "Lock hold, aborted too, p50, ms": "lock_hold_all_ms/p50", "In doubt, commits p50, ms": "in_doubt_ms/p50", "In doubt, aborted too, p50, ms": "in_doubt_all_ms/p50",
          "Commits per second": "goodput_per_s", "offered per second": "load/offered_per_s", "done per second": "load/done_per_s", "Committed": "transactions/committed",
          "Messages per commit": "costs_per_commit/messages", "across regions": "costs_per_commit/wan_messages", "Forced writes per commit": "costs_per_commit/forced_writes",
          "Blocked participants": "blocking_ms/count", "longest, ms": "blocking_ms/max", "still at the end": "blocking_ms/censored", "Outcome unknown": "transactions/unknown",
          "Shed": "transactions/shed", "Availability": "availability"}
HOMES = {"Staleness p50, ms": "staleness_ms/p50", "Write gap of a planned transfer, ms": "write_gap_ms/transfer/max",
         "Write gap of a failover, from its order, ms": "write_gap_ms/failover/max", "Left behind by a failover (RPO)": "verdict_detail/rpo/acknowledged"}
UNDER = {"p99": "p99", "longest": "max"}  # of the latency above


def cells_count(summary, path):
    now = summary
    for key in path.split("/")[:-1]:
        now = now[int(key)] if isinstance(now, list) else now[key.replace("~1", "/").replace("~0", "~")]
    return now["count"]


def comparison_of(document, caption):
    tables = [t for t in document.tables if t["caption"].startswith(caption)]
    check(len(tables) == 1, f"{len(tables)} tables are called {caption!r}")
    return tables[0]["rows"]


def aborted(cell):
    return sum(cell["transactions"]["aborted"].values())


def check_comparison(document, cells, labels):
    """One column per cell: every row has the field that its words name."""
    rows, latency, seen = comparison_of(document, "All protocols beside each other"), None, set()
    for label, *columns in ((text, *row[1:]) for row in rows[1:] for text, _ in row[:1]):
        seen.add(label)
        field = FIELDS.get(label) or HOMES.get(label) or (f"{latency}/{UNDER[label]}" if label in UNDER and latency else None)
        if field and label.endswith("p50, ms"):
            latency = field.split("/")[0]
        for index, (text, path) in enumerate(columns):
            cell = cells[index]
            if field:
                check(path in (f"cells/{index}/{field}", None), f"{label!r} of {cell['cell']} shows {path}")
                check(path is not None or text == "-", f"{label!r} of {cell['cell']} shows {text!r}, of no field")
            elif label == "Aborted":
                equal(text, figure(100 * aborted(cell) / cell["transactions"]["offered"]) + " %", label)
            elif label == "main cause":
                most = max(cell["transactions"]["aborted"].items(), key=lambda one: one[1], default=("-", 0))
                equal(text, most[0].replace("_", " ") if most[1] else "-", label)
            elif label == "predicted p50":
                theory = cell["prediction_ms"]["detail"][latency.removesuffix("_ms")]
                range_of = theory["p55"] > 1.05 * theory["p45"]
                equal(text, figure(theory["p45"]) + " to " + figure(theory["p55"]) if range_of else figure(theory["p50"]), f"{label} under {latency}")
            elif label == "Latencies valid":
                equal(text, "yes" if cell["valid"] else "no: overloaded" if cell["load"]["overloaded"] else "no", label)
            else:
                check(label == "Verdict", f"an unknown row: {label!r}")
    check(labels <= seen, f"rows are missing: {labels - seen}")


def equal(got, want, what):
    check(got == want, f"{what}: expected {want!r}, got {got!r}")


def simulated(folder):
    """A run of the simulator writes its page itself, of real numbers."""
    subprocess.run([SIM, SOURCE / "experiments/quickstart.yaml", "--output", folder, "--quiet", "--set", "duration=3s"], check=True, capture_output=True, cwd=SOURCE)
    page = folder / "report.html"
    check(page.exists(), "the simulator wrote no report.html")
    before = page.read_bytes()
    check(report(folder).read_bytes() == before, "report gives another page than the run did")
    text, document = show(page)
    check_values(document, json.loads((folder / "summary.json").read_text()), 90)
    for section in ("result", "comparison", "latency", "timeline", "blocking", "prediction", "topology", "costs", "how"):
        check(section in document.ids, f"no section {section}")
    check_comparison(document, json.loads((folder / "summary.json").read_text())["cells"], {"Commits per second", "Committed", "Verdict"})
    check(sum(1 for t, a in document.tags if t == "canvas") >= 4, "charts are missing")
    check("every outcome agreed" in text, "the findings are missing")
    show(page, width=390, height=900)


def faulted(folder):
    """Scenarios with faults: the table of all points, what a change of masters took, and who was blocked."""
    for name, least, words in (("partitions", 500, ("region-cut-off, aws-5 (the worst of 2): 2pc blocked", "as its fault model predicts", "Before, during and after the faults", "which violates", "Shaded: crash coordinator@us-east-1.")),
                               ("home-region-failover", 60, ("Homes that changed their master", "handed a home over as planned", "left behind (RPO)"))):
        place = folder / name
        done = subprocess.run([SIM, SOURCE / f"experiments/{name}.yaml", "--output", place, "--quiet", "--allow-expected"], capture_output=True, text=True, cwd=SOURCE)
        check(done.returncode == 0, f"{name}: {done.returncode} {done.stderr}")
        check((place / "report.html").stat().st_size < SIZE_MAX, f"{name}: the page is too large")
        text, document = show(place / "report.html")
        check_values(document, json.loads((place / "summary.json").read_text()), least)
        for word in words:
            check(word in text, f"{name}: the page does not say {word!r}")


def hostile(folder):
    made_up.hard(folder)
    text, document = show(report(folder))
    summary = json.loads((folder / "summary.json").read_text())
    check_values(document, summary, 90)
    check_comparison(document, summary["cells"], set(FIELDS) | set(HOMES) | {"p99", "longest", "main cause", "predicted p50", "Latencies valid"})
    theory = comparison_of(document, "Medians in milliseconds")
    differences = {label: columns[-1][0] for (label, _), *columns in theory[1:]}
    equal(differences["2pc: commit latency"], "inside", "a range that holds the median")
    equal(differences["3pc: commit latency"], "+10.0 % outside", "a median above its range")
    equal(differences["2pc: client latency"], "+1.00 %", "a median beside a number")
    blocked = comparison_of(document, "Blocked participants")
    equal([text for text, _ in blocked[1]], ["2pc", "7", ">9200", "2", "4101", "2", "1000", ">10200"], "who was blocked, and held locks for longer")
    marked = {label: [text for text, _ in columns] for (label, _), *columns in comparison_of(document, "All protocols beside each other")}
    equal([text[0] for text in marked["Client latency p50, ms"]], [">", "3", "2"], "clients that never learned of some")
    equal(marked["Messages per commit"], ["12", "~12", "12"], "costs of a cell whose counters died with a process")
    equal(marked["Latencies valid"], ["no: overloaded", "yes", "no"], "validity")
    check("p99.9" in text and not any("p999" in path and cells_count(summary, path) < 1000 for path, _, _ in document.values), "a p99.9 of few samples")
    check("pwned" not in text.split("<title>")[1].split("</title>")[0].replace("document.title", "").replace('="pwned"', "").replace("='pwned'", ""), "a name ran as a script")
    check(not any(t == "img" for t, _ in document.tags), "a name became an element")
    check(not any(name.startswith("on") for _, a in document.tags for name in a), "an attribute runs code")
    check(sum(1 for t, _ in document.tags if t == "script") == 4, "a name became a script")
    check("3pc committed 14 transactions on one side and aborted them on the other, as its fault model predicts" in text, "the split is not said")
    check("2pc blocked 9 participants for at least 9.20 s" in text and "while us-east-1 was cut off" in text, "the blocking is not said")
    check("Faults, shaded below" in text, "the faults are missing")
    source = (folder / "report.html").read_text()
    check("http://" not in source.replace("http://www.w3.org/2000/svg", "") and "src=\"http" not in source, "the page names something on the network")


def several(folder):
    made_up.repeated(folder)
    text, document = show(report(folder))
    check("5 repetitions, merged" in text, "repetitions are not said")
    check("over the sweep" in text, "the sweep has no chart")
    # A p50 of merged repetitions is none of theirs, so it names no place.
    check(not any("commit_latency_ms/p50" in path for path, _, _ in document.values), "a merged percentile claims to be a cell's")
    cells = [c for c in json.loads((folder / "summary.json").read_text())["cells"] if c["sweep"]["workload.rate"] == "50/s" and c["protocol"] == "2pc"]
    rows = {label: columns[0][0] for (label, _), *columns in comparison_of(document, "workload.rate=50/s")}
    equal(rows["Commits per second"], figure(sum(c["goodput_per_s"] for c in cells) / 5), "goodput of repetitions")
    equal(rows["Committed"], str(sum(c["transactions"]["committed"] for c in cells)), "commits of repetitions")
    equal(rows["Aborted"], figure(100 * sum(map(aborted, cells)) / sum(c["transactions"]["offered"] for c in cells)) + " %", "aborts of repetitions")
    equal(rows["main cause"], "lock conflict", "the cause of most aborts of repetitions")
    check(len(document.curves) == 4, f"{len(document.curves)} figures over the rate, instead of throughput, two latencies and commits")
    check(all(lines == 2 for lines in document.curves), "a protocol's line is missing")
    check(text.count('class="knee"') == 2 and text.count("knee 50/s") == 2, "each protocol's knee is at the first of the two rates: as many commits at half the latency")
    weight = sum(c["transactions"]["committed"] for c in cells)
    equal(rows["Messages per commit"], figure(sum(c["transactions"]["committed"] * c["costs_per_commit"]["messages"] for c in cells) / weight), "costs of repetitions, by their commits")


def large(folder):
    made_up.huge(folder)
    text, _ = show(report(folder))
    check("did not fit this page" in text, "the page does not say what it left out")


def refused(folder):
    for name, content in (("none", None), ("empty", ""), ("list", "[]"), ("schema", '{"schema": "other/1", "cells": []}'), ("cells", '{"schema": "geocommit/summary/1"}'),
                          ("nameless", '{"schema": "geocommit/summary/1", "cells": [{}]}')):
        place = folder / name
        place.mkdir(parents=True)
        if content is not None:
            (place / "summary.json").write_text(content)
        done = subprocess.run([REPORT, "report", place], capture_output=True, text=True)
        check(done.returncode == 1 and done.stderr.startswith("error: "), f"{name}: {done.returncode} {done.stderr}")
    # A cell of hardly anything still has a page.
    bare = folder / "bare"
    bare.mkdir()
    (bare / "summary.json").write_text('{"schema": "geocommit/summary/1", "cells": [{"cell": "../../x", "protocol": "2pc"}]}')
    report(bare)


def main():
    with tempfile.TemporaryDirectory(prefix="geocommit-page-") as folder:
        refused(pathlib.Path(folder) / "refused")
        if browser.program() is None:
            print("skipped: chromium is not installed (scripts/install-deps --tests)")
            sys.exit(SKIPPED)
        for test in (hostile, several, large, simulated, faulted):
            test(pathlib.Path(folder) / test.__name__)
            print("ok", test.__name__)


main()
