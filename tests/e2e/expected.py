#!/usr/bin/env python3
"""What each protocol is expected to do when a process dies or the network is cut, by the shipped experiments.

Usage: tests/e2e/expected.py sim|tun [NAME ...]     all of them if none is named
The same files, and the same expectations, in virtual time (sim) and on real processes over an emulated WAN (tun, shorter
outages). Margins are generous: they tell a protocol that waits from one that does not, not a fast machine from a slow
one. GEOCOMMIT_BUILD names the build folder (default: build/dev). Exits 1 if one fails, 77 if all were skipped.
"""
import subprocess
import sys

from harness import BUILD, HOME, RUNNER, check, equal, folder, need_tun, run_tests, summary

WORLD = "sim"
EXPERIMENTS = HOME / "experiments"


def cells(file, *words, statuses=(0,)):
    """Runs a shipped experiment: its cells by (protocol, scenario, swept values), and the nodes' logs by path."""
    program = [BUILD / "sim" / "geocommit-sim", EXPERIMENTS / file] if WORLD == "sim" else \
        [RUNNER, "run", EXPERIMENTS / file, "--emulation", "tun"]
    with folder() as place:
        done = subprocess.run([*map(str, program), "--output", str(place / "results"), "--quiet", *words], cwd=place,
                              capture_output=True, text=True, timeout=700, stdin=subprocess.DEVNULL)
        check(done.returncode in statuses, f"exit status {done.returncode}, expected {statuses}\n{done.stdout}\n{done.stderr}")
        out = {}
        for cell in summary(place / "results")["cells"]:
            equal(cell["failure"], None, cell["cell"])
            check(cell["drained"], f"{cell['cell']}: everything was decided and every lock released in the end")
            key = [cell["protocol"], cell["sweep"].get("scenario")]
            key += [value for name, value in cell["sweep"].items() if name != "scenario"]
            out[tuple(key)] = cell
        logs = {str(path.relative_to(place / "results")): path.read_text()
                for path in (place / "results").glob("logs/*/*.log")}
        return out, logs


def passes(cell):
    equal((cell["verdict"], sum(cell["violations"].values())), ("pass", 0), cell["cell"])


def triggered(cell, times=1):
    check(all(fault["triggered"] >= times for fault in cell["faults"]), f"{cell['cell']}: its faults happened")


def blocked_s(cell):
    return cell["blocking_ms"]["max"] / 1000


def phase(cell, name):
    return cell["phases"][name]


def coordinator_crash():
    """2PC's blocking follows the outage at slope 1 and its waiters pile up in proportion; 3PC's does neither."""
    short, long = ("2s", "10s") if WORLD == "sim" else ("2s", "6s")
    stretch = float(long[:-1]) - float(short[:-1])
    got, _ = cells("coordinator-crash.yaml", "--set", f"sweep={{faults.0.for: [{short}, {long}]}}", "--set",
                   f"duration={'15s' if WORLD == 'sim' else '9s'}")
    for scenario in ("votes-in", "decided"):
        for protocol in ("2pc", "3pc"):
            for length in (short, long):
                passes(got[protocol, scenario, length])
                triggered(got[protocol, scenario, length])
        grew = {p: blocked_s(got[p, scenario, long]) - blocked_s(got[p, scenario, short]) for p in ("2pc", "3pc")}
        check(0.7 * stretch < grew["2pc"] < 1.4 * stretch, f"{scenario}: 2PC's grew by {grew['2pc']} s for {stretch} s more")
        check(grew["3pc"] < 0.35 * stretch, f"{scenario}: 3PC's grew by {grew['3pc']} s for {stretch} s more")
        check(blocked_s(got["2pc", scenario, long]) > 0.6 * float(long[:-1]), "2PC is blocked for most of the outage")
        lost = [got["2pc", scenario, length]["blocking_ms"]["lock_seconds_lost"] for length in (short, long)]
        check(lost[1] > 1.5 * lost[0], f"{scenario}: lock-seconds lost to blocking {lost}")
        held_up = [got["2pc", scenario, length]["blocking_ms"]["blast_radius"] for length in (short, long)]
        check(held_up[1]["aborted"] + held_up[1]["waited"] > held_up[0]["aborted"] + held_up[0]["waited"],
              f"{scenario}: more wait behind locks that are held longer: {held_up}")


