"""The scratch copy: what is built from which source (ninja's graph), and which tests look at it (ctest)."""
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import time


def run(command, seconds, **options):
    """(exit code or None if out of time, output); everything that the command started ends with it."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                               errors="replace", start_new_session=True, **options)
    try:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        end_session(process.pid)
        process.communicate()


def contained():
    """What to put before a command so that nothing outside sees the processes that it starts: a planted bug may kill all that it can."""
    flags = ["--pid", "--fork", "--kill-child", "--mount-proc"]
    for user in ([], ["--user", "--map-current-user"]):
        if subprocess.run(["unshare", *user, *flags, "true"], capture_output=True).returncode == 0:
            return ["unshare", *user, *flags, "--"]
    return []


def end_session(session):
    """Kills all of a session, also what a test left behind (ninja gives each command a group of its own); none of it runs when this returns."""
    for _ in range(6000):  # again: who was not killed yet may have started another, and a kill takes a moment
        running = of_session(session)
        if not running:
            return
        for pid in running:
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        time.sleep(0.01)
    print(f"processes {of_session(session)} cannot be killed", file=sys.stderr)


def of_session(session):
    """Processes, zombies apart, of a session that a command of ours was started as the leader of."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(stat.parent.name))
    return found


def parse_ninja(text):
    """output -> (inputs, order-only inputs), of every build statement."""
    graph = {}
    for line in text.replace("$\n", "").split("\n"):
        if not line.startswith("build "):
            continue
        outputs, _, rest = line[len("build "):].replace("$:", "\0").partition(": ")
        inputs, _, order = rest.partition(" || ")
        names = [n.replace("\0", ":") for n in inputs.split()[1:] if n != "|"]
        orders = [n.replace("\0", ":") for n in order.split()]
        for output in outputs.split():
            if output != "|":
                graph[output] = (names, orders, inputs.split()[0])
    return graph


def parse_deps(text, graph):
    """Adds the headers that `ninja -t deps` knows of each object."""
    target = None
    for line in text.split("\n"):
        match = re.match(r"(\S+): #deps", line)
        if match:
            target = match.group(1)
        elif line.startswith("    ") and target in graph:
            graph[target][0].append(line.strip())


CONTAINED = contained()


