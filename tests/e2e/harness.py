"""Runs geocommit-runner as a user would, and looks at what it leaves behind."""
import contextlib
import csv
import json
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HOME = pathlib.Path(os.environ.get("GEOCOMMIT_HOME", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("GEOCOMMIT_BUILD", HOME / "build" / "dev"))
RUNNER = BUILD / "runner" / "geocommit-runner"
SKIPPED = 77
PATIENCE = 300  # seconds: only ends a test that hangs; no test passes or fails by how fast it is

QUICK = """name: quick
topology: lan
emulation: loopback
protocols: [2pc]
data: {placement: partitioned, sites_per_region: 1, keys_per_participant: 2000}
workload: {participants: 3, arrival: fixed, rate: 40/s, origins: [rack-1], keys: uniform, local: 0}
timeouts: {vote: 5s, decision: 5s, lock_wait: 5s}
durability: fixed(1ms)
warmup: 300ms
duration: 2s
seed: 7
"""


class Skip(Exception):
    pass


class Starved(AssertionError):
    """What had to happen within a time did not. A machine that is busy enough can do that to any test; with more time it
    has to happen."""


STRETCH = 1  # how many times longer the times of an experiment are than it says; run_tests() doubles it for Starved
STRETCHES = 3


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def progress(condition, what):
    """Of what only takes time: it happened at all, something committed. Never of what must not happen."""
    if not condition:
        raise Starved(what)


def stretched(text):
    """The same experiment, its load, its faults and its timeouts STRETCH times longer (rates stay)."""
    longer = re.compile(r"\b(at|for|every|duration|warmup|vote|decision|lock_wait): ([0-9]+)(ms|s)\b")
    return longer.sub(lambda found: f"{found[1]}: {int(found[2]) * STRETCH}{found[3]}", text)


def equal(got, want, what):
    check(got == want, f"{what}: expected {want!r}, got {got!r}")


@contextlib.contextmanager
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="geocommit-e2e-"))
    try:
        yield path
    except BaseException:
        print(f"kept for a look: {path}", file=sys.stderr)
        raise
    shutil.rmtree(path)


def write(path, text):
    path.write_text(text)
    return path


