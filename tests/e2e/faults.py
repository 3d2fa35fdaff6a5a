#!/usr/bin/env python3
"""Faults end to end: real processes killed, stopped, cut off and starved of their disks, and what the results say of it.

Usage: tests/e2e/faults.py [NAME ...]     all of them if none is named
GEOCOMMIT_BUILD names the build folder (default: build/dev). Exits 1 if one fails, 77 if all were skipped.
"""
import contextlib
import json
import signal
import socket
import sys
import time

import harness
from harness import (Daemons, Running, check, equal, folder, gone, need_tun, progress, run, run_tests, series, stretched, summary,
                     write)

BASE = """name: faults
topology: lan
emulation: loopback
protocols: [2pc]
data: {placement: replicated, keys_per_participant: 2000}
workload: {participants: 2, arrival: fixed, rate: 40/s, keys: uniform}
timeouts: {vote: 700ms, decision: 700ms, lock_wait: 700ms}
durability: fsync
warmup: 300ms
duration: 5s
seed: 7
"""


def experiment(faults, **changes):
    text = BASE
    for key, value in changes.items():
        lines = [f"{key}: {value}" if line.startswith(key + ":") else line for line in text.splitlines()]
        text = "\n".join(lines) + "\n"
    return stretched(text + "faults:\n" + "".join(f"  - {{{fault}}}\n" for fault in faults))


def carried_out(faults, statuses=(0,), words=(), **changes):
    """Runs it: (cells, results' rows, stdout, folder's texts of the logs by node)."""
    with folder() as place:
        file = write(place / "faults.yaml", experiment(faults, **changes))
        status, out, err = run("run", file, "--output", place / "results", *words, cwd=place)
        cells = summary(place / "results")["cells"] if (place / "results" / "summary.json").exists() else []
        if status not in statuses and all(cell["verdict"] != "violation" or split_by_slowness(cell) for cell in cells):
            progress(not any(split_by_slowness(cell) for cell in cells), f"3PC split on a machine that was too slow:\n{out}")
        check(status in statuses, f"exit status {status}, expected {statuses}\n{out}\n{err}")
        logs = {path.stem: path.read_text() for path in (place / "results" / "logs").glob("*/*.log")}
        # What was written back is itself an experiment.
        again, _, err = run("validate", place / "results" / "experiment.yaml")
        check(again == 0 and all(line.startswith("warning: ") for line in err.splitlines()), f"the resolved experiment is valid: {again}: {err}")
        return cells, series(place / "results"), out, logs


def split_by_slowness(cell):
    """3PC takes a slow process for a dead one, and may split (Skeen 1981 assumes that this does not happen)."""
    return cell["protocol"] == "3pc" and not cell["valid"] and {k for k, v in cell["violations"].items() if v} == {"split_outcome"}


def happened(cell, times=1):
    """Each fault of the cell began, ended and was carried out."""
    for fault in cell["faults"]:
        equal(fault["problem"], None, f"{fault['kind']} {fault['target']}")
        progress(fault["triggered"] >= times, f"it happened: {fault}")
        check(all(t["begin_s"] < t["end_s"] for t in fault["times"] if t["end_s"] is not None), f"times: {fault}")
    check(cell["prediction_ms"]["why_not"], "no prediction with faults")


def sound(cell):
    equal((cell["verdict"], cell["drained"], cell["failure"]), ("pass", True, None), f"verdict: {cell['verdict_detail']}")
    equal(cell["left_at_end"]["locks_held"], 0, "locks held at the end")
    equal(cell["left_at_end"]["in_doubt"], 0, "in doubt at the end")


def crash():
    cells, rows, _, logs = carried_out(["at: 1s, for: 500ms, crash: agent@rack-1, lose_unsynced: true",
                                        "at: 2500ms, for: 500ms, crash: coordinator@rack-2"])
    for cell in cells:
        happened(cell)
        sound(cell)
        agent = cell["faults"][0]
        equal((agent["kind"], agent["target"], agent["planned_s"]), ("crash", "agent@rack-1", {"begin": 1.0 * harness.STRETCH, "end": 1.5 * harness.STRETCH}),
              "the fault as planned")
        check(agent["times"][0]["ready_s"] >= agent["times"][0]["end_s"], f"it served again: {agent}")
        equal([agent["times"][0][edge] >= agent["planned_s"][edge[:-2]] for edge in ("begin_s", "end_s")], [True, True], "in its time")
        progress(cell["phases"]["before"]["committed"] > 0 and cell["phases"]["after"]["committed"] > 0, "phases")
        progress(cell["transactions"]["committed"] > 50, f"goes on: {cell['transactions']}")
    for node in ("agent@rack-1", "coordinator@rack-2"):
        check("start 2," in logs[node], f"{node} was started again: {logs[node]}")
    check("start 2," not in logs["agent@rack-2"], "and no other")
    check(any(row["fault_names"].startswith("crash agent@rack-1") and row["faults"] == "1" for row in rows), "timeseries.csv")


