#!/usr/bin/env python3
"""Every expression of every dashboard, its variables filled in, on a real Prometheus that holds a simulated partition.

All must parse and run, and show finite numbers; and the numbers must be the ones that summary.json has.
"""
import json
import math
import socket
import subprocess
import sys

from prom import HOME, PATIENCE, RUNNER, Prometheus, cell_times, check, fill, finite, folder, simulate
import make  # dashboards/make.py

CUT = (10, 22)  # seconds from the start of the load: partition.yaml
BUCKET = 1.25   # bounds are this far apart
# There is no transport and no log file in virtual time; live_test.py wants to see these.
NOT_SIMULATED = {"Not sent, or refused", "Group commit", "Log", "Items in a frame", "Transport"}


def run_everything(prometheus, span, may_be_empty):
    start, end = span
    empty, ran = [], 0
    for dashboard in make.all_dashboards():
        for panel in dashboard.panels:
            shown = 0
            for target in panel.get("targets", []):
                query = fill(target["expr"], prometheus.run, end - start)
                if target["instant"]:
                    values = [value for _, value in prometheus.now(query, end)]
                else:
                    values = [value for _, points in prometheus.series(query, start, end) for _, value in points]
                ran += 1
                check(not any(math.isinf(value) for value in values), f"{dashboard.title}, {panel['title']}: infinite: {query}")
                shown += sum(finite(value) for value in values)
            if panel["type"] != "row" and shown == 0:
                empty.append(f"{dashboard.title}, {panel['title']}")
                check(panel["id"] in dashboard.may_be_empty or panel["title"] in may_be_empty, f"{dashboard.title}: nothing to see in \"{panel['title']}\"")
    check(ran > 100, f"only {ran} expressions were found")
    print(f"{ran} expressions ran; empty, as this run has no such thing: {sorted(set(empty))}")


def panel_of(dashboard, title):
    return next(panel for panel in dashboard.panels if panel["title"] == title and panel["type"] != "row")


def instant(prometheus, dashboard, title, span):
    """{protocol: value} of a panel that shows one number each."""
    query = fill(panel_of(dashboard, title)["targets"][0]["expr"], prometheus.run, span[1] - span[0])
    return {labels["protocol"]: value for labels, value in prometheus.now(query, span[1])}


def compare_with_summary(prometheus, summary, span):
    compare = make.compare_dashboard()
    cells = {cell["protocol"]: cell for cell in summary["cells"]}
    for title, field, quantile in (("Client latency p50", "client_latency_ms", "p50"), ("Client latency p99", "client_latency_ms", "p99"),
                                   ("Commit latency p50", "commit_latency_ms", "p50"), ("Commit latency p99", "commit_latency_ms", "p99"),
                                   ("Lock hold p50", "lock_hold_ms", "p50"), ("Lock hold p99", "lock_hold_ms", "p99")):
        shown = instant(prometheus, compare, title, span)
        check(set(shown) == set(cells), f"{title}: {shown}")
        for protocol, value in shown.items():
            wanted = cells[protocol][field][quantile] / 1000
            check(wanted / BUCKET <= value <= wanted * BUCKET, f"{title} of {protocol}: {value} s shown, {wanted} s in summary.json")
    # increase() looks a little past both ends of what it has seen.
    for title, wanted in (("Commits", lambda c: c["transactions"]["committed"]),
                          ("Messages", lambda c: c["costs_per_commit"]["messages"]),
                          ("Forced writes", lambda c: c["costs_per_commit"]["forced_writes"])):
        for protocol, value in instant(prometheus, compare, title, span).items():
            check(abs(value / wanted(cells[protocol]) - 1) < 0.05, f"{title} of {protocol}: {value} shown, {wanted(cells[protocol])} in summary.json")


def verdicts(prometheus, summary, span):
    shown = {}
    for target in panel_of(make.run_dashboard(), "Verdict")["targets"]:
        word = target["legendFormat"].split(": ")[1]
        for labels, value in prometheus.now(fill(target["expr"], prometheus.run, span[1] - span[0]), span[1]):
            check(value == 1, "a verdict is there or not")
            shown[labels["cell"]] = word
    wanted = {cell["cell"]: cell["verdict"] for cell in summary["cells"]}
    check(shown == wanted, f"verdicts: {shown} shown, {wanted} in summary.json")
    check(wanted["3pc-r1"] == "violation" and wanted["2pc-r1"] == "pass", f"the run is not what it is kept for: {wanted}")
    panel = panel_of(make.run_dashboard(), "Violations")["targets"][0]["expr"]
    found = sum(value for labels, value in prometheus.now(fill(panel, prometheus.run, span[1] - span[0]), span[1]) if labels.get("cell") == "3pc-r1")
    wanted = sum(next(cell for cell in summary["cells"] if cell["cell"] == "3pc-r1")["violations"].values())
    check(found == wanted > 0, f"{found} violations of 3pc shown, {wanted} in summary.json")


