#!/usr/bin/env python3
"""The dashboards as files: what make.py writes, the rules of Grafana's dashboard-linter, and the house's own.

The rules are written anew from the linter's documentation, by name; a self-test plants a fault for each of them.
"""
import copy
import json
import re
import subprocess
import sys

import yaml

from prom import HOME, check
import make

DASHBOARDS = HOME / "dashboards"
UNITS = {"none", "short", "percentunit", "bytes", "decbytes", "Bps", "pps", "s", "cps", "wps", "bool_yes_no"}
# The linter wants `job` and `instance`; a run's series are told apart by these instead (dashboards/.lint says why).
MATCHERS = ("run",)
NO_QUERY = ("row", "text")
ROWS = {"Verdict", "Latency", "Locks", "Blocking", "Faults and network", "Node health"}


def queried(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] not in NO_QUERY]


def variable(dashboard, name):
    return next((one for one in dashboard["templating"]["list"] if one["name"] == name), {})


def template_datasource(d):
    found = [one for one in d["templating"]["list"] if one["type"] == "datasource"]
    if len(found) != 1 or found[0]["name"] != "datasource" or found[0]["query"] != "prometheus" or found[0]["label"] != "Data source":
        yield "one variable `datasource`, of type prometheus, labelled Data source"


def template_required(d):
    for name in ("datasource", "run", "protocol", "region"):
        if not variable(d, name):
            yield f"there is no variable {name}"
    for name in ("protocol", "region"):
        if variable(d, name).get("allValue") != ".*" or not variable(d, name).get("includeAll"):
            yield f"variable {name} cannot be All"


def template_label_promql(d):
    for one in d["templating"]["list"]:
        if one["type"] == "query" and not re.fullmatch(r"label_values\(geocommit_\w+(\{[^}]*\})?, \w+\)", one["query"]["query"]):
            yield f"variable {one['name']} is no label_values() of ours: {one['query']['query']}"


def template_on_time_change(d):
    for one in d["templating"]["list"]:
        if one["type"] == "query" and one["refresh"] != 2:
            yield f"variable {one['name']} does not follow the time range"


def uneditable(d):
    if d["editable"]:
        yield "what is provisioned from files cannot be saved: editable must be false"


def panel_datasource(d):
    for panel in queried(d):
        for one in [panel, *panel["targets"]]:
            if one.get("datasource") != {"type": "prometheus", "uid": "${datasource}"}:
                yield f"{panel['title']}: not the variable's data source"


def panel_title_description(d):
    for panel in queried(d):
        if not panel.get("title") or len(panel.get("description", "")) < 10:
            yield f"panel {panel['id']} ({panel.get('title')}) has no title or no description"


def panel_units(d):
    for panel in queried(d):
        if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            yield f"{panel['title']}: no unit, or not one that is used here: {panel['fieldConfig']['defaults'].get('unit')}"


def panel_no_targets(d):
    for panel in queried(d):
        if not panel.get("targets"):
            yield f"{panel['title']}: no query"


def target_matchers(d):
    for panel, target in targets(d):
        for selector in re.findall(r"\w+\{([^}]*)\}", target["expr"]):
            for label in MATCHERS:
                if f'{label}=~"${label}"' not in selector:
                    yield f"{panel['title']}: {{{selector}}} has no matcher for {label}"


def target_rate_interval(d):
    for panel, target in targets(d):
        for function, window in re.findall(r"\b(rate|irate)\([^\[\]]*\[([^\]]*)\]", target["expr"]):
            if window != "$__rate_interval":
                yield f"{panel['title']}: {function} over [{window}]"


def target_counter_agg(d):
    for panel, target in targets(d):
        for match in re.finditer(r"(\w+_total)\b", target["expr"]):
            if not re.search(r"\b(rate|irate|increase)\($", target["expr"][:match.start()]):
                yield f"{panel['title']}: the counter {match.group(1)} is not in a rate, irate or increase"


def target_histogram(d):
    for panel, target in targets(d):
        if "histogram_quantile" in target["expr"] and not re.search(r"sum by \(le\b", target["expr"]):
            yield f"{panel['title']}: a quantile of buckets that are not summed by le"