def three_phase_points():
    """Up to the logged precommit a crash of the coordinator aborts; from the first precommit that left on it commits."""
    got, _ = cells("three-phase-points.yaml")
    for scenario, commits in (("votes-collected", False), ("precommit-forced", False), ("precommit-sent-to-one", True),
                              ("decision-forced", True)):
        cell = got["3pc", scenario]
        passes(cell)
        triggered(cell)
        detail = cell["verdict_detail"]
        # Its client hears of the outcome when the coordinator is back: the one commit that takes that long.
        equal(cell["client_latency_ms"]["max"] > 2500, commits, f"{scenario}: the transaction at hand committed")
        check(detail["committed"] >= 1, f"{scenario}: the one before it committed")
        if WORLD == "sim":  # Later ones may meet a coordinator that is just back.
            equal(detail["aborted"], 0 if commits else 1, f"{scenario}: the transaction at hand")
        check(cell["blocking_ms"]["count"] >= 2, f"{scenario}: its participants were in doubt past their timeout")
        check(blocked_s(cell) < 2.4, f"{scenario}: they did not wait for the coordinator, dead for 3 s: {blocked_s(cell)}")


def participant_crash():
    """Bound by its durable vote across a crash, also one that loses what was not synced."""
    got, _ = cells("participant-crash.yaml", "--protocols", "2pc" if WORLD == "tun" else "2pc,3pc")
    for (protocol, scenario), cell in got.items():
        passes(cell)
        triggered(cell)
        # It returned in doubt, after 4 s: past its decision timeout by then, and its locks were held.
        check(blocked_s(cell) > 2, f"{protocol} {scenario}: blocked for {blocked_s(cell)} s")
        equal(cell["in_doubt_at_end"], [], f"{protocol} {scenario}: all learnt the outcome")
        check(phase(cell, "after")["committed"] > 0, f"{protocol} {scenario}: business as usual afterwards")


def partition_in_doubt():
    """2PC blocks until the heal and never splits; 3PC splits, and the verdict says which transactions, as expected."""
    got, _ = cells("partition-in-doubt.yaml", statuses=(2,))
    blocked = got["2pc", "votes-in"]
    passes(blocked)
    triggered(blocked)
    passes(got["2pc", "one-precommit-sent"])
    check(blocked_s(blocked) > 3, f"2PC's far side waits for the heal, after 5 s: {blocked_s(blocked)}")
    for scenario in ("votes-in", "one-precommit-sent"):
        split = got["3pc", scenario]
        triggered(split)
        equal((split["verdict"], split["expected"]), ("violation", True), f"3PC, {scenario}")
        check(split["violations"]["split_outcome"] > 0, f"3PC splits: {split['violations']}")
        check(any("split_outcome" == example["class"] and example["transaction"] for example in split["verdict_detail"]["examples"]),
              f"the verdict names transactions: {split['verdict_detail']['examples'][:1]}")


def pauses():
    """A stopped process is none of 3PC's crashes, and nothing to the others; a wall clock that jumps is nothing to all."""
    got, _ = cells("pause.yaml", "--set", "duration=8s", statuses=(0, 2))
    for (protocol, scenario), cell in got.items():
        triggered(cell)
        if protocol == "3pc" and scenario != "wall-clock":
            check(cell["verdict"] == "pass" or cell["expected"], f"3PC may split, as expected: {cell['violations']}")
        else:
            passes(cell)
        if scenario == "wall-clock":
            equal(cell["transactions"]["unknown"], 0, f"{protocol}: every outcome is known")
            equal(cell["blocking_ms"]["count"], 0, f"{protocol}: nobody was blocked")
            check(phase(cell, "during")["aborted"] <= 0.1 * phase(cell, "during")["offered"], f"{protocol}: no aborts")