def crash_at_a_point():
    cells, _, _, logs = carried_out(
        ["at: 1s, on: votes-collected, node: coordinator@rack-1, crash: true, for: 500ms",
         "at: 1s, on: votes-collected, node: coordinator@rack-1, crash: agent@rack-2, for: 1s"])
    happened(cells[0])
    sound(cells[0])
    coordinator, agent = cells[0]["faults"]
    equal(coordinator["planned_s"], None, "its time is not known before")
    equal(coordinator["point"], {"event": "votes-collected", "node": "coordinator@rack-1", "occurrence": 1,
                                  "since_s": 1.0 * harness.STRETCH},
          "the point")
    equal((coordinator["triggered"], agent["triggered"]), (1, 1), "once")
    check("start 2," in logs["coordinator@rack-1"] and "start 2," in logs["agent@rack-2"], "both came back")
    # The decision was not forced: that transaction aborts by recovery.
    progress(cells[0]["transactions"]["aborted"], "something aborted")


def pause():
    cells, rows, _, logs = carried_out(["at: 1s, for: 1s, pause: agent@rack-3",
                                        "at: 3s, on: vote-forced, node: agent@rack-1, pause: true, for: 500ms"])
    happened(cells[0])
    sound(cells[0])
    check(all("start 2," not in text for text in logs.values()), "nobody died")
    progress(cells[0]["blocking_ms"]["count"] + cells[0]["transactions"]["committed"] > 0, "it went on")


def partition_without_links():
    cells, _, _, _ = carried_out(["at: 1s, for: 1s, partition: [[rack-1], [rack-2, rack-3]]"], protocols="[2pc, 3pc]",
                                 warmup="500ms")
    two, three = cells
    happened(two)
    sound(two)
    happened(three)
    felt = two["phases"]["during"]
    progress(felt["aborted"] > 0 or felt["client_latency_ms"]["max"] > 300, f"it was felt: {felt}")
    check(three["verdict"] == "pass" or three["expected"], "3PC may split under a partition, and nothing else")


def disk():
    # At points before a forced write: one that fails is met for certain, also where the last victim is long in coming back.
    cells, _, _, logs = carried_out(
        ["at: 1s, for: 500ms, disk: {node: agent@rack-1, stall: true}",
         "at: 2s, on: prepare-received, node: agent@rack-2, disk: {node: agent@rack-2, fail: sync}, for: 500ms",
         "at: 5s, on: votes-collected, node: coordinator@rack-3, disk: {node: coordinator@rack-3, fail: full}, for: 500ms"],
        duration="10s")
    happened(cells[0])
    sound(cells[0])
    check("start 2," not in logs["agent@rack-1"], "a stall kills nobody")
    for node in ("agent@rack-2", "coordinator@rack-3"):
        check("start 2," in logs[node], f"{node} ended itself and was started again: {logs[node]}")


def drop_and_clock():
    cells, _, _, _ = carried_out(["at: 1s, for: 1s, drop: {from: rack-1, to: rack-2, kinds: [decision]}",
                                  "at: 1s, clock: {node: agent@rack-3, step: 1h}",
                                  "at: 3s, for: 1s, drop: {from: rack-2, to: [rack-1, rack-3], probability: 20%}"])
    happened(cells[0])
    sound(cells[0])
    progress(cells[0]["costs_per_commit"]["retries"] > 0, "what was lost was sent again")
    equal(cells[0]["faults"][1]["times"][0]["end_s"], None, "a stepped clock stays")


def forever():
    cells, _, _, _ = carried_out(["at: 1s, on: votes-collected, node: coordinator@rack-1, crash: true, for: forever"],
                                 statuses=(0, 3), protocols="[2pc, 3pc]", duration="3s",
                                 timeouts="{vote: 300ms, decision: 300ms, lock_wait: 300ms}")
    two, three = cells
    for cell in cells:
        happened(cell)
        equal(cell["faults"][0]["times"][0]["end_s"], None, "it never ended")
        equal((cell["drained"], cell["failure"]), (False, None), "never at rest, and no failure of the run")
        check(not any(cell["violations"].values()), f"violations: {cell['violations']}")
    progress(two["blocking_ms"]["censored"] > 0, f"2PC blocks as long as the coordinator is gone: {two['blocking_ms']}")
    equal(three["blocking_ms"]["censored"], 0, "3PC does not")


