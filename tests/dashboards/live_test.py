#!/usr/bin/env python3
"""`run --prometheus`: what Prometheus counted, summary.json, the clients' logs and the durable logs agree; also across a crash,
where a node's own counters begin again; and nothing is left behind, however the run ends."""
import concurrent.futures
import json
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import sys
import time

from prom import BUILD, PATIENCE, RUNNER, SIM, check, finite, fill, folder
from prom import Prometheus as Replay
import make

RUN = """name: live
topology: lan
emulation: loopback
protocols: [2pc]
data: {placement: partitioned, sites_per_region: 1, keys_per_participant: 12}
workload: {participants: 2, arrival: closed, clients: 3, keys: uniform, local: 0}
locking: no-wait
timeouts: {vote: 1s, decision: 1s, lock_wait: 1s}
durability: fixed(2ms)
warmup: 0s
duration: 4s
seed: 11
"""
# Scrapes are a second apart, and later on a busy machine: time for several before the crash, in it and after it.
CRASH = RUN.replace("duration: 4s", "duration: 14s") + """faults:
  - {crash: agent@rack-2, at: 4s, for: 6s}
"""
NODES = {f"{kind}@rack-{i}" for kind in ("agent", "coordinator", "client") for i in (1, 2, 3)}


def outcomes(results, cell):
    """What the clients wrote down of what they were told (client/outcomes.h): {outcome: count}."""
    counts = {"commit": 0, "abort": 0, "unknown": 0}
    for file in (results / "nodes" / cell).glob("client@*/outcomes.bin"):
        data = file.read_bytes()
        check(data[:8] == b"GCOUTC01", f"{file}: not an outcome log")
        at = 16
        while at < len(data):
            (size,) = struct.unpack_from("<H", data, at)
            outcome = data[at + 6 + 8 + 16]
            counts[["unknown", "commit", "abort"][outcome]] += 1
            at += 6 + size
    return counts