def run(*words, cwd=None):
    """Runs to the end: (status, stdout, stderr)."""
    done = subprocess.run([str(RUNNER), *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


class Running:
    """A run under way; killed with all its children if a test fails."""

    def __init__(self, *words, cwd, env=None):
        self.out = open(cwd / "stdout.txt", "w+")
        self.err = open(cwd / "stderr.txt", "w+")
        self.process = subprocess.Popen([str(RUNNER), *map(str, words)], cwd=cwd, stdout=self.out, stderr=self.err,
                                        stdin=subprocess.DEVNULL, env=env)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if exc[0] is not None:
            print("--- stdout\n" + self.stdout() + "\n--- stderr\n" + self.stderr(), file=sys.stderr)
        self.out.close()
        self.err.close()

    def stdout(self):
        return pathlib.Path(self.out.name).read_text()

    def stderr(self):
        return pathlib.Path(self.err.name).read_text()

    def children(self):
        """{name of the config's node: pid} of the daemons, and "router"."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                stat = (entry / "stat").read_text()
                words = os.fsdecode((entry / "cmdline").read_bytes()).split("\0")  # others run beside, of any bytes
            except OSError:
                continue
            if int(stat.rsplit(")", 1)[1].split()[1]) != self.process.pid:
                continue
            if len(words) > 2 and words[1] == "--config":
                found[pathlib.Path(words[2]).parent.name] = int(entry.name)
            elif "geocommit-router" in words[0]:
                found["router"] = int(entry.name)
        return found

    def wait_for(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if condition():
                return
            check(self.process.poll() is None, f"the run ended while waiting for {what}")
            time.sleep(0.05)
        raise AssertionError(f"waited in vain for {what}")

    def wait_until_measuring(self, results):
        self.wait_for(lambda: any(row["phase"] == "measure" and int(row["committed"]) > 0 for row in series(results)),
                      "a commit in the measurement window")

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        return self.process.wait(timeout=PATIENCE)


PORTS = itertools.count(20_001)


def own_address():
    """"127.x.y.z:PORT", nobody else's while this process lives, however late it is bound: the loopback address is made of the
    process's id, and no connection has it as its source."""
    pid = os.getpid() & 0x3fffff
    return f"127.{64 | pid >> 16}.{pid >> 8 & 255}.{pid & 255}:{next(PORTS)}"


class Daemons:
    """An agent and a coordinator in each region, started as by hand. `nodes`: what an experiment says of them. Those in
    `insecure` are commanded over TCP; that they must be permitted is looked at first."""

    def __init__(self, place, regions, lease=None, insecure=()):
        self.started = []
        self.nodes = "deployed:\n" + (f"  lease: {lease}\n" if lease else "") + "  nodes:\n"
        self.place = place
        try:
            for region in regions:
                for kind in ("agent", "coordinator"):
                    self.start(kind, f"{kind}@{region}", f"{kind}@{region}" in insecure)
        except BaseException:
            self.__exit__()
            raise

    def start(self, kind, name, insecure):
        data = self.place / name
        data.mkdir(mode=0o700)
        listen, metrics = f"tcp://{own_address()}", own_address()
        control = f"tcp://{own_address()}" if insecure else f"ipc://{data}/control"
        self.nodes += f'    {name}: {{data: "{listen}", control: "{control}", metrics: "{metrics}"}}\n'
        words = [str(BUILD / kind / f"geocommit-{kind}"), "--listen", listen, "--control", control, "--metrics", metrics,
                 "--data-dir", str(data)]
        if insecure:
            refused = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
            check(refused.returncode == 1 and "refusing to be commanded on tcp://" in refused.stderr, refused.stderr)
            words.append("--insecure")
        with open(self.place / f"{name}.log", "w") as log:
            self.started.append(subprocess.Popen(words, stdout=log, stderr=log))

    def all_live(self):
        return all(daemon.poll() is None for daemon in self.started)

    def logs(self):
        return "".join(path.read_text() for path in sorted(self.place.glob("*@*.log")))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for daemon in self.started:
            daemon.terminate()
        for daemon in self.started:
            daemon.wait(timeout=PATIENCE)


def series(results):
    path = results / "timeseries.csv"
    if not path.exists():
        return []
    with open(path) as stream:
        return [row for row in csv.DictReader(stream) if row.get("unshipped") is not None]


def summary(results):
    return json.loads((results / "summary.json").read_text())


def gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def need_tun():
    if os.geteuid() != 0 or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise Skip("needs root and /dev/net/tun")
    probe = subprocess.run(["unshare", "-n", "true"], capture_output=True)
    if probe.returncode != 0:
        raise Skip("cannot make a network namespace here")
    return signal


def with_time_enough(test):
    global STRETCH
    STRETCH = 1
    for left in reversed(range(STRETCHES)):
        try:
            return test()
        except Starved as why:
            if left == 0:
                raise
            STRETCH *= 2
            print(f"starved: {why}\nonce more, with {STRETCH} times the time", flush=True)


def run_tests(tests, names=None, world=""):
    """Runs those of `tests` that are named (default: on the command line), or all. The exit status: 1 if one fails, 77 if
    all were skipped."""
    by_name = {test.__name__: test for test in tests}
    names = sys.argv[1:] if names is None else names
    unknown = set(names) - set(by_name)
    if unknown:
        print(f"no test {' '.join(sorted(unknown))}; there are: {' '.join(by_name)}", file=sys.stderr)
        return 1
    failed = skipped = 0
    for name in names or by_name:
        began = time.monotonic()
        try:
            with_time_enough(by_name[name])
            print(f"pass  {world}{name}  {time.monotonic() - began:.1f} s", flush=True)
        except Skip as why:
            skipped += 1
            print(f"skip  {world}{name}  {why}", flush=True)
        except Exception:  # noqa: BLE001: a test runner reports whatever came
            failed += 1
            traceback.print_exc()
            print(f"FAIL  {world}{name}", flush=True)
    return 1 if failed else SKIPPED if skipped == len(names or by_name) else 0
