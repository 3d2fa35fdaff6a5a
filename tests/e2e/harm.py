#!/usr/bin/env python3
"""End-to-end tests that geocommit harms nobody's machine: names that are no paths, files that lie in wait, ends of a run.

Usage: tests/e2e/harm.py [NAME ...]     all of them if none is named
GEOCOMMIT_BUILD names the build folder (default: build/dev). Exits 1 if one fails, 77 if all were skipped.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import traceback

from harness import BUILD, HOME, PATIENCE, QUICK, RUNNER, SKIPPED, Running, Skip, check, equal, folder, run, series, summary, write

SIM = BUILD / "sim" / "geocommit-sim"


def contents(place):
    """Every file below a folder, with its bytes."""
    return {str(p.relative_to(place)): p.read_bytes() for p in sorted(place.rglob("*")) if p.is_file()}


def names_are_no_paths():
    """A region named like a way out of the results folder is refused where it stands, and nothing is touched."""
    with folder() as place:
        victim = place / "victim"
        victim.mkdir()
        write(victim / "precious", "precious\n")
        wicked = "x/../../../../victim"
        topology = write(place / "t.yaml", f"name: t\nregions: {{'{wicked}': {{}}, b: {{}}}}\nrtt: {{'{wicked}': {{b: 10}}}}\n")
        text = QUICK.replace("topology: lan", f"topology: {topology}").replace("[rack-1]", "[b]")
        file = write(place / "quick.yaml", text.replace("participants: 3", "participants: 2"))
        for words in ([RUNNER, "run", file, "--output", place / "results"],
                      [SIM, file, "--logs", "--output", place / "simulated"]):
            done = subprocess.run(list(map(str, words)), cwd=place, capture_output=True, text=True, timeout=PATIENCE)
            equal(contents(victim), {"precious": b"precious\n"}, f"the folder outside, after {words[0]}")
            equal(done.returncode, 1, f"exit status\n{done.stdout}\n{done.stderr}")
            check(f"{topology}:2:11: regions.{wicked}: expected a name of letters, digits, '.', '_' and '-'" in done.stderr,
                  f"place and remedy: {done.stderr}")


def nothing_predictable_is_written():
    """A link that waits where a probe once was is not followed; a look at an experiment leaves no trace."""
    with folder() as place:
        victim = write(place / "victim", "precious\n")
        temporary = place / "tmp"
        temporary.mkdir()
        work = place / "work"
        work.mkdir()
        for where in (temporary, work, work / "out"):
            where.mkdir(exist_ok=True)
            (where / ".forced-write-probe").symlink_to(victim)
        file = write(work / "quick.yaml", QUICK.replace("fixed(1ms)", "fsync"))
        before = sorted(str(p) for p in place.rglob("*"))
        environment = {**os.environ, "TMPDIR": str(temporary)}
        for words in (["validate", file], ["run", file, "--dry-run"], ["run", file, "--dry-run", "--output", work / "out"]):
            done = subprocess.run([str(RUNNER), *map(str, words)], cwd=work, capture_output=True, text=True, timeout=PATIENCE,
                                  env=environment)
            equal(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
            equal(victim.read_text(), "precious\n", f"what a link leads to, after {words}")
            equal(sorted(str(p) for p in place.rglob("*")), before, f"files after {words}")
        done = subprocess.run([str(RUNNER), "run", str(file), "--output", str(work / "new")], cwd=work, capture_output=True,
                              text=True, timeout=PATIENCE, env=environment)
        equal((done.returncode, victim.read_text()), (0, "precious\n"), f"a run\n{done.stdout}{done.stderr}")


def the_disk_of_the_output_is_probed():
    """--output on a disk that cannot be written is refused, whatever the working directory could do."""
    with folder() as place:
        file = write(place / "quick.yaml", QUICK.replace("fixed(1ms)", "fsync"))
        for more in ((), ("--dry-run",)):
            status, out, err = run("run", file, "--output", "/proc/here", *more, cwd=place)
            check("/proc/" in err and "cannot be" in err, f"the place is named: {err}")
            equal(status, 0 if more else 1, f"exit status\n{out}{err}")


def output_of_any_bytes():
    """A results folder whose name is no UTF-8 is as good as another."""
    with folder() as place:
        file = write(place / "quick.yaml", QUICK.replace("duration: 2s", "duration: 1s"))
        results = os.path.join(os.fsencode(place), b"r\xe9sultats")
        for words in ([RUNNER, "run", file], [SIM, file]):
            done = subprocess.run([*(os.fsencode(str(w)) for w in words), b"--output", results], cwd=place, capture_output=True,
                                  timeout=PATIENCE)
            equal(done.returncode, 0, f"exit status\n{done.stdout.decode(errors='replace')}\n{done.stderr.decode(errors='replace')}")
            whole = summary(pathlib.Path(os.fsdecode(results)))
            equal(whole["cells"][0]["verdict"], "pass", "verdict")
            shutil.rmtree(results)


def free_ports(count):
    """Ports of 127.0.0.1 that nobody has at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def daemons_outlive_their_runner():
    """Killed in the middle of a run, the runner leaves daemons that are idle again when their lease is over."""
    daemons = []
    with folder() as place:
        try:
            topology = write(place / "t.yaml", "name: t\nregions: [a]\n")
            nodes = "deployed:\n  lease: 2s\n  nodes:\n"
            for kind in ("agent", "coordinator"):
                listen, control, metrics = (f"127.0.0.1:{port}" for port in free_ports(3))
                nodes += f'    {kind}@a: {{data: "tcp://{listen}", control: "tcp://{control}", metrics: "{metrics}"}}\n'
                with open(place / f"{kind}.log", "w") as log:
                    daemons.append(subprocess.Popen(
                        [str(BUILD / kind / f"geocommit-{kind}"), "--insecure", "--listen", f"tcp://{listen}", "--control",
                         f"tcp://{control}", "--metrics", metrics, "--data-dir", str(place / f"{kind}-data")], stdout=log, stderr=log))
            text = QUICK.replace("topology: lan", f"topology: {topology}").replace("[rack-1]", "[a]")
            text = text.replace("emulation: loopback", "emulation: deployed").replace("participants: 3", "participants: 1")
            long = write(place / "long.yaml", text.replace("duration: 2s", "duration: 60s") + nodes)
            with Running("run", long, "--output", place / "killed", cwd=place) as going:
                going.wait_until_measuring(place / "killed")
                # Far beyond the lease they are held while the runner lives.
                going.wait_for(lambda: any(float(row["elapsed_s"]) > 5 for row in series(place / "killed")), "five seconds")
                check(all(int(row["committed"]) > 0 for row in series(place / "killed")[-2:]), "it goes on")
                going.signal(signal.SIGKILL)
                going.end()
            file = write(place / "short.yaml", text + nodes)
            status, out, err = 1, "", ""
            for attempt in range(3):  # each waits ten seconds for idle daemons
                status, out, err = run("run", file, "--output", place / f"after-{attempt}", cwd=place)
                if status == 0:
                    break
            logs = "".join((place / f"{kind}.log").read_text() for kind in ("agent", "coordinator"))
            equal(status, 0, f"exit status\n{out}\n{err}\n{logs}")
            check("has not been heard" in logs and all(d.poll() is None for d in daemons), f"they freed themselves: {logs}")
        finally:
            for daemon in daemons:
                daemon.terminate()
            for daemon in daemons:
                daemon.wait(timeout=PATIENCE)


TESTS = [names_are_no_paths, nothing_predictable_is_written, the_disk_of_the_output_is_probed, output_of_any_bytes,
         daemons_outlive_their_runner]


def main():
    wanted = sys.argv[1:]
    unknown = set(wanted) - {t.__name__ for t in TESTS}
    if unknown:
        sys.exit(f"no test {unknown}; there are: {' '.join(t.__name__ for t in TESTS)}")
    failed = skipped = 0
    chosen = [t for t in TESTS if not wanted or t.__name__ in wanted]
    for test in chosen:
        try:
            test()
            print(f"{test.__name__}: passed")
        except Skip as why:
            skipped += 1
            print(f"{test.__name__}: skipped: {why}")
        except Exception:
            failed += 1
            print(f"{test.__name__}: FAILED")
            traceback.print_exc()
    sys.exit(1 if failed else SKIPPED if skipped == len(chosen) else 0)


if __name__ == "__main__":
    main()
