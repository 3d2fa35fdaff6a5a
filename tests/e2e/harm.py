#!/usr/bin/env python3
"""End-to-end tests that geocommit harms nobody's machine: names that are no paths, files that lie in wait, ends of a run.

Usage: tests/e2e/harm.py [NAME ...]     all of them if none is named
GEOCOMMIT_BUILD names the build folder (default: build/dev). Exits 1 if one fails, 77 if all were skipped.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from harness import (BUILD, PATIENCE, QUICK, RUNNER, Daemons, Running, check, equal, folder, run, run_tests, series,
                     summary, write)

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


def daemons_outlive_their_runner():
    """Killed in the middle of a run, the runner leaves daemons that are idle again when their lease is over."""
    with folder() as place, Daemons(place, ("a",), lease="2s") as daemons:
        topology = write(place / "t.yaml", "name: t\nregions: [a]\n")
        text = QUICK.replace("topology: lan", f"topology: {topology}").replace("[rack-1]", "[a]")
        text = text.replace("emulation: loopback", "emulation: deployed").replace("participants: 3", "participants: 1")
        long = write(place / "long.yaml", text.replace("duration: 2s", "duration: 60s") + daemons.nodes)
        with Running("run", long, "--output", place / "killed", cwd=place) as going:
            going.wait_until_measuring(place / "killed")
            # Far beyond the lease they are held while the runner lives.
            going.wait_for(lambda: any(float(row["elapsed_s"]) > 5 for row in series(place / "killed")), "five seconds")
            check(all(int(row["committed"]) > 0 for row in series(place / "killed")[-2:]), "it goes on")
            going.signal(signal.SIGKILL)
            going.end()
        file = write(place / "short.yaml", text + daemons.nodes)
        status, out, err = 1, "", ""
        for attempt in range(3):  # each waits ten seconds for idle daemons
            status, out, err = run("run", file, "--output", place / f"after-{attempt}", cwd=place)
            if status == 0:
                break
        equal(status, 0, f"exit status\n{out}\n{err}\n{daemons.logs()}")
        check("has not been heard" in daemons.logs() and daemons.all_live(), f"they freed themselves: {daemons.logs()}")


def sockets_of(pid):
    """Names of the Unix sockets that a process has."""
    inodes = set()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(fd).removeprefix("socket:[").removesuffix("]"))
    rows = [row.split() for row in os.fsdecode(pathlib.Path(f"/proc/{pid}/net/unix").read_bytes()).splitlines()[1:]]
    return {row[7] for row in rows if len(row) > 7 and row[6] in inodes}


def nobody_else_reaches_a_socket():
    """Each Unix socket of a run is in a folder that no other user may enter, also those that fault points need."""
    with folder() as place:
        faults = ("faults:\n  - {at: 200ms, on: votes-collected, node: coordinator@rack-1, pause: true, for: 100ms}\n"
                  "  - {at: 200ms, on: vote-forced, node: agent@rack-1, pause: true, for: 100ms}\n")
        file = write(place / "quick.yaml", QUICK.replace("duration: 2s", "duration: 60s") + faults)
        temporary = place / "tmp"
        temporary.mkdir()
        with Running("run", file, "--output", place / "results", cwd=place, env={**os.environ, "TMPDIR": str(temporary)}) as going:
            going.wait_for(lambda: any(float(row["elapsed_s"]) > 2 for row in series(place / "results")), "both faults")
            seen = 0
            for pid in [going.process.pid, *going.children().values()]:
                for name in sockets_of(pid):
                    check(name.startswith("/"), f"an abstract socket, which every user reaches: {name}")
                    with contextlib.suppress(FileNotFoundError):  # removed when those who meet there had met
                        equal(os.stat(os.path.dirname(name)).st_mode & 0o77, 0, f"who else may enter the folder of {name}")
                        seen += 1
            check(seen >= 7, f"the nodes' control sockets were looked at: {seen}")
            equal(list(temporary.iterdir()), [], "left in the folder for temporary files")
            going.signal(signal.SIGINT)
            equal(going.end(), 130, "exit status")


def few_descriptors_are_an_error():
    """A shell that allows few open files: the run says so, and what to do; no process ends by a signal."""
    with folder() as place:
        file = write(place / "quick.yaml", QUICK)
        done = subprocess.run(["bash", "-c", 'ulimit -n 40; exec "$@"', "bash", str(RUNNER), "run", str(file), "--output", "results"],
                              cwd=place, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        equal(done.returncode, 1, f"exit status\n{done.stdout}\n{done.stderr}")
        check("only 40 files open" in done.stderr and "ulimit -n" in done.stderr, f"what is wrong, and the remedy: {done.stderr}")
        check("signal" not in done.stderr, done.stderr)


TESTS = [names_are_no_paths, nothing_predictable_is_written, the_disk_of_the_output_is_probed, output_of_any_bytes,
         daemons_outlive_their_runner, nobody_else_reaches_a_socket, few_descriptors_are_an_error]


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
