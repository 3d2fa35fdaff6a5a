#!/usr/bin/env python3
"""The command geocommit explore: each option reaches the search, what is printed is what was searched, exit codes say how it
ended, and a saved trace replays.

Usage: cli_test.py GEOCOMMIT-EXPLORE
"""
import functools
import pathlib
import re
import subprocess
import sys
import tempfile

EXPLORE = sys.argv[1]
problems = []


def check(condition, what):
    if not condition:
        problems.append(what)


@functools.lru_cache(maxsize=None)
def plain_run(*words):
    return Run(*words)


class Run:
    def __init__(self, *words, save=""):
        done = subprocess.run([EXPLORE, *words, "--save", save] if "--replay" not in words else [EXPLORE, *words], capture_output=True, text=True,
                              timeout=300)
        self.words, self.code, self.text, self.error = " ".join(words), done.returncode, done.stdout, done.stderr
        number = lambda pattern: [int(n) for n in re.findall(pattern, done.stdout)]
        # The last search of the run: home-region has two.
        self.states = (number(r"(\d+) states, \d+ transitions") or [None])[-1]
        self.transitions = (number(r"\d+ states, (\d+) transitions") or [None])[-1]
        self.depth = (number(r"transitions, depth (\d+)") or [None])[-1]


def differs(base, *more):
    """An option that reaches the search changes what there is to search; and is named in what is printed."""
    plain = plain_run(*base)
    with_it = Run(*base, *more)
    check(with_it.code in (0, 2), f"{with_it.words}: exit code {with_it.code}: {with_it.error}")
    check(plain.states != with_it.states, f"{' '.join(more)} changes nothing: {plain.words} has {plain.states} states, and so has {with_it.words}")
    return with_it


def bounds():
    two = ("2pc", "--participants", "2")
    for option, words in (("crashes", "1 crash"), ("partitions", "1 partition"), ("duplicates", "1 duplicate"), ("drops", "1 drop"),
                          ("early-timers", "1 early timer"), ("early-firings", "1 early firing"), ("denials", "1 lock denial"), ("wounds", "1 wound")):
        run = differs(two, f"--{option}", "1")
        first = run.text.split("\n")[0]
        check(words in first, f"{run.words}: '{words}' is not in '{first}'")
        check(" 0 " not in first, f"{run.words}: a bound of none is printed: '{first}'")
    differs(two, "--read-only", "1")
    differs(("2pc",), "--participants", "2")
    differs((*two, "--crashes", "1"), "--lost-tail")
    differs((*two, "--crashes", "1"), "--restarts", "0")
    arrives = differs((*two, "--crashes", "1"), "--sent-arrives")
    check("what the dead had sent arrives" in arrives.text.split("\n")[0], f"{arrives.words}: does not say so")
    lost = Run(*two, "--crashes", "1", "--sent-lost")
    check(lost.states == plain_run(*two, "--crashes", "1").states, f"{lost.words}: 2pc stands that, so it is what is searched without")
    easy = ("easy-commit", "--participants", "2", "--crashes", "1")
    check(Run(*easy).states == Run(*easy, "--sent-arrives").states, "easy-commit does not claim to stand lost sends, and is searched with them unless told otherwise")
    check(Run(*easy, "--sent-lost").code == 2, "easy-commit, and a crash that loses what was sent: no violation")
    whole = differs((*two, "--crashes", "1"), "--no-reduction")
    check("no reduction" in whole.text.split("\n")[0], f"{whole.words}: does not say so")
    differs((*two, "--crashes", "1"), "--no-symmetry")
    check("interchangeable" in Run(*two).text and "interchangeable" not in Run(*two, "--no-symmetry").text, "symmetry: what is said is not what is done")


def limits():
    two = ("2pc", "--participants", "2")
    clean = Run(*two)
    check(clean.code == 0 and "exhausted" in clean.text and "NOT" not in clean.text and "no violation\n" in clean.text, f"{clean.words}: {clean.text}")
    short = Run(*two, "--depth", "3")
    check(short.code == 3 and short.depth <= 3 and "NOT exhausted: depth limit" in short.text, f"{short.words}: exit code {short.code}: {short.text}")
    check("no violation in what was searched" in short.text and "in the first 2 steps" in short.text, f"{short.words}: {short.text}")
    few = Run(*two, "--states", "10")
    check(few.code == 3 and few.states == 10 and "NOT exhausted: state limit" in few.text, f"{few.words}: exit code {few.code}: {few.text}")
    several = Run("2pc", "--crashes", "1", "--threads", "3")
    one = Run("2pc", "--crashes", "1", "--threads", "1")
    check((several.code, several.states, several.transitions, several.depth) == (one.code, one.states, one.transitions, one.depth),
          f"{several.words}: {several.text[:300]}\n{one.words}: {one.text[:300]}")
    small = Run("2pc", "--crashes", "1", "--partitions", "1", "--memory-mib", "1")
    check(small.code == 3 and "NOT exhausted: memory limit" in small.text, f"{small.words}: exit code {small.code}: {small.text[:300]}")
    hasty = Run("2pc", "--participants", "6", "--crashes", "4", "--partitions", "3", "--duplicates", "3", "--seconds", "0.2")
    check(hasty.code == 3 and "NOT exhausted: time limit" in hasty.text, f"{hasty.words}: exit code {hasty.code}: {hasty.text[:300]}")


