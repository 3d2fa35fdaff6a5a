#!/usr/bin/env python3
"""Shell completion offers each command and option that there is, and none that there is not.

Usage: completion_test.py BUILD-FOLDER SOURCE-FOLDER
"""
import pathlib
import re
import subprocess
import sys

BUILD, SOURCE = (pathlib.Path(p) for p in sys.argv[1:3])
RUNNER, REPORT, SIM = BUILD / "runner/geocommit-runner", BUILD / "report/geocommit-report", BUILD / "sim/geocommit-sim"
# Where each command's help is: the words that ./geocommit turns it into.
OWN = {"sim": [SIM, "x.yaml"], "fuzz": [SIM, "fuzz"], "check": [SIM, "check"], "twin": [SIM, "twin"], "export": [SIM, "export"], "explore": [BUILD / "sim/explore/geocommit-explore"], "trace": [BUILD / "report/geocommit-trace"],
       **{c: [REPORT, c] for c in ("report", "compare", "results", "list", "init", "schema", "completion")}}


def help_of(words):
    return subprocess.run([*words, "--help"], capture_output=True, text=True, cwd=SOURCE).stdout


def options_in(text):
    """Long options, from the lines that CLI11 begins with them."""
    found = set()
    for line in text.split("\n"):
        match = re.match(r"\s+((?:-\w,)?--[a-z0-9-]+(?:,--[a-z0-9-]+)*)", line)
        if match and not line.startswith("   ./"):
            found |= {word for word in match.group(1).split(",") if word.startswith("--")}
    return found - {"--help", "--version"}


def bash(script):
    done = subprocess.run(["bash", "-uo", "pipefail", "-c", f"source <({REPORT} completion bash)\n{script}"], capture_output=True, text=True, cwd=SOURCE)
    if done.returncode != 0:
        sys.exit(f"bash: {done.stderr}")
    return done.stdout.split()


def complete(*words):
    quoted = " ".join(f"'{w}'" for w in words)
    return bash(f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _geocommit; printf '%s\\n' \"${{COMPREPLY[@]:-}}\"")


def main():
    bad = []
    offered = set(complete("./geocommit", "")) - {"--help", "--version"}
    runner = set(re.findall(r"^  ([a-z]+) {2,}\S", help_of([RUNNER]).split("SUBCOMMANDS:")[-1].split("Subcommands:")[-1], re.M))
    script = (SOURCE / "geocommit").read_text()
    cases = set(re.search(r'case "\$\{1:-\}" in\n(.*?)esac', script, re.S).group(1).replace("|", " ").split()) | set(re.findall(r"^\s*([a-z|]+)\)", script, re.M))
    dispatched = {word for entry in cases for word in re.findall(r"^([a-z]+)\)?$", entry)} & set(OWN)
    for command in sorted((runner | dispatched) - offered):
        bad.append(f"command {command}: not completed")
    for command in sorted(offered - runner - set(OWN)):
        bad.append(f"command {command}: completed, but there is none")
    checked = 0
    for command in sorted(offered):
        words = OWN.get(command, [RUNNER, command])
        if not pathlib.Path(words[0]).exists():
            continue  # Not built in this preset.
        checked += 1
        real, listed = options_in(help_of(words)), set(complete("./geocommit", command, "-")) - {"--help"}
        for option in sorted(real - listed):
            bad.append(f"{command} {option}: not completed")
        for option in sorted(listed - real):
            bad.append(f"{command} {option}: completed, but there is none")
    if checked < 12:
        bad.append(f"only {checked} commands could be asked for their options")
    for words, expected in (((("./geocommit", "topology", "aws-"), "aws-3")), ((("./geocommit", "run", "x", "--emulation", "t"), "tun")),
                            ((("./geocommit", "protocols", "2"), "2pc")), ((("./geocommit", "schema", ""), "topology")), ((("./geocommit", "run", "experiments/qui"), "experiments/quickstart.yaml")), ((("./geocommit", "sim", "qui"), "quickstart"))):
        if expected not in complete(*words):
            bad.append(f"{' '.join(words)}: {expected} is not offered")
    print("\n".join(bad) or "ok")
    sys.exit(1 if bad else 0)


main()
