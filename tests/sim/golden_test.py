"""What simulations print and write is what it was, to the byte, on any machine.

golden_test.py PROGRAM FOLDER. Each experiment FOLDER/x.yaml is run; x.out, x.summary.json and x.timeseries.csv beside it are what came of it,
x.digests of the larger files, the nodes' logs among them.
A change of behaviour changes them: with GEOCOMMIT_REWRITE=1 they are written anew; read the difference and say in the commit why it is right.
"""
import difflib
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

LARGE = ("metrics.series", "trace.txt", "nodes/**/*")  # Histograms are compressed by a library.


def digests(results):
    """A line per pattern: of names and bytes together."""
    lines = []
    for pattern in LARGE:
        files = sorted(path for path in results.glob(pattern) if path.is_file())
        assert files, f"no {pattern} in {results}"
        digest = hashlib.sha256()
        for path in files:
            digest.update(str(path.relative_to(results)).encode() + b"\0" + path.read_bytes())
        lines.append(f"{pattern} {len(files)} {digest.hexdigest()[:16]}\n")
    return "".join(lines)


program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
rewrite = os.environ.get("GEOCOMMIT_REWRITE") == "1"
experiments = sorted(folder.glob("*.yaml"))
assert experiments, f"no experiments in {folder}"
differences = 0
for experiment in experiments:
    with tempfile.TemporaryDirectory() as scratch:
        results = pathlib.Path(scratch) / "results"
        run = subprocess.run([program, str(experiment), "--output", str(results)], capture_output=True, text=True, timeout=600, check=False)
        assert run.returncode in (0, 2, 3), f"{experiment}: status {run.returncode}\n{run.stderr}"
        made = {
            "out": f"status {run.returncode}\n" + (run.stdout + run.stderr).replace(str(results), "RESULTS"),
            "summary.json": (results / "summary.json").read_text(),
            "timeseries.csv": (results / "timeseries.csv").read_text(),
            "digests": digests(results),
        }
    for kind, text in made.items():
        kept = experiment.with_suffix("." + kind)
        if rewrite:
            kept.write_text(text)
            continue
        before = kept.read_text() if kept.exists() else ""
        if text != before:
            differences += 1
            lines = list(difflib.unified_diff(before.splitlines(), text.splitlines(), str(kept), "now", lineterm="", n=1))
            print("\n".join(lines[:40]))
            print(f"... {len(lines)} lines of difference" if len(lines) > 40 else "")
if differences:
    sys.exit(f"{differences} files differ. If they should: GEOCOMMIT_REWRITE=1 {' '.join(sys.argv)}")
