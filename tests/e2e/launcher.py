#!/usr/bin/env python3
"""Tests of ./geocommit and scripts/install-deps, on a machine that is made up: a clone in a scratch folder, whose sudo,
apt-get, dpkg-query and cmake are scripts that write down how they were called. Nothing is installed.

Usage: tests/e2e/launcher.py [NAME ...]     all of them if none is named. Exits 1 if one fails, 77 if all were skipped.
"""
import contextlib
import fcntl
import os
import pty
import pwd
import select
import shutil
import signal
import subprocess
import sys
import time

from harness import HOME, PATIENCE, Skip, check, equal, folder, run_tests, write

NOBODY = pwd.getpwnam("nobody")


def program(path, text):
    write(path, "#!/bin/bash\n" + text)
    path.chmod(0o755)


class Machine:
    """A clone, and what is called instead of the programs that would change the machine."""

    def __init__(self, place, missing=True, prometheus=False):
        place.chmod(0o755)
        self.place, self.clone, self.bin, self.calls = place, place / "clone", place / "bin", place / "calls"
        self.policy, self.unfinished = place / "policy-rc.d", place / "unfinished"
        (self.clone / "scripts").mkdir(parents=True)
        self.bin.mkdir()
        write(self.calls, "")
        self.calls.chmod(0o666)
        shutil.copy(HOME / "geocommit", self.clone)
        text = (HOME / "scripts" / "install-deps").read_text()
        for real, here in (("/usr/sbin/policy-rc.d", self.policy), ("/var/lib/geocommit-prometheus-unfinished", self.unfinished)):
            equal(text.count(real), 1, f"where {real} is named")
            text = text.replace(real, str(here))
        write(self.clone / "scripts" / "install-deps", text)
        (self.clone / "scripts" / "install-deps").chmod(0o755)
        note = f'echo "$(basename "$0") $*" >>{self.calls}\n'
        installed = place / "installed"
        if not missing:
            write(installed, "")
        missing_one = "prometheus" if prometheus else "ninja-build"
        program(self.bin / "dpkg-query", f'for word; do [ "$word" = {missing_one} ] && [ ! -e {installed} ] && continue; '
                                         'case "$word" in -*|*Status*) ;; *) echo "$word installed";; esac; done\n')
        program(self.bin / "sudo", note + '[ "$1" != -n ] || shift\nexec "$@"\n')
        program(self.bin / "apt-get", note + f'while [ -e {place}/hold ] && [ "$1" = install ]; do sleep 0.05; done\n'
                                             f'[ "$1" != install ] || touch {installed}\n')
        program(self.bin / "systemctl", note + f'while [ -e {place}/hold-systemctl ]; do sleep 0.05; done\n')
        program(self.bin / "update-rc.d", note)
        # The build: a tree of its own, so that ninja is the real one.
        program(self.bin / "cmake", note + f'mkdir -p build/release; cp {place}/build.ninja build/release/\n')
        made = "runner/geocommit-runner"
        rules = ("rule make\n  command = mkdir -p runner && cp $in runner/geocommit-runner && chmod 755 runner/geocommit-runner\n"
                 f"build {made}: make {self.clone}/source\n")
        for name in ("geocommit-runner", "geocommit-agent", "geocommit-coordinator", "geocommit-client", "geocommit-router"):
            rules += f"build {name}: phony {made}\n"
        write(place / "build.ninja", rules)
        write(self.clone / "source", '#!/bin/bash\necho "ran $(id -un): $*"\n')
        self.environment = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "HOME": str(place)}
        self.environment.pop("GEOCOMMIT_HOME", None)

    def words(self, *words, user=None):
        out = [str(self.clone / "geocommit"), *words]
        if user is not None and os.geteuid() == 0:
            out = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *out]
        return out

    def run(self, *words, user=None):
        done = subprocess.run(self.words(*words, user=user), capture_output=True, text=True, timeout=PATIENCE, cwd=self.place,
                              env=self.environment, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def on_terminal(self, *words, answer, user):
        """With a terminal of its own; answers the first question. (status, all that was said, whether it asked)."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.place)
            os.execvpe(self.words(*words, user=user)[0], self.words(*words, user=user), self.environment)
        said, asked, until = b"", False, time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if not select.select([fd], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(fd, 4096)
            except OSError:  # Linux: the other end is closed
                break
            if not piece:
                break
            said += piece
            if b"[Y/n]" in said and not asked:
                asked = True
                os.write(fd, answer.encode() + b"\n")
        else:
            os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
        return status, said.decode(errors="replace"), asked

    def called(self, name):
        return [line for line in self.calls.read_text().splitlines() if line.split()[0] == name]

    def give_to(self, user):
        if os.geteuid() == 0:
            for path in [self.place, *self.place.rglob("*")]:
                os.chown(path, user.pw_uid, user.pw_gid)


def ordinary():
    """Somebody who is not root: nobody, where root runs the tests."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    if shutil.which("setpriv") is None:
        raise Skip("root runs the tests and there is no setpriv to become somebody else")
    return NOBODY


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def asks_before_sudo():
    user = ordinary()
    for answer, goes_on in (("n", False), ("", True), ("y", True)):
        with folder() as place:
            machine = Machine(place)
            machine.give_to(user)
            status, said, asked = machine.on_terminal("version", answer=answer, user=user)
            check(asked, f"it asks: {said}")
            before = said[:said.index("[Y/n]")]
            check("ninja-build" in before and "sudo" in before and "apt-get install" in before, f"it says what: {before}")
            if goes_on:
                equal(status, 0, f"exit status\n{said}")
                check(machine.called("sudo") and f"ran {user.pw_name}: version" in said, said)
            else:
                equal(status, 1, f"exit status\n{said}")
                check("Nothing was installed" in said and "apt-get install -y" in said, f"remedy: {said}")
                equal((machine.called("sudo"), machine.called("apt-get")), ([], []), "what was called")


def yes_does_not_ask():
    user = ordinary()
    for words in (("--yes", "run", "x.yaml"), ("run", "x.yaml", "--yes")):
        with folder() as place:
            machine = Machine(place)
            machine.give_to(user)
            status, said, asked = machine.on_terminal(*words, answer="n", user=user)
            equal((status, asked), (0, False), f"status, asked\n{said}")
            check(machine.called("sudo") and "ninja-build" in said, f"it says what it installs: {said}")
            check(f"ran {user.pw_name}: run x.yaml\r" in said, f"--yes is the launcher's: {said}")


def without_terminal_goes_on():
    user = ordinary()
    with folder() as place:
        machine = Machine(place)
        machine.give_to(user)
        status, out, err = machine.run("run", "x.yaml", user=user)
        equal((status, out), (0, f"ran {user.pw_name}: run x.yaml\n"), f"status and output\n{err}")
        check("ninja-build" in err and machine.called("sudo"), f"it says what it installs: {err}")
        equal(machine.run("run", "y.yaml", user=user)[2], "", "a second time there is nothing to say")


def root_goes_on():
    need_root()
    with folder() as place:
        machine = Machine(place)
        status, said, asked = machine.on_terminal("version", answer="n", user=None)
        equal((status, asked), (0, False), f"status, asked\n{said}")
        check("ninja-build" in said and machine.called("apt-get") and not machine.called("sudo"), said)


def help_and_clean_install_nothing():
    user = ordinary()
    for words in (("--help",), ("-h",), (), ("run", "--help"), ("clean",)):
        with folder() as place:
            machine = Machine(place)
            machine.give_to(user)
            status, out, err = machine.run(*words, user=user)
            equal((machine.called("sudo"), machine.called("apt-get"), machine.called("cmake")), ([], [], []), f"called by {words}")
            equal(status, 1 if words == ("clean",) else 0, f"status of {words}\n{out}{err}")
            check("built" in out + err, f"why there is no more: {out}{err}")
            # What is built is used, whatever is missing.
            target = machine.clone / "build" / "release" / "runner"
            target.mkdir(parents=True)
            shutil.copy(machine.clone / "source", target / "geocommit-runner")
            (target / "geocommit-runner").chmod(0o755)
            machine.give_to(user)
            status, out, err = machine.run(*words, user=user)
            equal((status, out), (0, f"ran {user.pw_name}: {' '.join(words)}\n"), f"{words} with a built program: {err}")
            equal((machine.called("sudo"), machine.called("apt-get")), ([], []), f"called by {words}")


def verdict(policy):
    return subprocess.run([str(policy), "prometheus", "start"], timeout=PATIENCE).returncode


@contextlib.contextmanager
def installing(machine):
    """scripts/install-deps --prometheus under way, with all that it starts in a process group of its own."""
    machine.give_to(ordinary())
    going = subprocess.Popen([str(machine.clone / "scripts" / "install-deps"), "--prometheus"], env=machine.environment,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield going
    finally:
        for hold in machine.place.glob("hold*"):
            hold.unlink()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(going.pid, signal.SIGKILL)
        going.wait()


def wait_for(fact, what):
    until = time.monotonic() + PATIENCE
    while not fact():
        check(time.monotonic() < until, f"waited in vain for {what}")
        time.sleep(0.02)


def called(machine, words):
    return any(words in call for call in machine.calls.read_text().splitlines())


def unlocked(path):
    """Nobody holds its lock: whoever was killed is gone, not only dying."""
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def killed_while_installing():
    """The installer alone is killed: what it started ends what was begun. Services stay down for as long as that takes."""
    for number in (signal.SIGKILL, signal.SIGTERM):
        with folder() as place:
            machine = Machine(place, prometheus=True)
            write(place / "hold", "")
            with installing(machine) as going:
                wait_for(lambda: called(machine, "apt-get install"), "the installation")
                equal(verdict(machine.policy), 101, "services stay down while it installs")
                equal(machine.unfinished.stat().st_mode & 0o77, 0, "nobody else can hold the lock")
                going.send_signal(number)
                if number == signal.SIGKILL:
                    going.wait(timeout=PATIENCE)
                    equal(verdict(machine.policy), 101, "services stay down while apt-get is there")
                (place / "hold").unlink()
                going.wait(timeout=PATIENCE)
                wait_for(lambda: not machine.unfinished.exists(), "the end of the installation")
                check(not machine.policy.exists(), "nothing is left behind")
                check(called(machine, "systemctl disable --now prometheus"), "the service is disabled")


def killed_with_all_that_it_started():
    """As by a loss of power: no service is kept from starting, and the next start disables Debian's prometheus, and says so."""
    for hold, moment in (("hold", "apt-get install"), ("hold-systemctl", "systemctl disable")):
        with folder() as place:
            machine = Machine(place, prometheus=True)
            write(place / hold, "")
            with installing(machine) as going:
                wait_for(lambda moment=moment: called(machine, moment), moment)
                os.killpg(going.pid, signal.SIGKILL)
                going.wait(timeout=PATIENCE)
            check(machine.unfinished.exists(), "it is known that this is not done")
            wait_for(lambda machine=machine: unlocked(machine.unfinished), "the end of all that it had started")
            if machine.policy.exists():
                equal(verdict(machine.policy), 0, "services may start again")
            check(not machine.policy.exists(), "the policy is gone")
            write(machine.calls, "")
            status, _, err = machine.run("--help")
            equal((status, machine.called("systemctl"), machine.unfinished.exists()), (0, [], True), "who asks for help changes nothing")
            status, _, err = machine.run("version")
            equal(status, 0, err)
            check("cut short" in err and "systemctl disable --now prometheus" in err, f"it says what it does: {err}")
            # Killed before the package was there, there was nothing to disable.
            equal(called(machine, "systemctl disable --now prometheus"), hold == "hold-systemctl", "disabled")
            check(not machine.unfinished.exists(), "made up for")
            write(machine.calls, "")
            status, _, err = machine.run("version")
            equal((status, err, machine.called("systemctl")), (0, "", []), "the time after that")


def policies_of_others_stay():
    with folder() as place:
        machine = Machine(place, prometheus=True)
        program(machine.policy, "exit 104\n")
        before = machine.policy.read_bytes()
        status, _, err = machine.run("replay", "x")
        equal(status, 0, err)
        check(machine.called("apt-get"), "it installed")
        equal(machine.policy.read_bytes(), before, "the machine's own policy")
    with folder() as place:  # ... while what a killed one of ours left is taken over, and removed
        machine = Machine(place, prometheus=True)
        program(machine.policy, "# geocommit: while it installs Debian's prometheus\nexit 101\n")
        status, _, err = machine.run("replay", "x")
        equal(status, 0, err)
        check(not machine.policy.exists(), "our own leftover is gone")


def clone_built_by_root():
    need_root()
    user = ordinary()
    with folder() as place:
        machine = Machine(place, missing=False)
        status, _, err = machine.run("version")
        equal(status, 0, err)
        status, out, err = machine.run("run", "x.yaml", user=user)
        equal((status, out), (0, "ran nobody: run x.yaml\n"), f"what is up to date is used\n{err}")
        time.sleep(0.01)
        write(machine.clone / "source", "#!/bin/bash\necho new\n")
        status, out, err = machine.run("run", "x.yaml", user=user)
        equal((status, out), (1, ""), f"what is out of date is not\n{err}")
        check("not yours to write to" in err and "root" in err and "chown" in err and "git clone" in err, f"what to do: {err}")


TESTS = [
    asks_before_sudo, yes_does_not_ask, without_terminal_goes_on, root_goes_on, help_and_clean_install_nothing,
    killed_while_installing, killed_with_all_that_it_started, policies_of_others_stay, clone_built_by_root]


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
