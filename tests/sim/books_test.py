#!/usr/bin/env python3
"""The files of a results folder tell one story: timeseries.csv, summary.json, summary.csv, histograms/ and metrics.series of one
simulated run with faults are held against each other, by what each of them says it is.

Usage: tests/sim/books_test.py GEOCOMMIT-SIM SOURCE-FOLDER
"""
import collections
import csv
import json
import pathlib
import re
import subprocess
import sys
import tempfile

SIM, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
COUNTS = ("offered", "committed", "aborted", "unknown", "shed")
GAUGES = ("outstanding", "in_doubt", "blocked", "locks_held", "lock_waiters", "unshipped")
WARMUP, DURATION = 1.0, 12.0  # of experiments/partition-in-doubt.yaml
problems = []


def check(condition, what):
    if not condition:
        problems.append(what)


def equal(one, other, what):
    check(one == other, f"{what}: {one} and {other}")


def near(one, other, what, slack):
    check(abs(one - other) <= slack, f"{what}: {one} and {other}")


def rows_of(file):
    with open(file, newline="") as stream:
        return list(csv.DictReader(stream))


def series_at_the_end(file):
    """{cell: {name: [(labels, value)]}}, each series' last value."""
    sources, series, values = {}, {}, {}
    for line in file.read_text().splitlines()[1:]:
        words = line.split(" ")
        if words[0] == "source":
            sources[words[1]] = words[2]
        elif words[0] == "series":
            series[words[1]] = (sources[words[2]], words[4], dict(word.split("=", 1) for word in words[5:]))
        elif words[0] != "at" and len(words) == 2:
            values[words[0]] = float(words[1])
    out = collections.defaultdict(lambda: collections.defaultdict(list))
    for number, (cell, name, labels) in series.items():
        out[cell][name].append((labels, values.get(number, 0.0)))
    return out


def timeseries(cell, rows):
    name = cell["cell"]
    by_time = collections.OrderedDict()
    for row in rows:
        by_time.setdefault(float(row["elapsed_s"]), {})[row["region"]] = row
    before = None
    for time, regions in by_time.items():
        where = f"{name} at {time} s"
        whole, parts = regions["all"], [row for region, row in regions.items() if region != "all"]
        for column in COUNTS + GAUGES:
            equal(int(whole[column]), sum(int(row[column]) for row in parts), f"{where}: {column} of all, and of the regions together")
        near(float(whole["oldest_blocked_ms"]), max(float(row["oldest_blocked_ms"]) for row in parts), f"{where}: the oldest blocked", 0.001)
        for row in regions.values():
            equal(int(row["offered"]), sum(int(row[c]) for c in ("committed", "aborted", "shed", "outstanding")),
                  f"{where} in {row['region']}: offered, and what became of it")
            check((int(row["blocked"]) == 0) == (float(row["oldest_blocked_ms"]) == 0), f"{where} in {row['region']}: blocked, and for how long")
            check(int(row["blocked"]) <= int(row["in_doubt"]), f"{where} in {row['region']}: more blocked than in doubt")
            past = before[1][row["region"]] if before else collections.defaultdict(int)
            took = time - (before[0] if before else 0.0)
            near(float(row["commits_per_s"]), (int(row["committed"]) - int(past["committed"])) / took, f"{where} in {row['region']}: commits a second", 0.1)
            check(all(int(row[c]) >= int(past[c]) for c in ("offered", "committed", "aborted", "shed")), f"{where}: a count that falls")
        since = before[0] if before else 0.0
        spans = [(t["begin_s"], t["end_s"]) for fault in cell["faults"] for t in fault["times"]]
        in_force = sum(1 for begin, end in spans if begin <= time and end > since)
        equal(int(whole["faults"]), in_force, f"{where}: faults in force, and the summary's times {spans}")
        check(bool(whole["fault_names"]) == (in_force > 0), f"{where}: fault names {whole['fault_names']!r}")
        before = (time, regions)
    return by_time