class Kept(Replay):
    """A Prometheus on the data that `run --prometheus` left in the results folder."""

    def __init__(self, results):  # pylint: disable=super-init-not-called
        self.run = results.name
        config = results / "empty.yml"
        config.write_text("scrape_configs: []\n")
        for port in random.sample(range(17000, 19900), 40):
            self.url = f"http://127.0.0.1:{port}"
            self.process = subprocess.Popen(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={results}/prometheus/data",
                                             f"--web.listen-address=127.0.0.1:{port}", "--query.lookback-delta=5s",
                                             "--storage.tsdb.retention.time=100y"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            self.process.stderr = self.process.stdout
            deadline = time.monotonic() + PATIENCE
            while self.process.poll() is None and time.monotonic() < deadline:
                try:
                    self.now("vector(1)", time.time())
                    return
                except (OSError, AssertionError):
                    time.sleep(0.1)
        raise AssertionError("Prometheus does not start on the kept data")


def base_port():
    """Thirty free ports in a row. Runs side by side look for free ones in the same places, and would race."""
    for first in random.sample(range(20000, 32000, 40), 100):
        try:
            for port in range(first, first + 30):
                with socket.socket() as one:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    one.bind(("127.0.0.1", port))
            return str(first)
        except OSError:
            continue
    raise AssertionError("no thirty free ports in a row")


def run(place, name, text):
    (place / f"{name}.yaml").write_text(text)
    done = subprocess.run([RUNNER, "run", place / f"{name}.yaml", "--output", place / name, "--prometheus", "--base-port", base_port()], capture_output=True, text=True,
                          timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False)
    check(done.returncode == 0, f"{name}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr}")
    address = next(line.split()[1] for line in (done.stdout + done.stderr).splitlines() if line.startswith("Prometheus: "))
    check(address.startswith("http://127.0.0.1:"), address)
    check(f"--web.listen-address={address.removeprefix('http://')}" not in processes(), "Prometheus outlives the run")
    return place / name, json.loads((place / name / "summary.json").read_text())["cells"][0]


def processes():
    out = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            out += (entry / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            pass
    return out


def last(prometheus, query, end):
    """Sums what a counter last said, over its series."""
    return sum(value for _, value in prometheus.now(f"sum by (node) (last_over_time({query}[1h]))", end))


def everything_agrees(results, cell):
    told = outcomes(results, "2pc-r1")
    counts, logs = cell["transactions"], cell["verdict_detail"]
    # A closed loop goes as fast as the machine: some outcomes of both kinds on any, as requests without waiting meet each other.
    check(told["commit"] > 0 and told["abort"] > 0, f"the run is not what it is kept for: {told}")
    with Kept(results) as prometheus:
        end = time.time()
        mine = f'run="{results.name}"'
        client = {outcome: last(prometheus, f'geocommit_client_transactions_total{{{mine}, outcome="{outcome}"}}', end) for outcome in told}
        decided = {outcome: last(prometheus, f'geocommit_transactions_total{{{mine}, outcome="{outcome}"}}', end) for outcome in ("commit", "abort")}
        released = last(prometheus, f'geocommit_lock_hold_seconds_count{{{mine}, outcome="commit"}}', end)
        offered = last(prometheus, f"geocommit_client_offered_total{{{mine}}}", end)
        summary = {"commit": counts["committed"], "abort": sum(counts["aborted"].values()), "unknown": counts["unknown"]}
        check(client == told == summary, f"clients: Prometheus {client}, their logs {told}, summary.json {summary}")
        check(offered == counts["offered"] == sum(told.values()), f"offered: Prometheus {offered}, summary.json {counts['offered']}")
        check(decided["commit"] == told["commit"] == logs["committed"],
              f"commits: coordinators in Prometheus {decided}, clients {told}, durable logs {logs['committed']}")
        check(decided["abort"] == told["abort"], f"aborts: coordinators {decided}, clients {told}")
        check(released == 2 * told["commit"], f"two participants a commit: {released} locks released, {told['commit']} commits")
        # Daemons outlived the load: the last count was scraped at least twice, from each.
        final = prometheus.now(f'count_over_time((sum by (node) (geocommit_client_offered_total{{{mine}}}) == on (node) '
                               f'sum by (node) (last_over_time(geocommit_client_offered_total{{{mine}}}[1h])))[1h:500ms])', end)
        check(len(final) == 3 and all(value >= 3 for _, value in final), f"scrapes of the final count, twice a second: {final}")
        # Series were there before they counted: a rate sees the first commit too.
        firsts = prometheus.ask("query", query=f'geocommit_client_transactions_total{{{mine}, outcome="commit"}}[1h]', time=end)["result"]
        check(all(float(one["values"][0][1]) == 0 for one in firsts), "a counter that did not begin at 0")
        seen = {labels["node"] for labels, _ in prometheus.now(f'max by (node) (last_over_time(up{{{mine}}}[1h]))', end)}
        check(seen == NODES | {"runner"}, f"scraped: {seen}")
        verdict = prometheus.now(f"last_over_time(geocommit_cell_verdict{{{mine}}}[1h])", end)
        check([labels["verdict"] for labels, _ in verdict] == ["pass"], f"verdict: {verdict}")
        dashboards_show_it(prometheus, end)
    again = subprocess.run([SIM, "check", results], capture_output=True, text=True, timeout=PATIENCE, check=False)
    check(again.returncode == 0, f"the durable logs judged again: {again.stdout}{again.stderr}")


def dashboards_show_it(prometheus, end):
    """What the simulation has no numbers for must be there of a real run."""
    wanted = {"Group commit", "Log", "Items in a frame", "Transport", "Forced write p99", "Not sent, or refused"}
    for dashboard in make.all_dashboards():
        for panel in dashboard.panels:
            values = []
            for target in panel.get("targets", []):
                query = fill(target["expr"], prometheus.run, 60)
                if target["instant"]:
                    values += [value for _, value in prometheus.now(query, end)]
                else:
                    values += [value for _, points in prometheus.series(query, end - 60, end) for _, value in points]
            if panel["title"] in wanted and not any(finite(value) for value in values):
                raise AssertionError(f"{dashboard.title}: nothing to see in \"{panel['title']}\"")


def a_crash_resets_counters(results, cell):
    """The client saw everything; the node that crashed counts from 0 again, so its last value is not the run's, but the
    increase over the run is, up to what it counted between its last scrape and its death. The logs have it all."""
    told, counts = outcomes(results, "2pc-r1"), cell["transactions"]
    with Kept(results) as prometheus:
        end = time.time()
        mine = f'run="{results.name}"'
        client = {outcome: last(prometheus, f'geocommit_client_transactions_total{{{mine}, outcome="{outcome}"}}', end) for outcome in told}
        check(client["commit"] == told["commit"] == counts["committed"], f"clients: {client}, {told}, {counts}")
        check(cell["verdict_detail"]["committed"] >= told["commit"], "a client was told of a commit that no log has")
        writes = f'geocommit_forced_writes_total{{{mine}, node="agent@rack-2"}}'
        resets = prometheus.now(f"sum(resets({writes}[1h]))", end)[0][1]
        lasting = last(prometheus, writes, end)
        before = prometheus.now(f"sum(max_over_time({writes}[1h]))", end)[0][1]
        grown = prometheus.now(f"sum(increase({writes}[1h]))", end)[0][1]
        check(resets == 1, f"the crashed agent's counters were reset {resets} times")
        check(grown > lasting, f"increase() {grown} does not see past the reset (last value {lasting}, largest {before})")
        others = prometheus.now(f'sum(resets(geocommit_forced_writes_total{{{mine}, node!="agent@rack-2"}}[1h]))', end)[0][1]
        check(others == 0, "counters of nodes that lived were reset")
        active = prometheus.now(f'max(max_over_time(geocommit_fault_active{{{mine}, fault="crash", target="agent@rack-2"}}[1h]))', end)
        check(active and active[0][1] == 1, f"the crash is not in geocommit_fault_active: {active}")


def ending(place, name, number, status):
    """Ctrl-C, and a runner that is killed: no Prometheus stays."""
    (place / f"{name}.yaml").write_text(RUN.replace("duration: 4s", "duration: 60s"))
    running = subprocess.Popen([RUNNER, "run", place / f"{name}.yaml", "--output", place / name, "--prometheus", "--base-port", base_port()], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    rows = place / name / "timeseries.csv"
    try:
        deadline = time.monotonic() + PATIENCE
        while not rows.exists() or len(rows.read_text().splitlines()) < 6:
            check(running.poll() is None and time.monotonic() < deadline, f"{name}: the run never got going")
            time.sleep(0.1)
        running.send_signal(number)
        check(running.wait(timeout=PATIENCE) == status, f"{name}: exit status {running.returncode}")
    finally:
        running.kill()
        running.wait()
    mark = f"--storage.tsdb.path={place / name}/prometheus/data"
    deadline = time.monotonic() + PATIENCE
    while mark in processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    check(mark not in processes(), f"{name}: Prometheus outlives the run")
    with Kept(place / name) as prometheus:
        check(last(prometheus, "geocommit_client_offered_total", time.time()) > 0, f"{name}: no data was kept")


def main():
    with folder() as place, concurrent.futures.ThreadPoolExecutor(max_workers=2) as side_by_side:
        # Counts do not mind company.
        jobs = [side_by_side.submit(lambda: everything_agrees(*run(place, "agree", RUN))),
                side_by_side.submit(lambda: a_crash_resets_counters(*run(place, "crash", CRASH))),
                side_by_side.submit(ending, place, "interrupted", signal.SIGINT, 130),
                side_by_side.submit(ending, place, "killed", signal.SIGKILL, -9)]
        for job in jobs:
            job.result()
        subprocess.run([RUNNER, "clean"], capture_output=True, check=True, timeout=PATIENCE)
    print(f"agreed ({BUILD})")


if __name__ == "__main__":
    sys.exit(main())
