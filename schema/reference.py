"""Writes the reference pages of the two file formats from their schemas: every key, its values, default and meaning.

Usage: python3 schema/reference.py [--check]

  --check   write nothing; exit 1 and show the difference where a page is not what the schemas say

docs/experiment-keys.md from experiment.schema.json, docs/topology-format.md from topology.schema.json. A key without a meaning is an error.
"""
import difflib
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WRITTEN = "<!-- Written by schema/reference.py from schema/%s: change that, and run it. -->\n"
LINKED = ("name", "duration", "fraction", "bit_rate", "timeout", "node", "place", "places", "bound")  # Kinds of values, with a line of their own.

EXPERIMENT = """# Experiment files: every key

An experiment is a YAML file. What is left out has its default; a key that is unknown, stands twice or has a wrong value is an error with line, column and
remedy: `./geocommit validate FILE`. `./geocommit init` writes a file to begin with, `./geocommit schema experiment` prints the schema for editors.
`--set KEY=VALUE` overrides any key of the command line, dotted: `--set workload.rate=100/s`. How topologies are written: [topology-format.md](topology-format.md); what faults do:
[faults.md](faults.md); words: [GLOSSARY.md](GLOSSARY.md).
"""
TOPOLOGY = """# Topology files: every key

A topology says which regions there are, and how far apart. `./geocommit list` shows the shipped ones, `./geocommit topology NAME` prints one; an
experiment names one of them, or a file of yours: `topology: my-regions.yaml`. `./geocommit schema topology` prints the schema for editors.

```yaml
name: two-sites
source: {statistic: p50 of a week, date: "2026-05", text: our own ping}
regions: [frankfurt, virginia]
rtt:                                # milliseconds; one way is half
  frankfurt: {virginia: 88.5}
links:                              # where one direction is worse
  - {from: virginia, to: frankfurt, delay: 50ms, jitter: 1ms, loss: 0.1%}
```

"""


def code(value):
    return f"`{value}`"


def plain(value):
    """A default as one writes it in YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {plain(v)}" for k, v in value.items()) + "}"
    return "[]" if value == [] else str(value).lower() if isinstance(value, bool) else str(value)


def values(schema):
    """What may be written: one cell of a table."""
    for key in ("anyOf", "oneOf"):
        if key in schema and "properties" not in schema:
            return " or ".join(text for text in (values(one) for one in schema[key]) if text)
    if "allOf" in schema:
        return values(schema["allOf"][0])
    if "$ref" in schema:
        name = schema["$ref"].split("/")[-1]
        return f"[{name.replace('_', ' ')}](#values)" if name in LINKED else name.replace("_", " ")
    if "enum" in schema:
        return " \\| ".join(code(one) for one in schema["enum"])
    if "const" in schema:
        return code(plain(schema["const"]))
    kind = schema.get("type")
    if kind in ("integer", "number") and "maximum" in schema:
        return f"{schema['minimum']:,} to {schema['maximum']:,}"
    if kind == "array":
        return "list of " + values(schema["items"])
    if "examples" in schema:
        return ", ".join(code(one) for one in schema["examples"])
    return {"object": "map", "boolean": "`true` \\| `false`", "null": ""}.get(kind, "text")


def row(key, schema, required):
    if "description" not in schema:
        sys.exit(f"{key}: no description in the schema")
    default = "required" if key in required else code(plain(schema["default"])) if "default" in schema else ""
    return f"| `{key}` | {values(schema)} | {default} | {schema['description'].replace('|', chr(92) + '|')} |\n"


def table(schema):
    out = "\n| key | value | default | meaning |\n|---|---|---|---|\n"
    return out + "".join(row(key, one, schema.get("required", ())) for key, one in schema["properties"].items())


def sections(schema, title, level=2):
    """A table of `schema`'s keys, then one of each key that is a map with keys of its own."""
    out = table(schema)
    for key, one in schema["properties"].items():
        if "properties" in one:
            name = f"{title}.{key}" if title else key
            out += f"\n{'#' * level} `{name}`\n\n{one['description']}.\n" + sections(one, name, level)
    return out


def kinds(schema):
    out = "\n## Values\n\n| kind | as one writes it |\n|---|---|\n"
    return out + "".join(f"| {name.replace('_', ' ')} | {one['description']} |\n" for name, one in schema["definitions"].items() if name in LINKED)


def pages():
    experiment = json.loads((ROOT / "schema/experiment.schema.json").read_text())
    topology = json.loads((ROOT / "schema/topology.schema.json").read_text())
    parts = experiment["definitions"]
    text = EXPERIMENT + "\n## Top level\n" + sections(experiment, "")
    text += "\n## An entry of `faults`\n\nWhen (`at`, or `on` a protocol point), how long (`for`), and exactly one thing that breaks.\n"
    text += sections(parts["fault"], "faults[]", 3)
    text += "\n## An entry of `thresholds`\n\nFigures of one protocol, or of all.\n" + table(parts["thresholds"])
    text += "\n## `trace`\n\nOff, or a map.\n" + table(parts["trace"])
    text += "\n## An entry of `deployed.nodes`\n" + table(parts["addresses"]) + kinds(experiment)
    yield ROOT / "docs/experiment-keys.md", WRITTEN % "experiment.schema.json" + text
    text = TOPOLOGY + "## Top level\n" + sections(topology, "")
    text += "\n## An entry of `links`\n" + table(topology["definitions"]["link"]) + kinds(topology)
    yield ROOT / "docs/topology-format.md", WRITTEN % "topology.schema.json" + text


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    differs = False
    for path, text in pages():
        before = path.read_text() if path.exists() else ""
        if not check:
            path.write_text(text)
        elif before != text:
            differs = True
            print("\n".join(difflib.unified_diff(before.splitlines(), text.splitlines(), str(path), "from the schema", lineterm="", n=0)))
    if differs:
        sys.exit("run python3 schema/reference.py")


main()