def summary(cell, by_time, line):
    name = cell["cell"]
    total = cell["transactions"]
    last = next(reversed(by_time.values()))["all"]
    warm, end = by_time[WARMUP]["all"], by_time[WARMUP + DURATION]["all"]
    equal(total["offered"], int(last["offered"]) - int(warm["offered"]), f"{name}: offered within the window")
    equal(sum(total["aborted"].values()) + total["committed"] + total["unknown"] + total["shed"], total["offered"], f"{name}: what became of what was offered")
    near(cell["goodput_per_s"], (int(end["committed"]) - int(warm["committed"])) / DURATION, f"{name}: goodput", 0.01)
    equal(cell["verdict_detail"]["committed"], int(last["committed"]), f"{name}: commits in the logs, and those told")
    equal(cell["verdict_detail"]["committed"] + cell["verdict_detail"]["aborted"] - cell["violations"]["split_outcome"],
          cell["verdict_detail"]["transactions_in_logs"], f"{name}: in the logs, a split one with both outcomes")
    for gauge, key in (("in_doubt", "in_doubt"), ("blocked", "blocked"), ("locks_held", "locks_held"), ("lock_waiters", "lock_waiters"), ("unshipped", "unshipped")):
        equal(cell["left_at_end"][key], int(last[gauge]), f"{name}: {gauge} at the end")
    regions = cell["by_region"].values()
    for key in ("offered", "committed", "unknown", "shed"):
        equal(total[key], sum(r["transactions"][key] for r in regions), f"{name}: {key}, and by region")
        if cell["phases"]:
            phases = [p for p in (cell["phases"].get(x) for x in ("before", "during", "after")) if p]
            if key != "shed":
                equal(total[key], sum(p[key] for p in phases), f"{name}: {key}, and by phase")
                for phase in phases:
                    equal(phase[key], sum(r[key] for r in phase["by_region"].values()), f"{name}: {key} of a phase, and by region")
    for key in ("client_latency_ms", "commit_latency_ms", "lock_hold_ms", "lock_hold_all_ms", "in_doubt_ms", "in_doubt_all_ms", "blocking_ms"):
        equal(cell[key]["count"], sum(r[key]["count"] for r in regions), f"{name}: {key}, and by region")
        near(cell[key]["max"], max(r[key]["max"] for r in regions), f"{name}: {key}, the longest", 0.001)
        some = [cell[key][p] for p in ("p50", "p90", "p99", "p999", "max") if cell[key].get(p) is not None]
        check(some == sorted(some), f"{name}: {key}: percentiles fall: {some}")
    equal(cell["client_latency_ms"]["count"], total["committed"], f"{name}: latencies of commits")
    equal(cell["abort_latency_ms"]["count"], sum(total["aborted"].values()), f"{name}: latencies of aborts")
    share = sum(cell["by_region"][r]["availability"] * cell["by_region"][r]["transactions"]["offered"] for r in cell["by_region"]
                if cell["by_region"][r]["availability"] is not None) / total["offered"]
    near(cell["availability"], share, f"{name}: availability, and by region", 1e-4)
    for column, value in (("offered", total["offered"]), ("committed", total["committed"]), ("aborted", sum(total["aborted"].values())),
                          ("unknown", total["unknown"]), ("shed", total["shed"]), ("goodput_per_s", cell["goodput_per_s"]),
                          ("client_p50_ms", cell["client_latency_ms"]["p50"]), ("client_p99_ms", cell["client_latency_ms"]["p99"]),
                          ("commit_p50_ms", cell["commit_latency_ms"]["p50"]), ("commit_p99_ms", cell["commit_latency_ms"]["p99"]),
                          ("lock_hold_p50_ms", cell["lock_hold_ms"]["p50"]), ("lock_hold_p99_ms", cell["lock_hold_ms"]["p99"]),
                          ("in_doubt_p50_ms", cell["in_doubt_ms"]["p50"]), ("in_doubt_p99_ms", cell["in_doubt_ms"]["p99"]),
                          ("blocking_count", cell["blocking_ms"]["count"]), ("blocking_p99_ms", cell["blocking_ms"]["p99"]),
                          ("lock_seconds_lost", cell["blocking_ms"]["lock_seconds_lost"]), ("blast_radius", cell["blocking_ms"]["blast_radius"]["waited"] +
                                                                                           cell["blocking_ms"]["blast_radius"]["aborted"]),
                          ("messages_per_commit", cell["costs_per_commit"]["messages"]), ("wan_messages_per_commit", cell["costs_per_commit"]["wan_messages"]),
                          ("wan_bytes_per_commit", cell["costs_per_commit"]["wan_bytes"]),
                          ("forced_writes_per_commit", cell["costs_per_commit"]["forced_writes"]), ("locks_held_at_end", cell["left_at_end"]["locks_held"])):
        near(float(line[column] or 0), float(value or 0), f"{name}: {column} in summary.csv and .json", 1e-3 * max(1.0, abs(float(value or 0))))
    equal(line["verdict"], cell["verdict"], f"{name}: verdict in summary.csv")