def nemesis():
    cells, _, _, _ = carried_out(["every: 1s, for: 400ms, random: [crash, pause, disk, partition], seed: 3"],
                                 protocols="[home-region]")
    equal(len(cells[0]["faults"]), 5, "one a second")
    happened(cells[0])
    sound(cells[0])


def links():
    need_tun()
    cells, _, _, _ = carried_out(["at: 2s, for: 2s, link: {between: [us-east-1, eu-west-1], delay: +100ms}",
                                  "at: 5s, for: 500ms, cut: {from: us-east-1, to: eu-west-1}",
                                  "at: 7s, on: decision-forced, node: coordinator@us-east-1, "
                                  "partition: [[us-east-1], [eu-west-1]], for: 500ms"],
                                 emulation="tun", topology="aws-3", duration="10s", warmup="1s",
                                 timeouts="{vote: 3s, decision: 3s, lock_wait: 3s}",
                                 workload="{participants: 2, arrival: fixed, rate: 10/s, keys: uniform, origins: [us-east-1]}")
    happened(cells[0])
    sound(cells[0])
    progress(cells[0]["router"]["cut"] > 0, f"packets were lost: {cells[0]['router']}")
    phases = cells[0]["phases"]
    check(phases["during"]["client_latency_ms"]["p99"] > phases["before"]["client_latency_ms"]["p50"] + 150,
          f"200 ms more round trip: {phases}")


def expected_split():
    need_tun()
    faults = [
        "on: precommit-sent-to-one, node: coordinator@us-east-1, occurrence: every, for: 3s, "
        "partition: [[us-east-1], [eu-west-1, ap-northeast-1]]"]
    how = dict(emulation="tun", topology="aws-3", duration="6s", warmup="1s", protocols="[3pc]",
               timeouts="{vote: 1s, decision: 1s, lock_wait: 1s}",
               workload="{participants: 2, arrival: fixed, rate: 10/s, keys: uniform, origins: [us-east-1]}")
    cells, _, _, _ = carried_out(faults, words=("--allow-expected",), **how)
    happened(cells[0])
    equal((cells[0]["verdict"], cells[0]["expected"]), ("violation", True), "3PC splits under a partition, as predicted")


def wrong_faults():
    with folder() as place:
        for fault, message in (
                ("at: 5s, for: 1s, crash: agent@rack-9", "faults.yaml:13:30: faults[0].crash: expected an agent or coordinator"),
                ("at: 5s, for: 1s, cut: {from: rack-1, to: rack-1}", "faults.yaml:13:5: faults[0]: expected two ends that do not overlap"),
                ("at: 5s, crash: agent@rack-1", "expected also for: 5s"),
                ("at: 5s, for: 1s, partition: [[rack-1], [rack-2, rack-1]]", "expected groups that do not overlap, found rack-1"),
                ("on: votes-colected, node: coordinator@rack-1, for: 1s, crash: true", "did you mean \"votes-collected\"?")):
            file = write(place / "faults.yaml", experiment([fault]))
            status, _, err = run("run", file, "--output", place / "results", cwd=place)
            equal(status, 1, f"exit status: {err}")
            check(message in err, f"{message!r} in {err!r}")
            check(not (place / "results").exists(), "nothing was started")
        file = write(place / "faults.yaml", experiment(["at: 1s, for: 1s, link: {between: [rack-1, rack-2], delay: +5ms}"]))
        status, _, err = run("run", file, "--output", place / "results", cwd=place)
        equal(status, 1, f"exit status: {err}")
        check("faults.yaml:13:23: faults[0].link: expected another fault with emulation: loopback: there are no links to "
              "change here; use emulation: tun, netem, auto or sim" in err, err)


def dry_run():
    with folder() as place:
        file = write(place / "faults.yaml",
                     experiment(["at: 1s, for: 1s, drop: {from: rack-1, to: rack-2, kinds: [precommit]}",
                                 "at: 500ms, for: 9s, pause: agent@rack-1"], protocols="[2pc, 3pc]"))
        status, out, err = run("run", file, "--dry-run", cwd=place)
        equal((status, err), (0, ""), "exit status and errors")
        check(out.index("pause agent@rack-1") < out.index("drop rack-1 -> rack-2 (precommit)"), f"in the order of time: {out}")
        check("faults.yaml:13:5: 2pc has no messages of class precommit" in out, out)
        check("3pc has no messages" not in out, out)
        check("heals at 9500ms, after the load's end at 5300ms" in out, out)


