"""A copy of the sources, and a build folder in which nothing is built: its programs say what a test wants to hear."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

TARGETS = {"trace_runner": "tests/trace/trace_runner", "test_trace_costs": "tests/trace/test_trace_costs",
           "test_protocols": "tests/protocols/test_protocols", "test_explore": "tests/explore/test_explore",
           "test_states": "tests/explore/test_states", "geocommit-sim": "sim/geocommit-sim"}


def copy_sources(source, to):
    shutil.copytree(source, to, symlinks=True, ignore=lambda folder, names: {
        n for n in names if n in (".git", "__pycache__") or (pathlib.Path(folder) == source and n in ("build", "results"))})


def git(tree, *words):
    subprocess.run(["git", "-C", str(tree), "-c", "user.name=t", "-c", "user.email=t@example.org", *words], check=True, capture_output=True)


def made_up_build(folder, command="true", programs="echo {target} $*"):
    """A build folder whose every target is `command`, and whose programs are `programs` in sh."""
    folder.mkdir(parents=True, exist_ok=True)
    rules = [f"rule r\n  command = {command}\n"] + [f"build {target}: r\n" for target in TARGETS]
    (folder / "build.ninja").write_text("".join(rules))
    for target, path in TARGETS.items():
        program(folder / path, programs.replace("{target}", target))


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def snapshot(tree):
    """Every file of a tree but what was built: {path: bytes}."""
    return {str(p.relative_to(tree)): p.read_bytes() for p in sorted(tree.rglob("*"))
            if p.is_file() and p.relative_to(tree).parts[0] not in (".git", "build")}


def interrupt(command, began, environment, order=signal.SIGINT):
    """(exit code, output) of a command that is told to end as soon as the file `began` is there."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment})
    deadline = time.monotonic() + 120
    while not (began.exists() and began.read_text().strip()) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(order)
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def is_gone(pid):
    """Whether a process has ended, or does so soon."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
