"""A results folder in a real Prometheus, and dashboards with their variables filled in."""
import contextlib
import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

HOME = pathlib.Path(os.environ.get("GEOCOMMIT_HOME", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("GEOCOMMIT_BUILD", HOME / "build" / "dev"))
RUNNER = BUILD / "runner" / "geocommit-runner"
SIM = BUILD / "sim" / "geocommit-sim"
PATIENCE = 300  # seconds: only ends what hangs

sys.path.insert(0, str(HOME / "dashboards"))
sys.dont_write_bytecode = True


def check(condition, what):
    if not condition:
        raise AssertionError(what)


@contextlib.contextmanager
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="geocommit-dashboards-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def simulate(experiment, output):
    done = subprocess.run([SIM, experiment, "--output", output, "--allow-expected", "--quiet"], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    check(done.returncode == 0, f"the simulation exited {done.returncode}: {done.stderr}{done.stdout[-2000:]}")
    return output


class Prometheus:
    """`geocommit replay` of a results folder."""

    def __init__(self, results):
        self.run = pathlib.Path(results).name
        self.process = subprocess.Popen([RUNNER, "replay", results, "--exit-after", "300s"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, stdin=subprocess.DEVNULL)
        self.url = None
        self.said = []
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith("Prometheus: "):
                self.url = line.split()[1]
            if line.startswith("Until"):
                break
        if self.url is None:
            raise AssertionError("no Prometheus: " + self.process.stderr.read())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def ask(self, path, **parameters):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters.get('query')}: {error.read().decode()}") from error

    def series(self, query, start, end, step=1):
        """[(labels, [(time, value)])]"""
        found = self.ask("query_range", query=query, start=f"{start:.3f}", end=f"{end:.3f}", step=step)["result"]
        return [(one["metric"], [(t, float(v)) for t, v in one["values"]]) for one in found]

    def now(self, query, at):
        found = self.ask("query", query=query, time=f"{at:.3f}")["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]


def cell_times(results):
    """{cell: (first, last)} in Unix seconds, and "" for the whole: from metrics.series."""
    out, cells = {}, {}
    for line in (pathlib.Path(results) / "metrics.series").read_text().splitlines():
        words = line.split()
        if words[0] == "source":
            cells[words[1]] = "" if words[2] == "%" else words[2]
        elif words[0] == "at":
            at = int(words[1]) / 1000
            for cell in {cells[source] for source in words[2:]}:
                out[cell] = (out.get(cell, (at,))[0], at)
    return out


def fill(expression, run, seconds, **chosen):
    """Grafana's variables, as it would fill them in with everything chosen."""
    values = {"run": re.escape(run), "cell": ".*", "protocol": ".*", "region": ".*", "node": ".*", "__rate_interval": "5s",
              "__range": f"{math.ceil(seconds)}s", "__interval": "1s"} | chosen
    out = re.sub(r"\$\{?(\w+)\}?", lambda match: values[match.group(1)], expression)
    return out


def finite(value):
    return not math.isnan(value) and not math.isinf(value)