def partition_is_seen(prometheus, times):
    partition = make.partition_dashboard()

    def of(title, cell, more=""):
        start, end = times[cell]
        query = fill(panel_of(partition, title)["targets"][0]["expr"], prometheus.run, end - start, cell=cell)
        return start, prometheus.series(query, start, min(end, start + 60))
    for cell in ("2pc-r1", "3pc-r1", "home-region-r1"):
        start, faults = of("Faults", cell)
        check(len(faults) == 1 and faults[0][0]["fault"] == "partition", f"faults of {cell}: {[labels for labels, _ in faults]}")
        for at, value in faults[0][1]:
            since = at - start
            check(value == (1 if CUT[0] <= since < CUT[1] else 0) or since > 41, f"{cell}: fault {value} at {since} s")
    start, blocked = of("Blocked transactions", "2pc-r1")
    before = [value for _, points in blocked for at, value in points if at - start < CUT[0]]
    during = [value for _, points in blocked for at, value in points if CUT[0] + 3 <= at - start < CUT[1]]
    check(before and max(before) == 0, "2pc: something is blocked before the cut")
    check(during and max(during) >= 1, "2pc: the blocked panel does not show the partition")
    start, oldest = of("Oldest blocked transaction", "2pc-r1")
    most = max(value for _, points in oldest for at, value in points)
    check(CUT[1] - CUT[0] - 4 <= most <= CUT[1] - CUT[0] + 4, f"2pc: the oldest was blocked for {most} s in a cut of {CUT[1] - CUT[0]} s")
    start, goodput = of("Goodput", "2pc-r1")

    def mean(labels_and_points, region, begin, end):
        values = [value for labels, points in labels_and_points if labels["region"] == region for at, value in points
                  if begin <= at - start < end and finite(value)]
        return sum(values) / len(values)
    for region in ("us-east-1", "eu-west-1"):
        healthy, cut = mean(goodput, region, 5, 10), mean(goodput, region, 15, 21)
        check(cut < 0.7 * healthy, f"goodput of {region}: {healthy}/s before the cut, {cut}/s in it")


def a_port_is_taken(results, place):
    """Said plainly, before anything is begun."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        for words in (["replay", results, "--port", port], ["run", HOME / "experiments/quickstart.yaml", "--prometheus", "--prometheus-port", port, "--output", place / "never"]):
            done = subprocess.run([RUNNER, *words], capture_output=True, text=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL)
            check(done.returncode == 1 and f"port {port}: another program listens there" in done.stderr, f"{words}: {done.returncode} {done.stderr}")
    check(not (place / "never").exists(), "a folder of a run that never began")


def main():
    with folder() as place:
        results = simulate(HOME / "tests" / "dashboards" / "partition.yaml", place / "partition")
        summary = json.loads((results / "summary.json").read_text())
        times = cell_times(results)
        span = (times[""][0], times[""][1] + 1)
        with Prometheus(results) as prometheus:
            run_everything(prometheus, span, NOT_SIMULATED)
            compare_with_summary(prometheus, summary, span)
            verdicts(prometheus, summary, span)
            partition_is_seen(prometheus, times)
        a_port_is_taken(results, place)
        (results / "metrics.series").unlink()
        with Prometheus(results) as prometheus:  # as if written before metrics.series was
            check("older results" in "".join(prometheus.said), "replay does not say that it has less to show")
            old_results(prometheus, summary)


def old_results(prometheus, summary):
    start = 1767225600
    span = (start, start + 400)
    compare = make.compare_dashboard()
    shown = instant(prometheus, compare, "Client latency p99", span)
    for cell in summary["cells"]:
        wanted = cell["client_latency_ms"]["p99"] / 1000
        check(wanted / BUCKET <= shown[cell["protocol"]] <= wanted * BUCKET, f"old results: p99 {shown}, {wanted} in summary.json")
    verdict = panel_of(make.run_dashboard(), "Verdict")["targets"][1]["expr"]
    check([labels["cell"] for labels, _ in prometheus.now(fill(verdict, prometheus.run, 400), span[1])] == ["3pc-r1"], "old results: the verdict")
    most = max(value for _, points in prometheus.series(f'sum by (region) (geocommit_blocked_transactions{{run="{prometheus.run}"}})', *span)
               for _, value in points)
    check(most > 0, "old results: the blocked transactions")


if __name__ == "__main__":
    sys.exit(main())
