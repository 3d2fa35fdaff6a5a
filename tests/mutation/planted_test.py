#!/usr/bin/env python3
"""Mutants that tests plant outside of the explorer: a comment above the test says what is planted, and which check catches it.

    // Mutant NAME: what is broken. Caught by: which check.
    TEST_CASE("...") {

Collects them into the second table of docs/mutants.md, and fails if that differs.

Usage: planted_test.py SOURCE-FOLDER [--write]
"""
import pathlib
import re
import sys

SOURCE = pathlib.Path(sys.argv[1])
PAGE = SOURCE / "docs/mutants.md"
HEADING = "## Planted in other tests\n"
INTRODUCTION = """
Each by the test that it names, which asserts that the check catches it. Collected from the tests' comments (`// Mutant NAME: ...
Caught by: ...`) by `tests/mutation/planted_test.py . --write`; a test compares.

| mutant | what is broken | caught by | test |
|---|---|---|---|
"""
MARK = re.compile(r"^// Mutant ([a-z0-9-]+): ((?:.|\n// )*?) Caught by: ((?:.|\n// )*?)\.\n(.*)", re.M)


def rows(problems):
    found = {}
    for path in sorted((SOURCE / "tests").rglob("*.cpp")):
        text = path.read_text()
        place = path.relative_to(SOURCE)
        marks = list(MARK.finditer(text))
        if len(marks) != len(re.findall(r"^// Mutant ", text, re.M)):
            problems.append(f"{place}: a mutant's comment is not of the form '// Mutant NAME: what is broken. Caught by: which check.'")
        for name, broken, check, after in (m.groups() for m in marks):
            if not after.startswith("TEST_CASE("):
                problems.append(f"{place}: no TEST_CASE follows the comment of mutant {name}")
            if name in found:
                problems.append(f"{place}: a second mutant {name}")
            words = [re.sub(r"\s*\n// ", " ", part).strip().rstrip(".") for part in (broken, check)]
            found[name] = f"| {name} | {words[0]} | {words[1]} | {place} |"
    return [found[name] for name in sorted(found)]


def main():
    problems = []
    table = HEADING + INTRODUCTION + "\n".join(rows(problems)) + "\n"
    text = PAGE.read_text()
    first = text.split(HEADING)[0].rstrip() + "\n\n"
    if "--write" in sys.argv:
        PAGE.write_text(first + table)
    elif text != first + table:
        problems.append("docs/mutants.md differs from the tests' comments; run tests/mutation/planted_test.py . --write and review")
    print("\n".join(problems) or "ok")
    sys.exit(1 if problems else 0)


main()
