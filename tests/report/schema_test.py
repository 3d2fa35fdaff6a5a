#!/usr/bin/env python3
"""The schemas accept every shipped file and refuse wrong ones; what they refuse, the strict reader refuses too.

Usage: schema_test.py GEOCOMMIT-REPORT GEOCOMMIT-RUNNER SOURCE-FOLDER
Skipped (77) without python3-jsonschema and python3-yaml.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing} (scripts/install-deps --tests)")
    sys.exit(77)

REPORT, RUNNER, SOURCE = (pathlib.Path(p) for p in sys.argv[1:4])


class Loader(yaml.SafeLoader):
    """YAML 1.2 as the program and editors read it: `on` is a word, a date is text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", __import__("re").compile("^(true|false)$"), list("tf"))

BASE = "name: t\ntopology: aws-3\nprotocols: [2pc]\n"
WRONG_EXPERIMENTS = {
    "no name": "topology: aws-3\nprotocols: [2pc]\n",
    "unknown key": BASE + "durration: 5s\n",
    "unknown key inside": BASE + "workload: {rats: 50/s}\n",
    "unknown protocol": "name: t\ntopology: aws-3\nprotocols: [4pc]\n",
    "protocol twice": "name: t\ntopology: aws-3\nprotocols: [2pc, 2pc]\n",
    "no protocols": "name: t\ntopology: aws-3\nprotocols: []\n",
    "a name with a space": "name: a b\ntopology: aws-3\nprotocols: [2pc]\n",
    "duration without unit": BASE + "duration: 5\n",
    "rate without unit": BASE + "workload: {rate: 50}\n",
    "too many sites": BASE + "data: {sites_per_region: 65}\n",
    "share above one": BASE + "workload: {local: 1.5}\n",
    "locking": BASE + "locking: wait-die\n",
    "durability": BASE + "durability: fixed(2)\n",
    "timeouts": BASE + "timeouts: {vote: soon}\n",
    "repetitions": BASE + "repetitions: 0\n",
    "sweep without a list": BASE + "sweep: {workload.rate: 50/s}\n",
    "emulation": BASE + "emulation: docker\n",
    "a fault of no kind": BASE + "faults: [{at: 1s, for: 1s}]\n",
    "a fault of two kinds": BASE + "faults: [{at: 1s, for: 1s, crash: agent@us-east-1, pause: agent@us-east-1}]\n",
    "a fault without a time": BASE + "faults: [{for: 1s, crash: agent@us-east-1}]\n",
    "a partition of one group": BASE + "faults: [{at: 1s, for: 1s, partition: [[us-east-1]]}]\n",
    "an unknown class": BASE + "faults: [{at: 1s, for: 1s, drop: {from: us-east-1, to: eu-west-1, kinds: [gossip]}}]\n",
    "disk both ways": BASE + "faults: [{at: 1s, for: 1s, disk: {node: agent@us-east-1, stall: true, fail: sync}}]\n",
    "faults and scenarios": BASE + "faults: []\nscenarios: {a: []}\n",
    "trace": BASE + "trace: {sample: 200%}\n",
    "a threshold without a relation": BASE + "thresholds: {all: {blocked: '0'}}\n",
    "a threshold with a unit": BASE + "thresholds: {all: {client_p99_ms: '< 4ms'}}\n",
    "a threshold of no figure": BASE + "thresholds: {all: {speed: '< 4'}}\n",
    "deployed without nodes": BASE + "deployed: {}\n",
}
WRONG_TOPOLOGIES = {
    "no regions": "name: t\n",
    "unknown key": "name: t\nregions: [a]\nlatency: 5\n",
    "rtt as text": "name: t\nregions: [a, b]\nrtt: {a: {b: near}}\n",
    "negative rtt": "name: t\nregions: [a, b]\nrtt: {a: {b: -5}}\n",
    "source without date": "name: t\nregions: [a]\nsource: {statistic: p50, text: x}\n",
    "link without to": "name: t\nregions: [a]\nlinks: [{from: a}]\n",
    "distribution": "name: t\nregions: [a]\ndefaults: {distribution: gauss}\n",
    "rate": "name: t\nregions: [a]\ndefaults: {rate: 10}\n",
    "datacenters as text": "name: t\nregions: {a: {datacenters: az1}}\n",
}
RIGHT_EXPERIMENTS = {
    "thresholds": BASE + "thresholds: {all: {blocked: == 0, lost: '<=2.5'}, 2pc: {commit_p99_ms: '> -1e3'}}\n",
    "every fault": BASE + """faults:
  - {at: 5s, for: 10s, partition: [[us-east-1], rest]}
  - {at: 5s, for: 10s, cut: {from: us-east-1, to: eu-west-1}}
  - {at: 5s, for: 10s, drop: {from: us-east-1, to: [eu-west-1], kinds: [decision]}}
  - {at: 5s, for: 10s, link: {between: [us-east-1, eu-west-1], delay: +100ms, jitter: 20ms, loss: 2%, rate: 10mbit}}
  - {at: 5s, for: forever, crash: coordinator@us-east-1, lose_unsynced: true}
  - {on: votes-collected, node: coordinator@us-east-1, occurrence: every, crash: true, for: 5s}
  - {at: 3s, for: 3s, pause: agent@eu-west-1}
  - {at: 3s, for: 3s, disk: {node: agent@eu-west-1, fail: sync}}
  - {at: 3s, clock: {node: agent@eu-west-1, step: -1h}}
  - {every: 20s, for: 5s, random: [partition, crash, pause], seed: 7}
""",
    "shares and lists": BASE + "workload: {local: 80%, reads: 0.1, keys: 'hotspot(keys=1%, share=90%)', origins: [us-east-1]}\ntrace: off\nsweep: {workload.rate: [50/s, 100/s]}\n",
}


def schema(name):
    text = subprocess.run([REPORT, "schema", name], check=True, capture_output=True, text=True).stdout
    loaded = json.loads(text)
    jsonschema.Draft7Validator.check_schema(loaded)
    return jsonschema.Draft7Validator(loaded)


def faults_of(validator, text):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(yaml.load(text, Loader))]


def reader_refuses(kind, text):
    with tempfile.TemporaryDirectory(prefix="geocommit-schema-") as folder:
        path = pathlib.Path(folder) / "t.yaml"
        path.write_text(text)
        words = ["validate", path] if kind == "experiment" else ["topology", path]
        done = subprocess.run([RUNNER, *words], capture_output=True, text=True, cwd=SOURCE)
        return done.returncode != 0, done.stderr


def main():
    bad = []
    for kind, folder, wrong, right in (("experiment", "experiments", WRONG_EXPERIMENTS, RIGHT_EXPERIMENTS), ("topology", "topologies", WRONG_TOPOLOGIES, {})):
        validator = schema(kind)
        shipped = sorted((SOURCE / folder).glob("*.yaml"))
        if len(shipped) < 4:
            bad.append(f"only {len(shipped)} files in {folder}/")
        for path in shipped:
            bad += [f"{path.name}: {fault}" for fault in faults_of(validator, path.read_text())]
        for name, text in right.items():
            bad += [f"{name}: {fault}" for fault in faults_of(validator, text)]
            refused, why = reader_refuses(kind, text)
            if refused:
                bad.append(f"{name}: the reader refuses it: {why}")
        for name, text in wrong.items():
            if not faults_of(validator, text):
                bad.append(f"{kind}, {name}: the schema accepts it")
            if not reader_refuses(kind, text)[0]:
                bad.append(f"{kind}, {name}: the reader accepts it")
    print("\n".join(bad) or "ok")
    sys.exit(1 if bad else 0)


main()