def histograms(folder, cell):
    name = cell["cell"]
    regions = rows_of(folder / f"{name}.by_region.csv")
    for metric in ("client_latency", "commit_latency", "lock_hold", "lock_hold_all", "in_doubt", "in_doubt_all", "blocking"):
        rows = rows_of(folder / f"{name}.{metric}.csv") if (folder / f"{name}.{metric}.csv").exists() else []
        count = cell[f"{metric}_ms"]["count"]
        equal(sum(int(r["count"]) for r in rows), count, f"{name}: {metric} in histograms/, and in summary.json")
        if rows:
            check(float(rows[-1]["lower_ms"]) - 1e-3 <= cell[f"{metric}_ms"]["max"] <= float(rows[-1]["upper_ms"]) * 1.0001, f"{name}: {metric}: the longest is not in the last bucket")
            check(all(float(a["upper_ms"]) <= float(b["lower_ms"]) * 1.0001 for a, b in zip(rows, rows[1:])), f"{name}: {metric}: buckets overlap")
        for region, figures in cell["by_region"].items():
            part = sum(int(r["count"]) for r in regions if r["metric"] == metric and r["region"] == region)
            equal(part, figures[f"{metric}_ms"]["count"], f"{name}: {metric} of {region} in by_region.csv")


def metrics(cell, shown, by_time):
    name = cell["cell"]
    last = next(reversed(by_time.values()))
    for outcome, column in (("commit", "committed"), ("abort", "aborted")):
        for region, row in last.items():
            value = sum(v for labels, v in shown["geocommit_client_transactions_total"] if labels["outcome"] == outcome and region in ("all", labels["region"]))
            equal(int(value), int(row[column]), f"{name}: {column} of {region} in metrics.series and timeseries.csv")
    offered = sum(v for _, v in shown["geocommit_client_offered_total"])
    equal(int(offered), int(last["all"]["offered"]), f"{name}: offered in metrics.series and timeseries.csv")


def main():
    with tempfile.TemporaryDirectory(prefix="geocommit-books-") as place:
        results = pathlib.Path(place) / "results"
        done = subprocess.run([SIM, SOURCE / "experiments/partition-in-doubt.yaml", "--output", results, "--quiet", "--allow-expected"], capture_output=True,
                              text=True, cwd=SOURCE)
        if done.returncode != 0:
            sys.exit(done.stdout[-2000:] + done.stderr)
        cells = json.loads((results / "summary.json").read_text())["cells"]
        lines = {line["cell"]: line for line in rows_of(results / "summary.csv")}
        rows = collections.defaultdict(list)
        for row in rows_of(results / "timeseries.csv"):
            rows[row["cell"]].append(row)
        shown = series_at_the_end(results / "metrics.series")
        equal(sorted(lines), sorted(c["cell"] for c in cells), "cells of summary.csv and .json")
        equal(sorted(rows), sorted(lines), "cells of timeseries.csv and summary.csv")
        equal(len(cells), 4, "cells")
        check(any(c["blocking_ms"]["count"] for c in cells) and any(c["faults"][0]["times"] for c in cells if c["faults"]), "nothing happened in this run")
        for cell in cells:
            by_time = timeseries(cell, rows[cell["cell"]])
            summary(cell, by_time, lines[cell["cell"]])
            histograms(results / "histograms", cell)
            metrics(cell, shown[cell["cell"]], by_time)
    print("\n".join(problems[:40]) or "ok")
    sys.exit(1 if problems else 0)


main()
