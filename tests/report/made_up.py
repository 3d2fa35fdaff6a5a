"""Results folders made by hand: numbers that are known, names that try to break out, and one far too large."""
import json
import random

HOSTILE = '</script><script>document.title="pwned"</script><img src=x onerror="document.title=\'pwned\'">&amp;"\'\u2028'


def latency(rng, base, count):
    return {"count": count, "mean": round(base * 1.02, 3), "p50": round(base, 3), "p90": round(base * 1.1, 3), "p99": round(base * rng.uniform(1.2, 1.4), 3),
            "p999": round(base * 1.6, 3) if count >= 1000 else None, "max": round(base * 1.8, 3)}


def every(rng, base, count, censored=0, longest=None):
    """A latency of every transaction: some may not have ended."""
    out = {**latency(rng, base, count), "censored": censored, "percentiles_are_lower_bounds": censored > 0}
    if longest is not None:
        out["max"] = longest
    return out


def blocking(rng, ended, longest, censored=0, bound=0.0):
    out = latency(rng, longest / 1.8, ended) if ended else dict.fromkeys(["count", "mean", "p50", "p90", "p99", "p999", "max"], 0)
    out.update({"max": longest, "censored": censored, "censored_lower_bound_sum": bound, "censored_lower_bound_max": bound, "in_doubt_at_end": censored})
    return out


def cell(rng, name, protocol, repetition, sweep, base, regions, verdict="pass", expected=False, violations=None, blocked=None, faults=None):
    """No two figures are alike, so that one read for another shows."""
    open_at_end = (blocked or {}).get("censored", 0)
    longest = blocked["max"] + 1000 if blocked else None
    counts = {"split_outcome": 0, "told_commit_but_aborted": 0, "commit_without_all_yes": 0, "lost_acknowledged_write": 0, "money_not_conserved": 0,
              "told_abort_but_committed": 0, "executed_twice": 0, "negative_balance": 0, "isolation_anomaly": 0, **(violations or {})}
    region = lambda: {"transactions": {"offered": 10, "committed": 9, "aborted": {"lock_conflict": 1}, "unknown": 0, "shed": 0}, "availability": 0.9,
                      "client_latency_ms": {**latency(rng, base, 9), "percentiles_are_lower_bounds": False}, "commit_latency_ms": latency(rng, base, 9), "lock_hold_ms": latency(rng, base, 9),
                      "lock_hold_all_ms": every(rng, base, 10), "in_doubt_all_ms": every(rng, base, 10),
                      "in_doubt_ms": latency(rng, base, 9), "blocking_ms": blocked or blocking(rng, 0, 0.0), "staleness_ms": {}}
    out = {
        "cell": name, "protocol": protocol, "repetition": repetition, "sweep": sweep, "verdict": verdict, "expected": expected, "valid": True, "reasons": [],
        "interrupted": False, "failure": None, "violations": counts,
        "verdict_detail": {"transactions_in_logs": 1000, "committed": 900, "aborted": 100, "unresolved": 0, "unknown_to_client": 0, "unknown_reasons": [], "rpo": {"acknowledged": 0, "unanswered": 0, "torn": 0},
                           "examples": [{"class": k, "transaction": "1.1.7", "what": HOSTILE} for k, n in counts.items() if n]},
        "transactions": {"offered": 1000, "committed": 900, "aborted": {"lock_conflict": 80, "vote_timeout": 20}, "unknown": 0, "shed": 0},
        "goodput_per_s": round(90 + rng.uniform(-1, 1), 3), "availability": 0.93,
        "load": {"offered_per_s": round(100 + rng.uniform(-1, 1), 3), "done_per_s": round(95 + rng.uniform(-1, 1), 3), "overloaded": False, "send_lateness_ms": latency(rng, 0.1, 1000)},
        "client_latency_ms": {**latency(rng, base * 1.01, 900), "percentiles_are_lower_bounds": False}, "abort_latency_ms": latency(rng, base, 100), "commit_latency_ms": latency(rng, base, 900),
        "lock_hold_ms": latency(rng, base * 1.02, 2700), "lock_hold_key_ms": latency(rng, base * 3, 2700), "in_doubt_ms": latency(rng, base * 0.98, 2700),
        "lock_hold_all_ms": every(rng, base * 1.03, 3000, open_at_end, longest), "in_doubt_all_ms": every(rng, base * 0.97, 3000, open_at_end, longest),
        "blocking_ms": blocked or blocking(rng, 0, 0.0), "staleness_ms": None, "lock_wait_share": 0.001, "by_region": {r: region() for r in regions},
        "costs_per_commit": {"messages": 12.0, "wan_messages": 8.0, "bytes": 900.5, "wan_bytes": 700.25, "forced_writes": 7.0, "lazy_writes": 3.0, "retries": 0.0, "message_delays": 2.0, "incomplete": False},
        "prediction_ms": {"commit_latency": base, "lock_hold": base, "in_doubt": base, "client_latency": base,
                          "detail": {k: {"mean": base, "p45": base, "p50": base, "p55": base} for k in ("commit_latency", "lock_hold", "in_doubt", "client_latency")}},
        "forced_write_ms": 1.0, "timeouts_ms": {"vote": 1000, "decision": 1000, "lock_wait": 1000, "resend": 500}, "drained": True,
        "left_at_end": dict.fromkeys(["open_at_coordinators", "open_at_participants", "in_doubt", "blocked", "locks_held", "lock_waiters", "unshipped"], 0),
        "messages_by_traffic": {"protocol": 10800, "client": 1800}, "alarms": {}, "router": None, "seconds": {"start": 1.0, "load": 20.0, "drain": 0.1}}
    if faults is not None:
        out["faults"] = faults
    return out


