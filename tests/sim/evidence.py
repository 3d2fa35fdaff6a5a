#!/usr/bin/env python3
"""`check` never passes a results folder with less evidence than the run left: every file is deleted, emptied, cut (also
between two records) and replaced by another node's and another run's, one at a time.

Usage: tests/sim/evidence.py GEOCOMMIT-SIM
"""
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

EXPERIMENT = """name: small
topology: lan
emulation: sim
protocols: [2pc, home-region]
data: {sites_per_region: 1, keys_per_participant: 50}
workload: {participants: 2, arrival: fixed, rate: 20/s, local: 0.5}
durability: fixed(1ms)
warmup: 0s
duration: 1s
"""
# What the verdict reads, and what `check` needs to find it. Whatever else is in the folder is for people.
EVIDENCE = {".seg", "outcomes.bin", "balances.bin", "evidence.json", "summary.json", "experiment.yaml"}


def is_evidence(path):
    return path.name in EVIDENCE or path.suffix in EVIDENCE


def run(program, place, name, seed):
    file = place / "small.yaml"
    file.write_text(EXPERIMENT)
    results = place / name
    subprocess.run([program, file, "--logs", "--quiet", "--seed", str(seed), "--output", results], check=True,
                   stdout=subprocess.DEVNULL)
    return results


def judge(program, results):
    done = subprocess.run([program, "check", results], text=True, capture_output=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


def records_of(path, content):
    """Where each of its records ends."""
    ends = []
    at = 64 if path.suffix == ".seg" else 16
    while path.suffix == ".seg" and content[at:at + 4] == b"GCR1":
        at += 32 + struct.unpack_from("<I", content, at + 8)[0]
        ends.append(at)
    while path.name == "outcomes.bin" and at + 6 <= len(content):
        at += 6 + struct.unpack_from("<H", content, at)[0]
        ends.append(at)
    return ends


def damages(path, content, ends):
    yield "deleted", None
    yield "emptied", b""
    yield "without its last byte", content.rstrip(b"\n")[:-1]
    yield "cut in half", content[:len(content) // 2]
    # Of the summary only what says which evidence belongs to it is evidence itself; its figures are not.
    at = re.search(rb'"evidence":\s*"', content).end() if path.name == "summary.json" else len(content) // 2
    yield "with one bit changed", content[:at] + bytes([content[at] ^ 1]) + content[at + 1:]
    if path.suffix == ".seg" or path.name == "outcomes.bin":
        yield "without a record", content[:64 if path.suffix == ".seg" else 16]
    for which in sorted({0, len(ends) // 2, len(ends) - 2} & set(range(len(ends) - 1))):
        yield f"cut behind record {which + 1} of {len(ends)}", content[:ends[which]]
        if path.suffix == ".seg":  # As a file that is reserved and never written to.
            yield f"zeros behind record {which + 1}", content[:ends[which]].ljust(len(content), b"\0")


def main():
    program = sys.argv[1]
    place = pathlib.Path(tempfile.mkdtemp(prefix="geocommit-evidence-"))
    try:
        results, other = run(program, place, "results", 1), run(program, place, "other", 2)
        again = run(program, place, "again", 1)
        files = sorted(p for p in results.rglob("*") if p.is_file())
        assert [p.relative_to(results) for p in files] == sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
        for same in files:  # The same run leaves the same bytes, its seals too.
            assert same.read_bytes() == (again / same.relative_to(results)).read_bytes(), same
        whole = judge(program, results)
        assert whole[0] == 0, whole
        tried = 0

        def refused(path, how, named=True):
            nonlocal tried
            tried += 1
            status, text = judge(program, results)
            if not is_evidence(path):
                assert (status, text) == whole, f"{path} {how}: {status}\n{text}"
                return
            assert status in ((1, 3) if path.parent == results else (3,)), f"{path} {how}: exit status {status}\n{text}"
            named = named and path.parent != results
            assert not named or str(path) in text or str(path.parent) in text, f"{path} {how}: not named in\n{text}"

        for path in files:
            content = path.read_bytes()
            ends = records_of(path, content)
            for how, changed in damages(path, content, ends):
                if changed == content:
                    continue
                path.unlink(missing_ok=True)
                if changed is not None:
                    path.write_bytes(changed)
                refused(path, how)
            twins = [p for p in files if p.name == path.name and p != path][:3] + [other / path.relative_to(results)]
            for twin in twins:
                if twin.exists() and twin.read_bytes() != content:
                    path.write_bytes(twin.read_bytes())
                    refused(path, f"replaced by {twin}")
            path.write_bytes(content)
        for folder in sorted(p for p in (results / "nodes").rglob("*") if p.is_dir()):
            aside = place / "aside"
            shutil.move(folder, aside)
            status, text = judge(program, results)
            assert status == (3 if any(is_evidence(p) for p in aside.rglob("*")) else 0), f"{folder} is gone: {status}\n{text}"
            shutil.copytree(other / folder.relative_to(results), folder)  # Another run's.
            status, text = judge(program, results)
            assert status == 3 or not any(is_evidence(p) for p in aside.rglob("*")), f"{folder} of another run: {status}\n{text}"
            shutil.rmtree(folder)
            shutil.move(aside, folder)
            tried += 2
        extra = next(p for p in files if p.suffix == ".seg")
        more = extra.with_name("log-00000002.seg")
        shutil.copy(extra, more)
        assert judge(program, results)[0] == 3, "a segment too many"
        more.unlink()
        # Results of a version that wrote no manifest.
        summary = results / "summary.json"
        before = summary.read_text()
        summary.write_text("\n".join(line for line in before.splitlines() if '"evidence":' not in line))
        status, text = judge(program, results)
        assert status == 3 and "older version" in text, text
        # As when a run is judged the first time, with nothing to compare with: what a log proves by itself.
        log = next(p for p in files if p.suffix == ".seg" and "coordinator" in str(p))
        twin = next(p for p in files if p.name == log.name and p.parent.name != log.parent.name)
        content = log.read_bytes()
        first = records_of(log, content)[0]
        reborn = content[:64] + content[first:]
        for changed, why in ((None, "holds no log"), (b"", str(log)), (content[:64], "holds no log"),
                             (twin.read_bytes(), "holds the log of node"), (reborn, "log.*incomplete")):
            log.unlink(missing_ok=True)
            if changed is not None:
                log.write_bytes(changed)
            status, text = judge(program, results)
            assert status == 3 and re.search(re.escape(why) if "*" not in why else why, text), f"{why}:\n{text}"
        log.write_bytes(content)
        told = next(p for p in files if p.name == "outcomes.bin")
        for changed, why in ((None, "cannot read"), (told.read_bytes()[:-1], "cut short"), (told.read_bytes()[:16], "no client has written down"),
                             (next(p for p in files if p.name == told.name and p != told).read_bytes(), "of another client")):
            content = told.read_bytes()
            told.unlink()
            if changed is not None:
                told.write_bytes(changed)
            status, text = judge(program, results)
            assert status == 3 and why in text, f"{why}:\n{text}"
            told.write_bytes(content)
        summary.write_text(before)
        assert judge(program, results) == whole
        print(f"{tried} damaged folders, none of them passed")
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
