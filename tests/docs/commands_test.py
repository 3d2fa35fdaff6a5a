#!/usr/bin/env python3
"""Every command line that README and docs show is understood, and done where that takes seconds; so are the examples of --help that set keys.

Usage: commands_test.py BUILD-FOLDER SOURCE-FOLDER

A command line is an indented line, a line of a code block, or a span of code that begins with ./geocommit or scripts/. RULES says how each is tried; one
that no rule is about fails the test: add a rule, or say there which test does it. A block of YAML that begins with `# NAME.yaml` is that file.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

BUILD, SOURCE = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
PROGRAMS = {"sim": BUILD / "sim/geocommit-sim", "fuzz": BUILD / "sim/geocommit-sim", "check": BUILD / "sim/geocommit-sim", "twin": BUILD / "sim/geocommit-sim", "export": BUILD / "sim/geocommit-sim",
            "trace": BUILD / "report/geocommit-trace", "explore": BUILD / "sim/explore/geocommit-explore",
            **{c: BUILD / "report/geocommit-report" for c in ("report", "compare", "results", "list", "init", "schema", "completion")}}
OWN_WORDS = ("sim", "trace", "explore")  # Programs that are not told the command that they are.

AS_IS = lambda words: words  # noqa: E731
BARE = None  # The name of a command in a sentence: its --help.
ELSEWHERE = "elsewhere"


def with_words(*more):
    return lambda words: [*words, *more]


def with_few_seeds(words):
    return [re.sub(r"^\d+\.\.\d+$", "1..3", word) for word in words]


# The first that matches the whole line counts.
RULES = [
    (r"\./geocommit (check|twin|clean|explore|replay|trace|init|list|results|protocols)|\./geocommit --help", BARE),
    (r"\./geocommit run .*--prometheus", ELSEWHERE),  # dashboards_live
    (r"\./geocommit twin .*", ELSEWHERE),  # sim_twin
    (r"\./geocommit replay .*", ELSEWHERE),  # dashboards_replay
    (r"\./geocommit probe .*", ELSEWHERE),  # probe_cli; e2e_tun_*
    (r"\./geocommit run .*--dry-run", AS_IS),
    (r"\./geocommit run .*", with_words("--dry-run")),  # As it is: e2e_*
    (r"\./geocommit fuzz .*", with_few_seeds),
    (r"\./geocommit explore .*", with_words("--seconds", "20", "--save", "")),
    (r"\./geocommit report .*--open", ELSEWHERE),  # report_commands
    (r"\./geocommit (list|init|predict|protocols|topology|schema|validate|compare|check|export|report|results|trace|sim|completion) .*", AS_IS),
    (r"scripts/.*", ELSEWHERE),  # Their own tests: installed, mutate, new_protocol, sim_agrees; this one is run by scripts/test. By hand: scripts/package.
]
STATUS = {"explore": (0, 2, 3), "trace": (0, 1)}  # A search may find what is expected, or not come to its end; a transaction may not have been kept.


def commands():
    pages = [SOURCE / "README.md", SOURCE / "CONTRIBUTING.md", *sorted((SOURCE / "docs").glob("*.md"))]
    pages += sorted(p for p in SOURCE.glob("*/README.md") if p.parent.name != "build") + sorted(SOURCE.glob("*/*/README.md"))
    for page in pages:
        text = page.read_text()
        spans = re.findall(r"(?m)^(?: {4})?((?:\./geocommit|scripts/\w)\S*(?: .*)?)$", text)
        spans += [span.replace("\n", " ") for span in re.findall(r"`((?:\./geocommit|scripts/[a-z-]+ )[^`]*)`", text)]
        for span in spans:
            line = re.sub(r"(\s+#| {3,}).*$", "", span).strip()
            yield page.relative_to(SOURCE), line


def examples():
    """Of --help; those of sim are only understood, as some take minutes."""
    for command in ("run", "sim", "predict", "protocols", "validate"):
        _, text, _ = run([command, "--help"], SOURCE)
        found = re.findall(r"(?m)^ +(\./geocommit .*)$", text)
        assert found, f"{command} --help has no examples"
        for line in found:
            yield f"{command} --help", re.sub(r" {3,}.*$", "", line).replace("geocommit sim", "geocommit run").strip()


def files():
    """(name, text) of the files that the pages have the reader write."""
    for page in sorted((SOURCE / "docs").glob("*.md")):
        yield from re.findall(r"(?ms)^```yaml\n# (\S+\.yaml)\n(.*?)^```$", page.read_text())


def words_of(line):
    """Placeholders become what there is here, optional parts what they allow."""
    line = re.sub(r"\[(--\S+)( \S+)?\]", r"\1\2", line)
    line = re.sub(r" \[(\w+)\\?\|\w+\]", r" \1", line).replace("[...]", "").replace("...", "").split(" > ")[0]
    for old, new in (("RESULTS", "results/A"), ("FILE", "mine.yaml"), (",NAME", ",3pc"), ("results/my-run", "results/A"), ("results/RUN", "results/A"), ("results/before", "results/A"), ("results/after", "results/B"), (" A B", " results/A results/B")):
        line = line.replace(old, new)
    return shlex.split(line)[1:]


def run(words, at):
    program = PROGRAMS.get(words[0], BUILD / "runner/geocommit-runner")
    assert program.exists(), f"{program} is not built"
    done = subprocess.run([program, *(words[1:] if words[0] in OWN_WORDS else words)], capture_output=True, text=True, cwd=at, timeout=600, check=False,
                          env={**os.environ, "GEOCOMMIT_HOME": str(SOURCE), "NO_COLOR": "1"})
    return done.returncode, done.stdout, done.stderr


def main():
    bad, tried, elsewhere = [], {}, set()
    with tempfile.TemporaryDirectory() as scratch:
        at = pathlib.Path(scratch)
        (at / "experiments").symlink_to(SOURCE / "experiments")
        (at / "mine.yaml").write_text((SOURCE / "experiments/quickstart.yaml").read_text().replace("duration: 10s", "duration: 3s"))
        for name in "AB":
            status, out, err = run(["sim", "mine.yaml", "--quiet", "--logs", "--output", f"results/{name}"], at)
            assert status == 0, out + err
        for name, text in files():
            (at / name).write_text(text)
        found = [*commands(), *examples()]
        assert len(found) > 60, f"only {len(found)} command lines found"
        for page, line in found:
            how = next((how for pattern, how in RULES if re.fullmatch(pattern, line)), "no rule")
            if how == "no rule":
                bad.append(f"{page}: {line}: no rule of this test is about it")
            if isinstance(how, str) or line in tried:
                elsewhere.add(line)
                continue
            words = words_of(line)
            if how is BARE:
                words = [*(words[:1]), "--help"] if words and words != ["--help"] else ["--help"]
            else:
                words = how(["protocols", *words[1:]] if words[0] == "protocols" and words[1:] == ["NAME"] else words)
            words = [{"NAME": "2pc" if words[0] in ("protocols", "fuzz") else "aws-3"}.get(word, word) for word in words]
            if words[0] == "init" and len(words) > 1:
                words[1] = f"mine{len(tried)}"  # It overwrites nothing.
            tried[line] = words
            status, out, err = run(words, at)
            if status not in STATUS.get(words[0], (0,)) or "no such option" in err or "Try " in err:
                bad.append(f"{page}: {line}\n  as {' '.join(words)}: status {status}: {(err or out)[-400:]}")
    print(f"{len(tried)} command lines tried, {len(elsewhere - set(tried))} are of other tests")
    print("\n".join(bad))
    sys.exit(1 if bad else 0)


main()