def targets(d):
    return [(panel, target) for panel in queried(d) for target in panel["targets"]]


LINTER = {"template-datasource-rule": template_datasource, "template-required-variables-rule": template_required,
          "template-label-promql-rule": template_label_promql, "template-on-time-change-reload-rule": template_on_time_change,
          "uneditable-dashboard-rule": uneditable, "panel-datasource-rule": panel_datasource,
          "panel-title-description-rule": panel_title_description, "panel-units-rule": panel_units, "panel-no-targets-rule": panel_no_targets,
          "target-required-matchers-rule": target_matchers, "target-rate-interval-rule": target_rate_interval,
          "target-counter-agg-rule": target_counter_agg, "target-histogram-rule": target_histogram}


# ---- the house's own

def known_metrics():
    text = (HOME / "docs" / "METRICS.md").read_text()
    names = set(re.findall(r"geocommit_\w+", text))
    for base, rest in re.findall(r"`(geocommit_\w+?)_\w+_total`((?:, `_\w+_total`)+)", text):
        names |= {base + part for part in re.findall(r"`(_\w+_total)`", rest)}
    return names


def metrics_are_documented(d):
    known = known_metrics() | {"geocommit_transport_items_total", "geocommit_transport_bytes_total"}
    for panel, target in targets(d):
        for name in re.findall(r"\bgeocommit_\w+", target["expr"]):
            if re.sub(r"_(bucket|sum|count)$", "", name) not in known and name not in known:
                yield f"{panel['title']}: {name} is not in docs/METRICS.md"


def variables_exist(d):
    defined = {one["name"] for one in d["templating"]["list"]}
    text = json.dumps(d)
    for name in set(re.findall(r"\$\{?([a-zA-Z]\w*)", text)):
        if name not in defined:
            yield f"${name} is used and not defined"


def layout(d):
    taken = {}
    for panel in d["panels"]:
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24:
            yield f"{panel['title']}: wider than the page"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    yield f"{panel['title']} lies on {taken[x, y]}"
                    return
                taken[x, y] = panel["title"]
    if len({panel["id"] for panel in d["panels"]}) != len(d["panels"]):
        yield "two panels have the same id"


def links_and_faults(d):
    for panel in queried(d):
        if not any(link["url"] == "${docs}/METRICS.md" for link in panel["links"]):
            yield f"{panel['title']}: no link to docs/METRICS.md"
    faults = [one for one in d["annotations"]["list"] if "geocommit_fault_active" in json.dumps(one)]
    if len(faults) != 1 or not faults[0]["enable"]:
        yield "faults are not annotated"
    if not any("ROW" not in title and title in ROWS for title in (panel["title"] for panel in d["panels"] if panel["type"] == "row")):
        yield "no rows"


OWN = {"documented metrics": metrics_are_documented, "defined variables": variables_exist, "layout": layout, "links": links_and_faults}


def faults_of(dashboard):
    return [f"{dashboard['uid']}: {name}: {why}" for name, rule in (LINTER | OWN).items() for why in rule(dashboard)]


