"""What scripts/new-protocol and scripts/protocol-check share: commands that end with them, a build, a line that counts seconds."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time


class Failed(Exception):
    """To be said as it is; exit 1."""


def run(command, line=None, **options):
    """(exit code, output); `line` hears each line. What it started ends with it, however this ends."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", start_new_session=True, **options)
    output = []
    try:
        for text in process.stdout:
            output.append(text)
            if line is not None:
                line(text)
        return process.wait(), "".join(output)
    except BaseException:
        for order in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, order)
                process.wait(5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
            break
        raise


class Stopwatch:
    """Says what is going on: on a terminal one line that counts, elsewhere nothing before it is asked for."""

    def __init__(self, what):
        self.what, self.detail, self.began = what, "", time.monotonic()
        self.ended = threading.Event()
        self.live = sys.stdout.isatty()

    def __enter__(self):
        if self.live:
            self.thread = threading.Thread(target=self._count, daemon=True)
            self.thread.start()
        else:
            print(f"{self.what} ...", flush=True)
        return self

    def __exit__(self, *_):
        self.ended.set()
        if self.live:
            self.thread.join()
            print("\r\033[K", end="", flush=True)

    def hear(self, text):
        """Progress that a command prints of itself: [12/34]."""
        found = re.match(r"\[(\d+/\d+)\]", text)
        self.detail = f" [{found.group(1)}]" if found else self.detail

    def _count(self):
        while not self.ended.wait(0.5):
            print(f"\r\033[K{self.what}{self.detail} ... {self.seconds():.0f} s", end="", flush=True)

    def seconds(self):
        return time.monotonic() - self.began


def build_folder(root):
    """GEOCOMMIT_BUILD, or build/dev; configured if it is not yet."""
    folder = pathlib.Path(os.environ.get("GEOCOMMIT_BUILD", root / "build/dev")).resolve()
    if not (folder / "build.ninja").exists():
        for command in ([str(root / "scripts/install-deps"), "--tests"], ["cmake", "--preset", "dev", "-B", str(folder)]):
            with Stopwatch(" ".join(pathlib.Path(command[0]).name if word == command[0] else word for word in command)):
                code, output = run(command, cwd=root)
            if code != 0:
                raise Failed(f"{' '.join(command)} failed:\n{output[-3000:].rstrip()}")
    return folder


def build(folder, targets, watch):
    code, output = run(["ninja", "-C", str(folder), *targets], watch.hear, env={**os.environ, "NINJA_STATUS": "[%f/%t] "})
    if code != 0:
        raise Failed(f"the build failed:\n{output[-4000:].rstrip()}\nAgain: ninja -C {folder} {' '.join(targets)}")