def interrupted():
    with folder() as place:
        file = write(place / "faults.yaml", experiment(["at: 1s, for: forever, pause: agent@rack-1",
                                                        "at: 1s, for: 1h, crash: agent@rack-2"], duration="60s"))
        with Running("run", file, "--output", place / "results", cwd=place) as running:
            running.wait_for(lambda: any(row["faults"] == "2" for row in series(place / "results")), "both faults")
            children = running.children()
            running.signal(signal.SIGINT)
            equal(running.end(), 130, "exit status")
            check(all(gone(pid) for pid in children.values()), "no process is left")
        cell = summary(place / "results")["cells"][0]
        check(cell["interrupted"], "interrupted")
        equal([f["triggered"] for f in cell["faults"]], [1, 1], "what happened is told")


def runner_killed():
    with folder() as place:
        file = write(place / "faults.yaml", experiment(["at: 1s, for: forever, pause: agent@rack-1"], duration="60s"))
        with Running("run", file, "--output", place / "results", cwd=place) as running:
            running.wait_for(lambda: any(row["faults"] == "1" for row in series(place / "results")), "the fault")
            children = running.children()
            check("agent@rack-1" in children, f"the agent: {children}")
            running.signal(signal.SIGKILL)
            running.end()
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and not all(gone(pid) for pid in children.values()):
                time.sleep(0.05)
            check(all(gone(pid) for pid in children.values()), "no process is left, not even the one that stood still")
    status, _, err = run("clean")
    equal(status, 0, f"clean: {err}")


def port_taken_meanwhile():
    with folder() as place:
        file = write(place / "faults.yaml", experiment(["at: 1s, for: 3s, crash: coordinator@rack-1"], duration="60s"))
        results = place / "results"
        with Running("run", file, "--output", results, cwd=place) as running:
            running.wait_for(lambda: any(row["faults"] == "1" for row in series(results)), "the crash")
            config = json.loads(next(results.glob("nodes/*/coordinator@rack-1/config.json")).read_text())
            mine = config["addresses"][str(config["self"])] if isinstance(config["addresses"], dict) else next(
                a for a in config["addresses"] if a.get("node", a.get("id")) == config["self"])
            port = int(mine["data"].rsplit(":", 1)[1])
            with socket.socket() as thief:
                thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                for _ in range(40):  # The process may still be dying.
                    with contextlib.suppress(OSError):
                        thief.bind(("127.0.0.1", port))
                        break
                    time.sleep(0.05)
                thief.listen()
                equal(running.end(), 1, "exit status")
            check("started again after a fault, coordinator@rack-1" in running.stderr(), running.stderr())


def deployed():
    """Daemons that somebody else started: what they do to themselves can be ordered, a crash is refused."""
    with folder() as place, Daemons(place, ("rack-1", "rack-2", "rack-3")) as daemons:
        faults = ["at: 1s, for: 500ms, pause: agent@rack-1",
                  "at: 2s, for: 500ms, drop: {from: rack-1, to: rack-2, kinds: [decision]}",
                  "at: 3s, on: vote-forced, node: agent@rack-2, disk: {node: agent@rack-2, stall: true}, for: 300ms",
                  "at: 4s, for: 500ms, partition: [[rack-1], [rack-2]]"]
        file = write(place / "deployed.yaml", experiment(faults, emulation="deployed") + daemons.nodes)
        status, out, err = run("run", file, "--output", place / "results", cwd=place)
        equal(status, 0, f"exit status\n{out}\n{err}\n{daemons.logs()}")
        cell = summary(place / "results")["cells"][0]
        sound(cell)
        happened(cell)
        check(daemons.all_live(), "the daemons are still there")
        file = write(place / "crash.yaml", experiment(["at: 1s, for: 1s, crash: agent@rack-1"], emulation="deployed") + daemons.nodes)
        status, _, err = run("run", file, "--output", place / "refused", cwd=place)
        check(status == 1 and "those daemons are not the runner's to start again" in err, err)


TESTS = [crash, crash_at_a_point, pause, partition_without_links, disk, drop_and_clock, forever, nemesis, links,
         expected_split, wrong_faults, dry_run, interrupted, runner_killed, port_taken_meanwhile,
         deployed]


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