def home_region():
    home = ("home-region", "--participants", "1", "--writes", "1")
    differs(("home-region", "--participants", "1"), "--writes", "1")
    differs(home, "--replicas", "2")
    differs(home, "--late-rounds", "1")
    differs(home, "--checkpoint-records", "1")
    differs(home, "--crashes", "1")
    differs(home, "--duplicates", "1")
    differs(home, "--drops", "1")
    differs((*home, "--crashes", "1"), "--lost-tail")
    master = ("home-region", "--failover", "--sites", "2", "--renewals", "1", "--half-leases", "2")
    differs(("home-region", "--failover", "--sites", "2", "--renewals", "1"), "--half-leases", "2")
    differs(("home-region", "--failover", "--sites", "2", "--half-leases", "2"), "--renewals", "2")
    differs(master, "--failovers", "0")
    differs(("home-region", "--failover"), "--heartbeats")
    differs(master, "--transfers", "1")
    differs(master, "--crashes", "1")
    differs((*master[:2], *master[4:]), *master[2:4])
    unfenced = Run(*master[:4], "--no-fencing")
    check(unfenced.code == 2, f"{unfenced.words}: two masters without fencing: exit code {unfenced.code}")


def conflict():
    two = ("2pc", "--conflict")
    one = (*two, "--participants", "1")
    differs(two, "--participants", "1")
    differs(two, "--no-wait")
    for option in ("crashes", "duplicates", "drops", "checkpoints"):
        run = differs(one, f"--{option}", "1")
        check(f"{option} 1" in run.text.split("\n")[0], f"{run.words}: does not say so")
    differs((*one, "--crashes", "1"), "--lost-tail")
    differs((*one, "--crashes", "1"), "--sent-arrives")
    check(Run(*one, "--crashes", "1", "--losses", "0").code == 3, "losses left out, and still called exhausted")


def saved():
    with tempfile.TemporaryDirectory(prefix="geocommit-explore-") as folder:
        split = Run("3pc", "--participants", "2", "--early-timers", "1", save=folder)
        check(split.code == 2 and "VIOLATION: both outcomes" in split.text, f"{split.words}: exit code {split.code}")
        files = sorted(pathlib.Path(folder).iterdir())
        check([f.name for f in files] == ["3pc-violation-1.explored"], f"saved: {files}")
        check(f"explore --replay {files[0]}" in split.text, "the replay command is not printed")
        again = Run("--replay", str(files[0]))
        check(again.code == 2 and "as written" in again.text, f"{again.words}: exit code {again.code}: {again.text[-200:]}")
        text = files[0].read_text()
        files[0].write_text(text.replace("prepared", "preparde"))
        changed = Run("--replay", str(files[0]))
        check(changed.code == 1 or "DIFFERS" in changed.text, f"a changed trace replays as written: {changed.text[-200:]}")
        check(Run("--replay", folder + "/none").code == 1, "a trace that is not there")
        shown = Run("2pc", "--participants", "2", "--crashes", "1", save=folder)
        check(shown.code == 0 and (pathlib.Path(folder) / "2pc-blocking-1.explored").exists(), "a blocking state is not saved")


def refused():
    for words, why in ((("4pc",), "no protocol '4pc'"), ((), "which protocol?"), (("2pc", "--failover"), "--failover is of home-region"),
                       (("2pc", "--writes", "2"), "--writes is of home-region"), (("2pc", "--replicas", "2"), "--replicas is of home-region"),
                       (("2pc", "--late-rounds", "1"), "--late-rounds is of home-region"),
                       (("2pc", "--checkpoint-records", "1"), "--checkpoint-records is of home-region"),
                       (("2pc", "--participants", "2", "--read-only", "3"), "more than participants"),
                       (("2pc", "--participants", "0"), "--participants"), (("2pc", "--participants", "7"), "--participants"),
                       (("2pc", "--crashes", "16"), "--crashes"), (("2pc", "--partitions", "16"), "--partitions"), (("2pc", "--drops", "16"), "--drops"),
                       (("2pc", "--duplicates", "16"), "--duplicates"), (("2pc", "--denials", "16"), "--denials"), (("2pc", "--wounds", "16"), "--wounds"),
                       (("2pc", "--early-timers", "8"), "--early-timers"), (("2pc", "--early-firings", "16"), "--early-firings"),
                       (("2pc", "--conflict", "--participants", "3"), "--participants 1 or 2"), (("2pc", "--no-wait"), "--no-wait"),
                       (("2pc", "--checkpoints", "1"), "--checkpoints"), (("2pc", "--conflict", "--partitions", "1"), "--conflict"),
                       (("2pc", "--losses", "16"), "--losses"), (("2pc", "--threads", "0"), "--threads"), (("2pc", "--restarts", "4"), "--restarts"), (("home-region", "--writes", "5"), "--writes"),
                       (("home-region", "--replicas", "3"), "--replicas"), (("home-region", "--sites", "3"), "--sites"),
                       (("home-region", "--failover", "--drops", "1"), "--failover"), (("home-region", "--failover", "--writes", "1"), "--failover")):
        run = Run(*words)
        check(run.code == 1 and why in run.error, f"{run.words}: exit code {run.code}, '{run.error.strip()}' instead of '{why}'")
    check(Run("2pc", "--participants", "1", "--crashes", "15", "--states", "5").code == 3, "fifteen crashes are allowed")


def main():
    for part in (bounds, limits, home_region, conflict, saved, refused):
        part()
    print("\n".join(problems) or "ok")
    sys.exit(1 if problems else 0)


main()
