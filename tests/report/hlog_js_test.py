#!/usr/bin/env python3
"""histograms.hlog of a simulated run, read by HdrHistogram's JavaScript library, says what summary.json says.

Usage: hlog_js_test.py GEOCOMMIT-SIM SOURCE-FOLDER
Skipped (77) without node, npm or a registry.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

SIM, SOURCE = (pathlib.Path(p) for p in sys.argv[1:3])
HERE = pathlib.Path(__file__).resolve().parent / "hdr"
METRICS = ("client_latency", "commit_latency", "lock_hold")


def main():
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("skipped: node and npm are not installed")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="geocommit-hdr-") as folder:
        folder = pathlib.Path(folder)
        for name in ("package.json", "package-lock.json", "read.js"):
            shutil.copy(HERE / name, folder / name)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            if "EINTEGRITY" in done.stderr:
                sys.exit(done.stderr)
            print("skipped: npm ci failed; no registry?")
            sys.exit(77)
        subprocess.run([SIM, SOURCE / "experiments/quickstart.yaml", "--output", folder / "run", "--quiet", "--set", "duration=3s"], check=True, capture_output=True, cwd=SOURCE)
        read = json.loads(subprocess.run(["node", "read.js", folder / "run/histograms.hlog"], cwd=folder, check=True, capture_output=True, text=True).stdout)
        summary = json.loads((folder / "run/summary.json").read_text())
        compared, bad = 0, []
        for cell in summary["cells"]:
            for metric in METRICS:
                pairs = [(f"{cell['cell']}/{metric}", cell[metric + "_ms"])] + [(f"{cell['cell']}/{metric}/{r}", v[metric + "_ms"]) for r, v in cell["by_region"].items()]
                for tag, expected in pairs:
                    if expected["count"] == 0:
                        continue
                    if tag not in read:
                        bad.append(f"{tag}: not in the log")
                        continue
                    compared += 1
                    if read[tag]["count"] != expected["count"]:
                        bad.append(f"{tag}: {read[tag]['count']} values, summary.json has {expected['count']}")
                    # Our buckets are 0.2 % wide, HdrHistogram's 0.1 %.
                    bad += [f"{tag}: {q} {read[tag][q]}, summary.json has {expected[q]}" for q in ("p50", "p99", "max") if abs(read[tag][q] - expected[q]) > 0.0035 * expected[q] + 0.002]
        if compared < 20:
            bad.append(f"only {compared} distributions were compared")
        print("\n".join(bad) or f"ok: {compared} distributions")
        sys.exit(1 if bad else 0)


main()