def write(folder, name, cells, seconds, regions, environment=None):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "histograms").mkdir(exist_ok=True)
    summary = {"schema": "geocommit/summary/1", "run_id": "00ff", "name": name, "emulation": "tun", "topology": "made-up", "seed": 1, "cells_planned": len(cells), "failures": [], "cells": cells}
    (folder / "summary.json").write_text(json.dumps(summary, indent=2))
    (folder / "experiment.yaml").write_text("name: x  # " + HOSTILE + "\n")
    if environment:
        (folder / "environment.json").write_text(json.dumps(environment))
    rng = random.Random(7)
    with open(folder / "timeseries.csv", "w") as out:
        out.write("cell,elapsed_s,phase,region,offered,committed,aborted,unknown,shed,outstanding,commits_per_s,recent_p99_ms,in_doubt,blocked,oldest_blocked_ms,locks_held,lock_waiters,unshipped\n")
        for c in cells:
            for second in range(1, seconds + 1):
                bad = "faults" in c and 5 <= second < 15
                for r in [*regions, "all"]:
                    quoted = '"' + r.replace('"', '""') + '"'
                    out.write(f"{c['cell']},{second}.0,measure,{quoted},{second * 100},{second * 90},{second * 10},0,0,10,{10 if bad else 90},{2000 if bad else 160},{40 if bad else 9},{12 if bad else 0},{(second - 5) * 1000 if bad else 0},30,0,0\n")
    for c in cells:
        for metric in ("client_latency", "commit_latency", "lock_hold", "in_doubt"):
            base = c[metric + "_ms"]["p50"]
            with open(folder / "histograms" / f"{c['cell']}.{metric}.csv", "w") as out:
                out.write("lower_ms,upper_ms,count\n")
                for k in range(300):
                    out.write(f"{base * (1 + k * 0.002):.6g},{base * (1.002 + k * 0.002):.6g},{rng.randint(0, 5)}\n")


def hard(folder):
    """Violations, blocking, faults, names that are markup."""
    rng = random.Random(1)
    regions = ["us-east-1", "eu-west-1", HOSTILE]
    fault = [{"kind": "partition", "target": "us-east-1 | eu-west-1, ap-northeast-1", "entry": 1, "when": "5s - 15s", "triggered": 1,
              "times": [{"begin_s": 5.0, "end_s": 15.0, "ready_s": 15.0}], "problem": None}]
    cells = [
        cell(rng, "2pc-r1", "2pc", 1, {}, 151.65, regions, blocked=blocking(rng, 7, 9200.0, 2, 4100.5), faults=fault),
        cell(rng, "3pc-r1", "3pc", 1, {}, 303.3, regions, "violation", True, {"split_outcome": 14}, faults=fault),
        cell(rng, "home-region-r1", "home-region", 1, {}, 2.5, regions, "violation", False, {"lost_acknowledged_write": 3}, faults=fault)]
    cells[2]["staleness_ms"] = latency(rng, 45, 800)
    cells[2]["write_gap_ms"] = {"transfer": latency(rng, 80, 1), "failover": latency(rng, 1700, 1)}
    cells[2]["verdict_detail"]["rpo"]["acknowledged"] = 28
    cells[2]["valid"] = False
    cells[2]["reasons"] = [HOSTILE]
    # The first was overloaded, and clients never learned of some; a process of the second died with its counters.
    cells[0]["valid"], cells[0]["load"]["overloaded"], cells[0]["reasons"] = False, True, ["overloaded: offered 100/s, done 95.0/s"]
    cells[0]["transactions"].update({"committed": 880, "unknown": 13, "shed": 7})
    cells[0]["client_latency_ms"]["percentiles_are_lower_bounds"] = True
    cells[1]["costs_per_commit"]["incomplete"] = True
    # Theory of a step: a range, that holds the median or does not.
    cells[0]["prediction_ms"]["detail"]["commit_latency"] = {"mean": 70.0, "p45": 1.14, "p50": 1.14, "p55": 170.3}
    p50 = cells[1]["commit_latency_ms"]["p50"]
    cells[1]["prediction_ms"]["detail"]["commit_latency"] = {"mean": 70.0, "p45": 1.14, "p50": 1.14, "p55": p50 / 1.1}
    write(folder, HOSTILE, cells, 20, regions, {"command_line": HOSTILE, "emulation": {"why": HOSTILE, "backend": "tun"}, "machine": {"kernel": HOSTILE}})


def repeated(folder):
    """A sweep of two points, five repetitions; at the second as many commits, twice as late."""
    rng = random.Random(2)
    cells = [cell(rng, f"{p}-p{i}-r{r}", p, r, {"workload.rate": rate}, i * base * (1 + 0.01 * r), ["us-east-1"])
             for p, base in (("2pc", 150.0), ("3pc", 300.0)) for i, rate in ((1, "50/s"), (2, "100/s")) for r in range(1, 6)]
    for c in cells:  # so that what weighs by commits differs from what does not
        c["transactions"]["committed"] -= 100 * c["repetition"]
        c["transactions"]["aborted"]["lock_conflict"] += 100 * c["repetition"]
        c["costs_per_commit"]["messages"] += 0.7 * c["repetition"]
    write(folder, "repeated", cells, 10, ["us-east-1"])


def huge(folder):
    """More than a page can hold: it must stay below its bound, and say what it left out."""
    rng = random.Random(3)
    regions = [f"region-{i}" for i in range(15)]
    cells = [cell(rng, f"{p}-p{i}-r{r}", p, r, {"workload.rate": f"{i}0/s"}, 100.0, regions)
             for p in ("2pc", "3pc", "home-region") for i in range(1, 11) for r in range(1, 6)]
    write(folder, "huge", cells, 30, regions)
