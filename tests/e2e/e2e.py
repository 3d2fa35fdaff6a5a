#!/usr/bin/env python3
"""End-to-end tests of geocommit: real daemons, real sockets, real logs.

Usage: tests/e2e/e2e.py [NAME ...]     all of them if none is named
GEOCOMMIT_BUILD names the build folder (default: build/dev). Exits 1 if one fails, 77 if all were skipped.
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import xml.etree.ElementTree
from urllib.parse import quote

from harness import (BUILD, HOME, PATIENCE, QUICK, Daemons, Running, check, equal, folder, gone, need_tun, run, run_tests,
                     summary, write)


def one_protocol(protocol, messages, forced_writes, extra=""):
    with folder() as place:
        file = write(place / "quick.yaml", QUICK.replace("[2pc]", f"[{protocol}]") + extra)
        results = place / "results"
        status, out, err = run("run", file, "--output", results, cwd=place)
        check(status == 0, f"exit status {status}\n{out}\n{err}")
        whole = summary(results)
        equal(whole["schema"], "geocommit/summary/1", "schema")
        equal(whole["emulation"], "loopback", "emulation")
        equal(len(whole["cells"]), 1, "cells")
        cell = whole["cells"][0]
        equal(cell["protocol"], protocol, "protocol")
        equal((cell["verdict"], cell["expected"]), ("pass", False), "verdict, expected")
        # How late a busy machine sends is its own affair; nothing else may be held against the latencies.
        equal([r for r in cell["reasons"] if not r.startswith("the load generator sent late")], [], "why not valid")
        equal(cell["valid"], not cell["reasons"], "valid")
        check(not any(cell["violations"].values()), f"violations: {cell['violations']}")
        counts = cell["transactions"]
        equal(counts["offered"], 80, "offered: 40 a second for 2 s")
        equal(counts["committed"] + sum(counts["aborted"].values()) + counts["unknown"] + counts["shed"], 80,
              f"every transaction is accounted for: {counts}")
        check(counts["committed"] >= 70, f"nearly all commit: {counts}")
        equal(cell["client_latency_ms"]["count"], counts["committed"], "a client latency per commit")
        equal(cell["commit_latency_ms"]["count"], counts["committed"], "a commit latency per commit")
        equal(cell["lock_hold_ms"]["count"], 3 * counts["committed"], "a lock hold per participant and commit")
        costs = cell["costs_per_commit"]
        equal((costs["messages"], costs["forced_writes"]), (messages, forced_writes), "messages and forced writes a commit")
        equal(cell["left_at_end"]["locks_held"], 0, "locks held at the end")
        check(cell["drained"], "drained")
        for name in ("experiment.yaml", "environment.json", "summary.csv", "timeseries.csv", "prometheus.yml"):
            check((results / name).stat().st_size > 0, f"{name} is there")
        check(list((results / "histograms").glob("*.commit_latency.csv")), "histograms are there")
        check(list((results / "nodes").glob("*/agent@rack-1/*.seg")), "commit logs are there")
        check(list((results / "logs").glob("*/agent@rack-1.log")), "logs are there")
        check("How to read it" in out and protocol in out, "the comparison was printed")
        # What was written back is itself an experiment.
        status, _, err = run("validate", results / "experiment.yaml")
        equal((status, err), (0, ""), "the resolved experiment is valid")


def loopback_2pc():
    one_protocol("2pc", 12, 7)  # 4N, 2N+1


def loopback_3pc():
    one_protocol("3pc", 18, 11)  # 6N, 3N+2


def loopback_home_region():
    one_protocol("home-region", 12, 7)  # every transaction spans three homes: 2PC among them


def loopback_easy_commit():
    one_protocol("easy-commit", 18, 8)  # N^2+3N, 2N+2


def loopback_presumptions():
    one_protocol("2pc-presumed-nothing", 12, 7)  # 4N, 2N+1
    one_protocol("2pc-presumed-commit", 9, 5)  # 3N, N+2


def options_and_labels():
    """One protocol twice: told apart in table, files, metrics, summary and thresholds, and each does what its options say."""
    with folder() as place:
        text = QUICK.replace("[2pc]", "[2pc, {2pc: {read_only: false}}, {3pc: {label: three}}]").replace("participants: 3", "participants: 1").replace("local: 0", "local: 0, reads: 1")
        text += "thresholds: {2pc: {messages_per_commit: == 2}, 2pc read_only=false: {messages_per_commit: < 3}, three: {violations: == 0, unknown: == 0}}\n"
        file = write(place / "quick.yaml", text)
        results = place / "results"
        status, out, err = run("run", file, "--output", results, "--junit", place / "run.xml", cwd=place)
        check(status == 4 and "2pc-read_only-false-r1: threshold messages_per_commit < 3: is 4\n" in out, f"exit status {status}\n{out}\n{err}")
        cells = summary(results)["cells"]
        equal([c["cell"] for c in cells], ["2pc-r1", "2pc-read_only-false-r1", "three-r1"], "cells")
        equal([c["protocol"] for c in cells], ["2pc", "2pc read_only=false", "three"], "labels")
        equal([(c["row"], c["options"]) for c in cells], [("2pc", {"read_only": True}), ("2pc", {"read_only": False}), ("3pc", {})], "rows and options")
        # One site that only reads: PREPARE and its vote; or the whole of two phases.
        equal([c["costs_per_commit"]["messages"] for c in cells], [2, 4, 2], "messages a commit")
        equal([c["costs_per_commit"]["forced_writes"] for c in cells], [0, 3, 0], "forced writes a commit")
        equal([c["verdict"] for c in cells], ["pass"] * 3, "verdicts")
        equal([[t["kept"] for t in c["thresholds"]] for c in cells], [[True], [False], [True, True]], "thresholds")
        tests = xml.etree.ElementTree.parse(place / "run.xml").getroot()[0]
        equal((tests.get("tests"), tests.get("failures"), tests.get("errors"), tests.get("skipped")), ("7", "1", "0", "0"), "tests in the JUnit file")
        for cell in cells:
            check(all(cell["protocol"] in text for text in (out, (results / "summary.csv").read_text())), f"{cell['protocol']} is in the table")
            check((results / "nodes" / cell["cell"] / "agent@rack-1").is_dir(), f"{cell['cell']} has a folder")
            check(list((results / "histograms").glob(cell["cell"] + ".*.csv")), f"{cell['cell']} has histograms")
            check(f" protocol={quote(cell['protocol'])} " in (results / "metrics.series").read_text(), f"{cell['protocol']} has metrics")
        status, again, err = run("validate", results / "experiment.yaml")
        equal((status, err), (0, ""), "what was written back is valid")
        status, out, err = run("run", results / "experiment.yaml", "--dry-run")
        check(status == 0 and "three-r1" in out and "2pc with read_only=false" in out, f"and says the same: {out}{err}")


def loopback_replicated():
    with folder() as place:
        text = QUICK.replace("[2pc]", "[2pc, 3pc, home-region]").replace("partitioned", "replicated")
        file = write(place / "quick.yaml", text.replace("local: 0", "local: 1").replace("participants: 3", "participants: 2"))
        status, out, err = run("run", file, "--output", place / "results", cwd=place)
        check(status == 0, f"exit status {status}\n{out}\n{err}")
        two, three, home = summary(place / "results")["cells"]
        equal([c["verdict"] for c in (two, three, home)], ["pass"] * 3, "verdicts")
        equal(two["costs_per_commit"]["messages"], 12, "2PC writes every copy")
        equal(three["costs_per_commit"]["messages"], 18, "3PC writes every copy")
        equal(home["costs_per_commit"]["messages"], 4, "home region commits at one site")
        equal(home["costs_per_commit"]["wan_messages"], 0, "of its own region")
        check(home["staleness_ms"]["count"] > 0, "staleness was measured")
        check(two["staleness_ms"] is None, "2PC has no staleness")


def sweep_and_repetitions():
    with folder() as place:
        file = write(place / "quick.yaml", QUICK.replace("duration: 2s", "duration: 1s"))
        status, out, err = run("run", file, "--output", place / "results", "--set", "repetitions=2", "--set",
                               "sweep={workload.rate: [20/s, 40/s]}", "--quiet", cwd=place)
        check(status == 0, f"exit status {status}\n{out}\n{err}")
        cells = summary(place / "results")["cells"]
        equal([(c["sweep"], c["repetition"], c["transactions"]["offered"]) for c in cells],
              [({"workload.rate": r}, n, int(r[:2])) for r in ("20/s", "40/s") for n in (1, 2)], "cells")
        check(re.fullmatch(r"(2pc-p[12]-r[12] \(workload.rate=[24]0/s\)  pass  .*\n){4}verdict: pass\nResults: .*\n", out), f"a line per cell and the verdict: {out}")
        status, out, err = run("run", file, "--output", place / "events", "--progress", "json", cwd=place)
        events = [json.loads(line) for line in out.splitlines()]
        check(status == 0, f"exit status {status}\n{out}\n{err}")  # A warning is the machine's mood.
        equal([e["event"] for e in events if e["event"] != "load"], ["started", "cell", "judged", "ended"], "events")
        loads = [e for e in events if e["event"] == "load"]
        check(loads and all(e["cell"] == "2pc-r1" and e["total_s"] == 1.3 for e in loads), f"of the load: {loads}")
        equal((events[0]["emulation"], events[-1]["status"]), ("loopback", 0), "how it was run, and how it ended")


def closed_loop():
    with folder() as place:
        text = QUICK.replace("arrival: fixed, rate: 40/s", "arrival: closed, clients: 8").replace("3pc", "2pc")
        status, out, err = run("run", write(place / "q.yaml", text), "--output", place / "results", cwd=place)
        check(status == 0, f"exit status {status}\n{out}\n{err}")
        cell = summary(place / "results")["cells"][0]
        check(cell["transactions"]["committed"] > 50, f"a closed loop goes as fast as it can: {cell['transactions']}")


def long_run(place, *more):
    file = write(place / "long.yaml", QUICK.replace("duration: 2s", "duration: 60s"))
    return Running("run", file, "--output", place / "results", *more, cwd=place)


def daemon_dies():
    with folder() as place, long_run(place) as going:
        going.wait_until_measuring(place / "results")
        children = going.children()
        victim = children["agent@rack-2"]
        os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()
        going.wait_for(lambda: "agent@rack-2" in going.stderr(), "the run to say who died")
        print(f"named after {time.monotonic() - killed:.2f} s")
        equal(going.end(), 1, "exit status")
        check("was killed by signal 9" in going.stderr(), going.stderr())
        cell = summary(place / "results")["cells"][0]
        check("agent@rack-2" in cell["failure"], f"failure: {cell['failure']}")
        equal(cell["valid"], False, "valid")
        check(cell["transactions"]["committed"] > 0, "what was measured is kept")
        check(all(gone(pid) for pid in children.values()), "no process is left behind")


def interrupt():
    with folder() as place, long_run(place) as going:
        going.wait_until_measuring(place / "results")
        children = going.children()
        check(len(children) == 7, f"three agents, three coordinators, a client: {children}")
        going.signal(signal.SIGINT)
        equal(going.end(), 130, "exit status")
        cell = summary(place / "results")["cells"][0]
        equal((cell["interrupted"], cell["valid"]), (True, False), "interrupted, valid")
        equal((cell["failure"], summary(place / "results")["failures"]), (None, []), "nothing failed: it was told to stop")
        check("ended with status" not in going.stderr(), f"no failure is told: {going.stderr()}")
        check("Every cell passed" not in going.stdout(), "it did not come to its end")
        check(cell["transactions"]["committed"] > 0, "what was measured is kept")
        check(cell["commit_latency_ms"]["count"] > 0, "with its latencies")
        check("How to read it" in going.stdout(), "the comparison was printed")
        check(all(gone(pid) for pid in children.values()), "no process is left behind")


def interrupt_twice():
    with folder() as place, long_run(place) as going:
        going.wait_until_measuring(place / "results")
        children = going.children()
        going.signal(signal.SIGTERM)
        going.signal(signal.SIGINT)
        equal(going.end(), 130, "exit status")
        deadline = time.monotonic() + PATIENCE
        while not all(gone(pid) for pid in children.values()) and time.monotonic() < deadline:
            time.sleep(0.02)
        check(all(gone(pid) for pid in children.values()), "no process is left behind")


def wrong_file():
    with folder() as place:
        file = write(place / "wrong.yaml", QUICK.replace("rate: 40/s", "rat: 40/s").replace("rack-1", "rack-9"))
        status, out, err = run("run", file, cwd=place)
        equal((status, out), (1, ""), "status and output")
        equal(err, f'error: {file}:6:45: workload.rat: unknown key, did you mean "rate"?\n', "message")
        file = write(place / "wrong.yaml", QUICK.replace("rack-1", "rack-9"))
        status, _, err = run("run", file, cwd=place)
        check(status == 1 and "workload.origins[0]: expected a region of topology lan" in err, err)
        file = write(place / "wrong.yaml", QUICK.replace("topology: lan", "topology: lam"))
        status, _, err = run("run", file, cwd=place)
        check(status == 1 and f"{file}:2:11: topology: no topology \"lam\", did you mean \"lan\"?" in err, err)
        check(not (place / "results").exists(), "nothing was started")
        status, _, err = run("run", place / "absent.yaml", cwd=place)
        check(status == 1 and "absent.yaml" in err, err)


def taken_port():
    with folder() as place, socket.socket() as taken:
        for port in range(25000, 25500):  # below the ports that the system hands out
            try:
                taken.bind(("127.0.0.1", port))
                break
            except OSError:
                continue
        taken.listen(1)
        # The first node's data, control and metrics ports are consecutive from here.
        file = write(place / "quick.yaml", QUICK)
        status, out, err = run("run", file, "--base-port", port - 1, "--output", place / "results", cwd=place)
        check(status == 1, f"exit status {status}\n{out}\n{err}")
        check("agent@rack-1" in err and str(port) in err, f"the message names the node and the port: {err}")


def deployed():
    """Daemons started by hand, used for two cells, and idle again afterwards. One of them is commanded over TCP, which it
    must be permitted, and which the results say."""
    with folder() as place, Daemons(place, ("rack-1", "rack-2", "rack-3"), insecure=("agent@rack-1",)) as daemons:
        text = QUICK.replace("emulation: loopback", "emulation: deployed").replace("[2pc]", "[2pc, home-region]")
        file = write(place / "deployed.yaml", text + daemons.nodes)
        for attempt in ("first", "second"):
            status, out, err = run("run", file, "--output", place / attempt, cwd=place)
            check(status == 0, f"exit status {status}\n{out}\n{err}\n{daemons.logs()}")
            cells = summary(place / attempt)["cells"]
            equal([c["verdict"] for c in cells], ["pass", "pass"], "verdicts")
            insecure = summary(place / attempt)["insecure"]
            check(len(insecure) == 1 and "agent@rack-1 is commanded at tcp://" in insecure[0], insecure)
            check("insecure: agent@rack-1" in err, err)
            check(all(c["transactions"]["committed"] > 50 for c in cells), "commits")
            equal(cells[0]["costs_per_commit"]["messages"], 12, "messages a commit")
        check(daemons.all_live(), "the daemons are still there")


def command_line():
    status, out, _ = run("--help")
    check(status == 0 and "Examples:" in out and "probe" in out, out)
    for command in ("run", "probe", "topology", "protocols", "clean", "validate", "predict"):
        status, out, _ = run(command, "--help")
        check(status == 0 and "xample" in out, f"{command} --help: {out}")
    status, _, err = run("rnu")
    check(status == 1 and 'did you mean "run"?' in err, err)
    status, out, _ = run("protocols")
    check(status == 0 and "4N messages, 2N+1 forced writes" in out, out)
    status, _, err = run("protocols", "3cp")
    check(status == 1 and 'did you mean "3pc"?' in err, err)
    status, out, _ = run("topology", "aws-3")
    check(status == 0 and "us-east-1" in out, out)
    status, out, err = run("predict", "--topology", "aws-3", "--set", "durability=fixed(2ms)")
    check(status == 0 and all(region in out for region in ("us-east-1", "eu-west-1", "ap-northeast-1")), out + err)
    check("12.0 messages, 7.00 forced writes" in out and "last 2.00 ms" in out and "coordinator: best in" in out, out)
    status, _, err = run("predict")
    check(status == 1 and "expected an experiment file, or --topology" in err, err)
    status, _, err = run("predict", "--topology", "aws-33")
    check(status == 1 and 'did you mean "aws-3"?' in err, err)
    status, out, _ = run("version")
    check(status == 0 and out.startswith("geocommit "), out)
    status, out, err = run("run", HOME / "experiments" / "quickstart.yaml", "--dry-run")
    check(status == 0 and "timeouts" in out and "commit latency" in out and "nothing was started" in out, out + err)
    status, _, err = run("run", HOME / "experiments" / "quickstart.yaml", "--dry-run", "--set", "workload.rate=fast")
    check(status == 1 and err.startswith("error: --set workload.rate=fast: workload.rate: expected a rate"), err)


def shipped_experiments():
    files = sorted((HOME / "experiments").glob("*.yaml"))
    check(len(files) >= 4, "experiments are shipped")
    for file in files:
        status, out, err = run("validate", file)
        check(status == 0, f"{file}: {err}")


def run_simulator(*words):
    done = subprocess.run([BUILD / "sim" / "geocommit-sim", *words], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout, done.stderr


def tun_low_load():
    need_tun()
    with folder() as place:
        text = QUICK.replace("loopback", "tun").replace("topology: lan", "topology: aws-3").replace("rack-1", "us-east-1")
        file = write(place / "tun.yaml", text.replace("[2pc]", "[2pc, 3pc]").replace("rate: 40/s", "rate: 20/s"))
        status, out, err = run("run", file, "--output", place / "results", cwd=place)
        check(status == 0, f"exit status {status}\n{out}\n{err}")
        for cell, messages, forced in zip(summary(place / "results")["cells"], (12, 18), (7, 11)):
            equal(cell["verdict"], "pass", "verdict")
            costs = cell["costs_per_commit"]
            equal((costs["messages"], costs["forced_writes"]), (messages, forced), "messages and forced writes a commit")
            # Delay is added, never taken away: no timing on a busy machine can break this bound.
            predicted = cell["prediction_ms"]["commit_latency"]
            check(cell["commit_latency_ms"]["p50"] >= predicted * 0.98, f"slower than light: {cell['commit_latency_ms']}")
            # The simulated twin: what does not depend on time is equal, and light is no faster there.
            twin = {one["name"]: one for one in cell["twin"]["figures"]}
            for name, exact in (("messages a commit", messages), ("forced writes a commit", forced)):
                equal((twin[name]["measured"], twin[name]["simulated"]), (exact, exact), f"{name}: measured and simulated")
            p50 = twin["commit latency p50, ms"]
            equal((p50["measured"], p50["theory"]), (cell["commit_latency_ms"]["p50"], predicted), "the twin's figures are the cell's")
            check(abs(p50["simulated"] / predicted - 1) < 0.01, f"simulated as in theory: {p50}")
            check(p50["apart"] is None or p50["measured"] > 1.03 * p50["simulated"], f"apart: {p50}")
            print(f"{cell['cell']}: commit p50 {cell['commit_latency_ms']['p50']} ms, predicted {predicted} ms")
        check("Simulated twin\n" in out, out)
        before = (place / "results" / "summary.json").read_text()
        status, out, err = run_simulator("twin", place / "results")
        check(status == 0 and "commit latency p50, ms" in out, f"by hand: {status}\n{out}\n{err}")
        equal((place / "results" / "summary.json").read_text(), before, "the same again")
        status, out, err = run("run", file, "--output", place / "without", "--no-twin", cwd=place)
        check(status == 0 and "twin" not in out and "twin" not in summary(place / "without")["cells"][0], out)


def tun_run(place):
    text = QUICK.replace("loopback", "tun").replace("duration: 2s", "duration: 60s")
    return Running("run", write(place / "tun.yaml", text), "--output", place / "results", cwd=place)


def tun_metrics():
    need_tun()
    with folder() as place, tun_run(place) as going:
        going.wait_until_measuring(place / "results")
        config = (place / "results" / "prometheus.yml").read_text()
        address = config.split('replacement: "127.0.0.1:')[1].split('"')[0]
        url = f"http://127.0.0.1:{address}/nodes/agent@rack-1/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
        check("geocommit_lock_hold_seconds_bucket" in text, f"the node's metrics, from the host: {text[:300]}")
        children = going.children()
        going.signal(signal.SIGINT)
        equal(going.end(), 130, "exit status")
        check(all(gone(pid) for pid in children.values()), "no process is left behind")


def router_fails(number, words):
    need_tun()
    with folder() as place, tun_run(place) as going:
        going.wait_until_measuring(place / "results")
        children = going.children()
        os.kill(children["router"], number)
        equal(going.end(), 1, "exit status")
        check("router" in going.stderr() and any(w in going.stderr() for w in words), going.stderr())
        check(summary(place / "results")["cells"][0]["transactions"]["committed"] > 0, "what was measured is kept")
        check(all(gone(pid) for pid in children.values()), "no process is left behind")


def tun_router_dies():
    router_fails(signal.SIGKILL, ("signal 9", "killed", "died", "ended"))


def tun_router_stops():
    router_fails(signal.SIGSTOP, ("stopped", "hang", "respond", "answer", "heartbeat", "alive"))


TESTS = [
    loopback_2pc, loopback_3pc, loopback_home_region, loopback_easy_commit, loopback_presumptions, options_and_labels, loopback_replicated, sweep_and_repetitions, closed_loop, daemon_dies,
    interrupt, interrupt_twice, wrong_file, taken_port, deployed, command_line, shipped_experiments, tun_low_load,
    tun_metrics, tun_router_dies, tun_router_stops]


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
