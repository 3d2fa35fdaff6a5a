#!/usr/bin/env python3
"""The probe on a real emulation by TUN devices: what it reports is what was asked for, and what its sockets and the router saw.
How near the round trips come to their links is the machine's (scripts/bench); never below them is not.

Usage: probe_cli.py WAN-PROBE. Exit status: 77 if this machine cannot have TUN devices.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

PROBE = sys.argv[1]
problems = []


def check(condition, what):
    if not condition:
        problems.append(what)


def probe(*words):
    done = subprocess.run([PROBE, *map(str, words)], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def plain(topology):
    code, out, error = probe(topology, "--backend", "tun", "--duration", "0.5", "--json")
    if code != 0:
        print(error)
        sys.exit(77 if any(w in error for w in ("/dev/net/tun", "not permitted", "namespace")) else 1)
    report = json.loads(out)
    check((report["topology"], report["emulation"], report["why"]) == ("three", "tun", "asked for"), f"of what: {report}")
    check([(p["a"], p["b"], p["configured_ms"]) for p in report["pairs"]] == [("a", "b", 4.0), ("a", "c", 6.0), ("b", "c", 20.0)], f"pairs: {report['pairs']}")
    for pair in report["pairs"]:
        # One in 6 ms. What a router gives off its delays for its own cost (router_calibration_us) is less than a millisecond.
        check(pair["samples"] + pair["lost"] == 84 and pair["samples"] > 0, f"one sample each interval: {pair}")
        check(pair["configured_ms"] - 1 < pair["p50_ms"] <= pair["p99_ms"], f"no faster than its links: {pair}")
    packets = 2 * sum(p["samples"] for p in report["pairs"])
    check(packets <= report["router"]["packets"] <= 2 * 3 * 84 + 20 and report["load_per_second"] == 0, f"a request and an answer each: {report['router']}, {packets}")
    check(0 < report["router"]["lateness_p50_us"] <= report["router"]["lateness_p99_us"] * 1.1 and report["router"]["lateness_max_us"] > 0, f"late: {report['router']}")
    check(0 < report["bare_ms"]["p50"] <= report["bare_ms"]["p99"], f"without the WAN: {report['bare_ms']}")
    environment = report["environment"]
    check(environment["nodes"] == "3" and environment["backend"] == "tun" and environment["router_spin_us"] == "0", f"environment: {environment}")
    check(0 < int(environment["router_calibration_us"]) < 1000, f"what the machine costs was measured: {environment}")
    check(environment["tcp_slow_start_after_idle"] == "0" and environment["tcp_no_metrics_save"] == "1" and environment["tcp_in_force"], f"TCP: {environment}")


def asked(topology):
    code, out, error = probe(topology, "--backend", "tun", "--duration", "0.5", "--json", "--load", "3000", "--spin", "5", "--no-calibrate", "--no-fifo")
    check(code == 0, f"with load: {error}")
    report = json.loads(out or "{}")
    check(0 < report["load_per_second"] < 3300, f"never more than was asked for: {report['load_per_second']}")
    environment = report["environment"]
    check(environment["router_spin_us"] == "5" and environment["router_calibration_us"] == "0", f"environment: {environment}")
    check("SCHED_FIFO" not in environment["router_scheduling"], f"environment: {environment}")
    code, out, _ = probe(topology, "--backend", "tun", "--duration", "0.2", "--check")
    within = "within bounds" in out
    check(code == (0 if within else 1) and within != ("OUT OF BOUNDS" in out), f"--check says what is printed: {code}, {out}")


def refused(folder):
    alone = folder / "alone.yaml"
    alone.write_text("name: alone\nregions: [a]\n")
    for words, why in (((alone, "--backend", "tun"), "topology alone has one datacenter"), ((folder / "none.yaml",), "none.yaml")):
        code, _, error = probe(*words)
        check(code == 1 and why in error, f"{words}: {code}: {error}")


def main():
    with tempfile.TemporaryDirectory(prefix="geocommit-probe-") as place:
        topology = pathlib.Path(place) / "three.yaml"
        topology.write_text("name: three\nregions: [a, b, c]\nrtt: {a: {b: 4, c: 6}, b: {c: 20}}\n")
        plain(topology)
        asked(topology)
        refused(pathlib.Path(place))
    print("\n".join(problems) or "ok")
    sys.exit(1 if problems else 0)


main()
