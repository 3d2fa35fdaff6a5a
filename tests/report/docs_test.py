#!/usr/bin/env python3
"""docs/results.md names every file of a results folder, every key of summary.json and every column of its CSV files.

Usage: docs_test.py GEOCOMMIT-SIM SOURCE-FOLDER
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

SIM, SOURCE = (pathlib.Path(p) for p in sys.argv[1:3])
# Maps whose keys are data: regions, reasons, classes of messages, ...
FREE = {"by_region", "options", "aborted", "sweep", "messages_by_traffic", "alarms", "staleness_ms", "held_up"}


def keys_of(value, out):
    if isinstance(value, dict):
        for key, inner in value.items():
            out.add(key)
            if key in FREE and isinstance(inner, dict):
                for one in inner.values():
                    keys_of(one, out)
            else:
                keys_of(inner, out)
    elif isinstance(value, list):
        for one in value:
            keys_of(one, out)


def main():
    text = (SOURCE / "docs/results.md").read_text()
    named = set(re.findall(r"[A-Za-z_][A-Za-z0-9_.-]*", " ".join(re.findall(r"`([^`]*)`", text))))
    named |= {part for word in named for part in word.split(".")}
    wanted = set()
    with tempfile.TemporaryDirectory(prefix="geocommit-docs-") as folder:
        for i, file in enumerate(("quickstart", "partition-in-doubt")):
            run = pathlib.Path(folder) / str(i)
            done = subprocess.run([SIM, SOURCE / f"experiments/{file}.yaml", "--output", run, "--quiet", "--allow-expected"], capture_output=True, text=True, cwd=SOURCE)
            if done.returncode not in (0, 2):
                sys.exit(done.stderr)
            keys_of(json.loads((run / "summary.json").read_text()), wanted)
            for table in ("timeseries.csv", "summary.csv"):
                wanted |= set((run / table).read_text().split("\n", 1)[0].split(","))
            wanted |= {p.name for p in run.iterdir() if p.is_file()}
    missing = sorted(w for w in wanted if w not in named)
    if len(wanted) < 80:
        missing.append(f"(only {len(wanted)} names were looked for)")
    print("\n".join(f"docs/results.md does not name {m}" for m in missing) or f"ok: {len(wanted)} names")
    sys.exit(1 if missing else 0)


main()
