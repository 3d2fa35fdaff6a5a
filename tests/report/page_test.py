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
    """runner/console.cpp's three significant figures; ties may go either way in the last digit."""
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
        number = float(text.removesuffix(" %")) / (100 if text.endswith(" %") else 1)
        # What is read is the value rounded: within half a unit of its last digit.
        shown = text.removesuffix(" %")
        unit = 10 ** -len(shown.partition(".")[2]) / (100 if text.endswith(" %") else 1)
        check(abs(number - expected) <= unit * 0.5000001, f"{path}: reads {text}, summary.json has {expected}")


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
    check(sum(1 for t, a in document.tags if t == "canvas") >= 4, "charts are missing")
    check("every outcome agreed" in text, "the findings are missing")
    show(page, width=390, height=900)


def faulted(folder):
    """Scenarios with faults: the table of all points, what a change of masters took, and who was blocked."""
    for name, least, words in (("partitions", 500, ("region-cut-off, aws-5 (the worst of 2): 2pc held locks in doubt", "as its fault model predicts", "Before, during and after the faults", "which violates")),
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
    check_values(document, json.loads((folder / "summary.json").read_text()), 90)
    check("pwned" not in text.split("<title>")[1].split("</title>")[0].replace("document.title", "").replace('="pwned"', "").replace("='pwned'", ""), "a name ran as a script")
    check(not any(t == "img" for t, _ in document.tags), "a name became an element")
    check(not any(name.startswith("on") for _, a in document.tags for name in a), "an attribute runs code")
    check(sum(1 for t, _ in document.tags if t == "script") == 4, "a name became a script")
    check("3pc committed 14 transactions on one side and aborted them on the other, as its fault model predicts" in text, "the split is not said")
    check("2pc held locks in doubt for at least 10.2 s" in text and "while us-east-1 was cut off" in text, "the blocking is not said")
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