class Tree:
    """A copy of the sources with a build folder of its own."""

    def __init__(self, root, scratch, jobs):
        self.root, self.tree, self.jobs = root, scratch / "tree", jobs
        self.build = self.tree / "build/dev"

    def refresh(self):
        """The sources as they are in the working folder now, files that are the same with their times; returns a digest of all."""
        listed = subprocess.run(["git", "-C", self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True,
                                check=True).stdout.decode().split("\0")
        wanted = {name for name in listed if name and (self.root / name).is_file()}
        digest = hashlib.sha256()
        for name in sorted(wanted):
            old, new = self.root / name, self.tree / name
            content = old.read_bytes()
            digest.update(name.encode() + b"\0" + content)
            if new.exists() and new.read_bytes() == content:
                continue
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(content)
            new.chmod(old.stat().st_mode & 0o777)
        for folder, inner, files in os.walk(self.tree):
            inner[:] = [name for name in inner if name not in ("build", "__pycache__")]
            for path in (pathlib.Path(folder) / name for name in files):
                if str(path.relative_to(self.tree)) not in wanted:
                    path.unlink()
        return digest.hexdigest()[:16]

    def environment(self):
        # One compiler cache for this copy and the tree itself.
        return {"CCACHE_NOHASHDIR": "1", **({} if os.environ.get("CCACHE_BASEDIR") else {"CCACHE_BASEDIR": str(self.tree)}), **os.environ}

    def configure(self):
        code, output = run(["cmake", "--preset", "dev", "-S", self.tree, "-B", self.build], 300, cwd=self.tree)
        if code != 0:
            raise SystemExit(f"scripts/mutate: cannot configure {self.build}:\n{output}")

    def make(self, targets, seconds):
        return run(["ninja", "-C", self.build, f"-j{self.jobs}", *sorted(targets)], seconds, env=self.environment())

    def needed(self, tests):
        """What has to be built for these tests. Those that are given the build folder may run any program but tests."""
        wanted = set().union(*(t.programs for t in tests)) & set(self.graph)
        if any(t.any_program for t in tests):
            wanted |= {o for o, (_, _, rule) in self.graph.items() if "EXECUTABLE_LINKER" in rule and not o.startswith("tests/")}
        return wanted

    def read_graph(self):
        self.graph = parse_ninja((self.build / "build.ninja").read_text())
        parse_deps(run(["ninja", "-C", self.build, "-t", "deps"], 120)[1], self.graph)
        self.users = {}
        for output, (inputs, orders, rule) in self.graph.items():
            # A test that runs a program names it by add_dependencies: an order-only input of its link.
            for name in inputs + (orders if "EXECUTABLE_LINKER" in rule else []):
                path = os.path.normpath(name if os.path.isabs(name) else self.build / name)
                self.users.setdefault(path, set()).add(output)

    def made_from(self, source):
        """The programs that are built from a source file."""
        reached, todo = set(), [str(self.tree / source)]
        while todo:
            for output in self.users.get(os.path.normpath(todo.pop()), ()):
                if output not in reached:
                    reached.add(output)
                    todo.append(str(self.build / output))
        return {o for o in reached if "EXECUTABLE_LINKER" in self.graph[o][2]}

    def read_tests(self, labels_out):
        """From what CMake wrote for ctest, which unlike ctest itself says how a test is run before its program is built."""
        self.tests = []
        for file in sorted(self.build.rglob("CTestTestfile.cmake")):
            for name, command, properties in parse_tests(file.read_text()):
                test = Test(name, command, properties, self.build, file.parent)
                if "tidy" not in test.labels and not any(re.search(labels_out, label) for label in test.labels):
                    self.tests.append(test)
        return self.tests

    def concerned(self, source, programs):
        """The tests that a change of `source` can change, those nearest to it by name first, then the cheap ones; and how many are near."""
        words = set(re.split(r"[/_.]", source)) - {"cpp", "h"}
        found = [t for t in self.tests if t.looks_at(programs)]
        ranked = sorted(found, key=lambda t: (-len(t.words & words), t.seconds, t.name))
        return ranked, sum(1 for t in ranked if t.words & words)


def parse_tests(text):
    """(name, words of the command, properties) of each test in a CTestTestfile.cmake."""
    properties = {name: dict(re.findall(r'(\w+) "((?:[^"\\\\]|\\\\.)*)"', rest)) for name, rest in re.findall(r"^set_tests_properties\(\[=\[(.*?)\]=\] PROPERTIES (.*)\)$", text, re.M)}
    return [(name, re.findall(r'"((?:[^"\\\\]|\\\\.)*)"', words), properties.get(name, {}))
            for name, words in re.findall(r"^add_test\(\[=\[(.*?)\]=\] (.*)\)$", text, re.M)]


class Test:
    def __init__(self, name, command, properties, build, folder):
        self.name = name
        self.labels = properties.get("LABELS", "").split(";")
        self.limit = float(properties.get("TIMEOUT", 1500))
        self.words = set(self.name.split("_")) | {folder.name}
        self.seconds = 0.0
        where = str(build)
        words = command + properties.get("ENVIRONMENT", "").split(";")
        self.programs = {os.path.relpath(w, where) for w in words if w.startswith(where + "/")}
        # One that is given the build folder itself may run any program of it.
        self.any_program = any(w == where or w.endswith("=" + where) for w in words)
        self.build = build

    def looks_at(self, programs):
        return bool(self.programs & programs) or (self.any_program and any(not p.startswith("tests/") for p in programs))

    def run(self):
        """('passed', 'failed', 'timeout' or 'skipped', seconds)."""
        # Endless loops end early: ten times what the test took when it last passed, and a minute.
        limit = min(self.limit, 60 + 10 * self.seconds) if self.seconds else self.limit
        began = time.monotonic()
        code, output = run([*CONTAINED, "ctest", "--test-dir", self.build, "--output-on-failure", "-R", f"^{re.escape(self.name)}$", "--timeout", str(int(limit))],
                           limit + 60)
        if code is None or "***Timeout" in output:
            return "timeout", limit
        if "***Skipped" in output or "***Not Run" in output:
            return "skipped", 0.0
        return ("passed" if code == 0 else "failed"), round(time.monotonic() - began, 2)