def self_test(good):
    """Each rule must find what is planted for it."""
    def plant(change):
        bad = copy.deepcopy(good)
        change(bad)
        return "\n".join(faults_of(bad))
    panel = next(i for i, one in enumerate(good["panels"]) if one["type"] == "timeseries")

    def expression(text):
        return lambda d: d["panels"][panel]["targets"][0].update(expr=text)
    cases = {
        "template-datasource-rule": lambda d: variable(d, "datasource").update(label="x"),
        "template-required-variables-rule": lambda d: variable(d, "region").update(name="area"),
        "template-label-promql-rule": lambda d: variable(d, "run")["query"].update(query="label_values(run"),
        "template-on-time-change-reload-rule": lambda d: variable(d, "run").update(refresh=1),
        "uneditable-dashboard-rule": lambda d: d.update(editable=True),
        "panel-datasource-rule": lambda d: d["panels"][panel].update(datasource={"type": "prometheus", "uid": "abc"}),
        "panel-title-description-rule": lambda d: d["panels"][panel].update(description=""),
        "panel-units-rule": lambda d: d["panels"][panel]["fieldConfig"]["defaults"].update(unit="parsec"),
        "panel-no-targets-rule": lambda d: d["panels"][panel].update(targets=[]),
        "target-required-matchers-rule": expression('sum(geocommit_locks_held{region="a"})'),
        "target-rate-interval-rule": expression('rate(geocommit_messages_total{run=~"$run"}[5m])'),
        "target-counter-agg-rule": expression('sum(geocommit_messages_total{run=~"$run"})'),
        "target-histogram-rule": expression('histogram_quantile(0.9, rate(geocommit_staleness_seconds_bucket{run=~"$run"}[$__rate_interval]))'),
        "documented metrics": expression('sum(geocommit_no_such{run=~"$run"})'),
        "defined variables": expression('sum(geocommit_locks_held{run=~"$run", region="$area"})'),
        "layout": lambda d: d["panels"][panel]["gridPos"].update(y=d["panels"][panel + 1]["gridPos"]["y"], x=d["panels"][panel + 1]["gridPos"]["x"]),
        "links": lambda d: d["panels"][panel].update(links=[]),
    }
    check(set(cases) == set(LINTER | OWN), "a rule without a planted fault")
    for name, change in cases.items():
        check(name in plant(change), f"self-test: {name} did not find what was planted")


def provisioning():
    source = yaml.safe_load((DASHBOARDS / "provisioning" / "datasources" / "geocommit.yaml").read_text())["datasources"][0]
    check(source["type"] == "prometheus" and source["jsonData"]["timeInterval"] == "1s", "the data source does not know the scrape interval")
    provider = yaml.safe_load((DASHBOARDS / "provisioning" / "dashboards" / "geocommit.yaml").read_text())["providers"][0]
    compose = yaml.safe_load((DASHBOARDS / "compose.yaml").read_text())
    mounts = [mount.split(":") for mount in compose["services"]["grafana"]["volumes"]]
    check(any(inside == provider["options"]["path"] and (DASHBOARDS / outside).is_dir() for outside, inside, *_ in mounts),
          f"nothing is mounted at {provider['options']['path']}")
    for name, service in compose["services"].items():
        check(re.search(r":v?\d+\.\d+\.\d+$", service["image"]), f"{name}: not a pinned version: {service['image']}")
    from panels import GRAFANA
    check(compose["services"]["grafana"]["image"] == f"grafana/grafana:{GRAFANA}", "compose.yaml starts another Grafana than the JSON is made for")
    package = json.loads((DASHBOARDS / "draw" / "package.json").read_text())
    for name in ("@grafana/schema", "@grafana/ui", "@grafana/data"):
        check(package["dependencies"][name] == GRAFANA, f"draw/package.json: another version of {name}")


def main():
    done = subprocess.run([sys.executable, DASHBOARDS / "make.py", "--check"], capture_output=True, text=True, check=False)
    check(done.returncode == 0, done.stdout + done.stderr)
    files = sorted((DASHBOARDS / "grafana").glob("*.json"))
    check([file.stem for file in files] == ["compare", "node", "partition", "run"], f"dashboards: {files}")
    dashboards = [json.loads(file.read_text()) for file in files]
    found = [fault for dashboard in dashboards for fault in faults_of(dashboard)]
    check(not found, "\n".join(found))
    check(len({one["uid"] for one in dashboards}) == 4, "uids")
    run = dashboards[3]
    check([panel["title"] for panel in run["panels"] if panel["type"] == "row"] ==
          ["Verdict", "Latency", "Locks", "Blocking", "Faults and network", "Node health"], "the rows of Run")
    for dashboard in dashboards:
        self_test(dashboard)
    provisioning()
    print(f"{len(files)} dashboards, {sum(len(targets(d)) for d in dashboards)} expressions, {len(LINTER | OWN)} rules")


if __name__ == "__main__":
    sys.exit(main())