def disks():
    """A stall makes votes wait; a failed write ends the node with a clear last line. Never a YES that is not durable."""
    words = ["--set", "scenarios.stall.0.for=4s", "--set", "scenarios.full.0.for=3s", "--set",
             "scenarios.failed-sync.0.for=3s", "--set", "duration=8s", "--protocols", "2pc"] if WORLD == "tun" else []
    got, logs = cells("disk.yaml", *words)
    for (protocol, scenario), cell in got.items():
        passes(cell)
        triggered(cell)
        check(phase(cell, "during")["committed"] < 0.5 * phase(cell, "during")["offered"] + 5,
              f"{protocol} {scenario}: no commits without that site's durable votes: {phase(cell, 'during')}")
        check(phase(cell, "after")["committed"] > 0, f"{protocol} {scenario}: business as usual afterwards")
        if WORLD == "tun" and scenario != "stall":
            log = logs[f"logs/{cell['cell']}/agent@eu-west-1.log"]
            words = "No space left" if scenario == "full" else "Input/output error"
            check(words in log, f"{scenario}: the node's last words name the disk: {log[-2000:]}")


def home_region_cut():
    """The home's side goes on; the other side's writes to it wait or fail, by policy."""
    got, _ = cells("home-region-cut.yaml")
    for policy in ("wait", "fail"):
        cell = got["home-region", None, policy]
        passes(cell)
        sides = phase(cell, "during")["by_region"]
        home, other = sides["us-east-1"], sides["eu-west-1"]
        # 0.7 of the entities are of one's own home, two a transaction: half of the load, and the reads, stay inside.
        check(home["committed"] > 0.35 * home["offered"], f"{policy}: the home's side goes on: {home}")
        check(other["committed"] > 0.35 * other["offered"], f"{policy}: so do the other homes on theirs: {other}")
        stale = cell["by_region"]["eu-west-1"]["staleness_ms"]
        check(max(s["max"] for s in stale.values()) > 3000, f"{policy}: copies across the cut grow stale: {stale}")
    fails, waits = (got["home-region", None, policy]["transactions"] for policy in ("fail", "wait"))
    check(fails["aborted"].get("unavailable", 0) > waits["aborted"].get("unavailable", 0) + 10,
          f"fail aborts at once, wait tries again: {fails}, {waits}")


def home_region_failover():
    """By plan nothing is lost; by force the unshipped suffix is, counted, and nothing else."""
    got, _ = cells("home-region-failover.yaml")
    for scenario in ("planned-transfer", "failover-after-cut", "failover-after-crash"):
        cell = got["home-region", scenario]
        passes(cell)
        triggered(cell)
    planned = got["home-region", "planned-transfer"]["transactions"]
    check(planned["committed"] > 0.95 * planned["offered"], f"a planned transfer is a short gap: {planned}")
    for scenario in ("failover-after-cut", "failover-after-crash"):
        after = phase(got["home-region", scenario], "after")
        # The region that was away takes as long as its connections do to come back: that is the machine's business.
        for region, share in (("eu-west-1", 0.95), ("us-east-1", 0.5)):
            there = after["by_region"][region]
            check(there["committed"] > share * there["offered"], f"{scenario}: the new master serves {region}: {after}")
    rpo = {scenario: cell["verdict_detail"]["rpo"] for (_, scenario), cell in got.items()}
    equal(rpo["planned-transfer"]["acknowledged"], 0, "a planned transfer loses nothing")
    if WORLD == "sim":
        check(rpo["failover-after-cut"]["acknowledged"] > 0, f"what was acknowledged and not shipped is counted: {rpo}")


def home_region_unfenced():
    """Without a fence two masters serve, and acknowledged writes are lost: found."""
    got, _ = cells("home-region-unfenced.yaml", statuses=(2,))
    cell = got["home-region", None]
    equal(cell["verdict"], "violation", cell["cell"])
    check(cell["violations"]["lost_acknowledged_write"] > 0, cell["violations"])


TESTS = [home_region_cut, home_region_failover, home_region_unfenced, coordinator_crash, three_phase_points, participant_crash, partition_in_doubt, pauses, disks]


def on_tun(test):
    def needs_tun():
        need_tun()
        test()

    needs_tun.__name__ = test.__name__
    return needs_tun


def main():
    global WORLD
    if len(sys.argv) < 2 or sys.argv[1] not in ("sim", "tun"):
        print(__doc__, file=sys.stderr)
        return 1
    WORLD = sys.argv[1]
    return run_tests(TESTS if WORLD == "sim" else [on_tun(test) for test in TESTS], sys.argv[2:], world=f"{WORLD}  ")


if __name__ == "__main__":
    sys.exit(main())
