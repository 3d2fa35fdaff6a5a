"""The look of geocommit's dashboards: panels, queries and variables, one way each. Used by make.py."""

GRAFANA = "12.3.1"  # what the JSON is made for, type-checked against and pinned to in compose.yaml
SECONDS = "s"
COMMIT = 'outcome="commit"'
COMMIT_OR_READ = 'outcome=~"commit|undecided"'  # a participant that only read is out of it before there is an outcome
ABORT = 'outcome="abort"'
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Where docs/METRICS.md is on the web differs from fork to fork: a variable, set once (provisioning, or the URL's ?var-docs=).
DOCS = "${docs}/METRICS.md"
DOCS_DEFAULT = "/public/geocommit/docs"  # where compose.yaml mounts docs/
# By index: Prometheus sorts by labels, so a protocol has the same colour in every panel that is split alike.
PALETTE_MODE = {"mode": "palette-classic"}


# ---- queries

def select(metric, labels="", region=True):
    """A selector with the dashboard's variables."""
    matchers = ['run=~"$run"', 'cell=~"$cell"', 'protocol=~"$protocol"'] + (['region=~"$region"', "$NODE"] if region else [])
    return metric + "{" + ", ".join(matchers + ([labels] if labels else [])) + "}"


def rate(metric, labels=""):
    return f"rate({select(metric, labels)}[$__rate_interval])"


def sum_by(labels, expression):
    return f"sum by ({labels}) ({expression})"


def quantiles(q, metric, labels, by):
    return f"histogram_quantile({q}, sum by (le, {by}) ({rate(metric + '_bucket', labels)}))"


def total(metric, labels="", by="protocol"):
    return f"sum by ({by}) (increase({select(metric, labels)}[$__range]))"


def by_outcome(*outcomes):
    return f'outcome=~"{"|".join(outcomes)}"'


# ---- panels

def thresholds(**steps):
    """thresholds(green=None, red=10): green from the start, red from 10 on."""
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for colour, value in steps.items()]}


def row(title):
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "w": 24, "h": 1}


def _docs_link(title):
    return {"type": "link", "title": title, "url": DOCS, "tags": [], "asDropdown": False, "includeVars": False, "keepTime": False,
            "targetBlank": True, "icon": "doc", "tooltip": "docs/METRICS.md: what each metric measures, from when to when"}


def _panel(kind, title, description, targets, unit, width, height, steps=None, empty_is_fine=False, instant=False):
    return {
        "type": kind, "title": title, "description": description, "datasource": DATASOURCE, "w": width, "h": height,
        "targets": [{"refId": ref, "datasource": DATASOURCE, "expr": expression, "legendFormat": legend, "editorMode": "code",
                     "instant": instant, "range": not instant} for ref, expression, legend in targets],
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "color": PALETTE_MODE, "thresholds": steps or thresholds(green=None),
                                     "mappings": [], "custom": {}}, "overrides": []},
        "links": [_docs_link("What the metric means")],
        # For tests: whether a run without that trouble has nothing to show here. Grafana shows the text of noValue then.
        **({"empty_is_fine": True} if empty_is_fine else {}),
    }


def timeseries(title, description, targets, unit, width=12, height=8, stack=False, steps=None, empty_is_fine=False):
    panel = _panel("timeseries", title, description, targets, unit, width, height, steps, empty_is_fine)
    panel["fieldConfig"]["defaults"]["custom"] = {
        "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 30 if stack else 8, "gradientMode": "none",
        "showPoints": "never", "spanNulls": False, "axisPlacement": "auto", "axisBorderShow": False, "scaleDistribution": {"type": "linear"},
        "stacking": {"mode": "normal" if stack else "none", "group": "A"}, "thresholdsStyle": {"mode": "dashed" if steps else "off"},
    }
    if empty_is_fine:
        panel["fieldConfig"]["defaults"]["noValue"] = "none in this time"
    panel["options"] = {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max"]},
                        "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel


def stat(title, description, targets, unit, width=4, height=5, steps=None, text="auto", colours=None):
    panel = _panel("stat", title, description, targets, unit, width, height, steps, instant=True)
    panel["fieldConfig"]["defaults"]["color"] = {"mode": "thresholds"}
    panel["fieldConfig"]["defaults"]["noValue"] = "-"
    for pattern, colour in (colours or {}).items():
        panel["fieldConfig"]["overrides"].append({
            "matcher": {"id": "byRegexp", "options": f"/^{pattern}$/"},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}]})
    panel["options"] = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "orientation": "auto", "textMode": text,
                        "wideLayout": True, "colorMode": "background", "graphMode": "none", "justifyMode": "auto",
                        "showPercentChange": False, "percentChangeColorMode": "standard"}
    return panel


def bars(title, description, targets, unit, width=6, height=6, steps=None, empty_is_fine=False):
    panel = _panel("bargauge", title, description, targets, unit, width, height, steps, empty_is_fine, instant=True)
    panel["fieldConfig"]["defaults"]["noValue"] = "-"
    if steps:
        panel["fieldConfig"]["defaults"]["color"] = {"mode": "thresholds"}
    panel["options"] = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "orientation": "horizontal",
                        "displayMode": "basic", "valueMode": "text", "namePlacement": "auto", "showUnfilled": True, "sizing": "auto",
                        "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
                        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []}}
    return panel


def heatmap(title, description, expression, width=12, height=8):
    panel = _panel("heatmap", title, description, [("A", expression, "{{le}}")], SECONDS, width, height)
    panel["targets"][0]["format"] = "heatmap"
    panel["fieldConfig"]["defaults"]["custom"] = {"hideFrom": {"legend": False, "tooltip": False, "viz": False},
                                                  "scaleDistribution": {"type": "linear"}}
    panel["options"] = {
        "calculate": False, "cellGap": 1, "cellValues": {"unit": "cps"},
        "color": {"mode": "scheme", "scheme": "Viridis", "steps": 64, "exponent": 0.5, "fill": "dark-orange", "reverse": False},
        "exemplars": {"color": "rgba(255,0,255,0.7)"}, "filterValues": {"le": 1e-9}, "legend": {"show": True},
        "rowsFrame": {"layout": "auto"}, "showValue": "never", "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": "s"}}
    return panel


def states(title, description, targets, width=24, height=5, up=False):
    panel = _panel("state-timeline", title, description, targets, "none", width, height, empty_is_fine=not up)
    bad, good = {"text": "down" if up else "active", "color": "red"}, {"text": "up" if up else "-", "color": "green" if up else "transparent"}
    first, second = (bad, good) if up else (good, bad)
    panel["fieldConfig"]["defaults"].update({
        "mappings": [{"type": "value", "options": {"0": {**first, "index": 0}, "1": {**second, "index": 1}}}],
        "color": {"mode": "thresholds"}, "noValue": "no fault was planned", "custom": {"lineWidth": 0, "fillOpacity": 80}})
    panel["options"] = {"showValue": "never", "rowHeight": 0.85, "mergeValues": True, "alignValue": "left",
                        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                        "tooltip": {"mode": "single", "sort": "none"}}
    return panel


def table(title, description, targets, width=24, height=8):
    panel = _panel("table", title, description, targets, "short", width, height, instant=True)
    for target in panel["targets"]:
        target["format"] = "table"
    panel["fieldConfig"]["defaults"]["custom"] = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}
    names = {f"Value #{ref}": legend for ref, _, legend in targets}
    panel["transformations"] = [{"id": "merge", "options": {}},
                                {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": names, "indexByName": {}}}]
    panel["options"] = {"showHeader": True, "cellHeight": "sm", "frameIndex": 0}
    return panel


# ---- dashboards

def _query_variable(name, label, query, multi, hide=0):
    return {"type": "query", "name": name, "label": label, "datasource": DATASOURCE, "hide": hide,
            "query": {"query": query, "refId": f"variable-{name}", "qryType": 1}, "refresh": 2, "regex": "", "sort": 1, "multi": multi,
            "includeAll": multi, **({"allValue": ".*"} if multi else {}), "skipUrlSync": False, "options": [],
            **({"current": {"text": ["All"], "value": ["$__all"]}} if multi else {})}


class Dashboard:
    def __init__(self, uid, title, description, node=False):
        self.uid, self.title, self.description, self.node = uid, title, description, node
        self.panels = []
        self.may_be_empty = set()  # ids of panels that a run without that trouble leaves empty; for the tests
        self.y = 0

    def add(self, title, *panels):
        """A row and its panels, laid out from left to right."""
        x, tallest = 0, 0
        self._place(title, 0)
        self.y += 1
        for panel in panels:
            if x + panel["w"] > 24:
                x, self.y, tallest = 0, self.y + tallest, 0
            self._place(panel, x)
            x, tallest = x + panel["w"], max(tallest, panel["h"])
        self.y += tallest

    def _place(self, panel, x):
        if panel.get("empty_is_fine"):
            self.may_be_empty.add(len(self.panels) + 1)
        panel = {key: value for key, value in panel.items() if key not in ("w", "h", "empty_is_fine")} | {
            "id": len(self.panels) + 1, "gridPos": {"x": x, "y": self.y, "w": panel["w"], "h": panel["h"]}}
        for target in panel.get("targets", []):
            target["expr"] = target["expr"].replace(", $NODE", ', node=~"$node"' if self.node else "")
        self.panels.append(panel)

    def variables(self):
        of_run = 'geocommit_client_offered_total{run=~"$run"}'
        out = [{"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "hide": 0, "includeAll": False,
                "multi": False, "options": [], "refresh": 1, "regex": "", "skipUrlSync": False},
               _query_variable("run", "Run", "label_values(geocommit_client_offered_total, run)", False),
               _query_variable("protocol", "Protocol", f"label_values({of_run}, protocol)", True),
               _query_variable("cell", "Cell", f"label_values({of_run}, cell)", True),
               _query_variable("region", "Region", 'label_values(geocommit_blocked_transactions{run=~"$run"}, region)', True)]
        out.append({"type": "constant", "name": "docs", "label": "Where docs/ is", "query": DOCS_DEFAULT, "hide": 2, "skipUrlSync": False,
                    "current": {"text": DOCS_DEFAULT, "value": DOCS_DEFAULT}, "options": []})
        if self.node:
            out.append(_query_variable("node", "Node", 'label_values(geocommit_forced_writes_total{run=~"$run", region=~"$region"}, node)', True))
        return out

    def to_json(self):
        fault = {"name": "Faults", "datasource": DATASOURCE, "enable": True, "hide": False, "iconColor": "red",
                 "target": {"refId": "Anno", "interval": "1s",
                            "expr": 'geocommit_fault_active{run=~"$run", cell=~"$cell", protocol=~"$protocol"} == 1'},
                 "titleFormat": "{{fault}}", "textFormat": "{{target}}", "tagKeys": "fault,cell", "useValueForTime": False}
        builtin = {"builtIn": 1, "name": "Annotations & Alerts", "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "enable": True,
                   "hide": True, "iconColor": "rgba(0, 211, 255, 1)", "type": "dashboard"}
        others = {"type": "dashboards", "title": "geocommit", "tags": ["geocommit"], "asDropdown": True, "includeVars": True, "keepTime": True,
                  "targetBlank": False, "icon": "external link", "tooltip": "", "url": ""}
        docs = _docs_link("Metrics")
        return {"uid": self.uid, "title": self.title, "description": self.description, "tags": ["geocommit"], "schemaVersion": 42, "version": 1,
                "editable": False, "graphTooltip": 1, "timezone": "utc", "refresh": "5s", "time": {"from": "now-15m", "to": "now"},
                "timepicker": {"refresh_intervals": ["1s", "5s", "10s", "1m"]}, "fiscalYearStartMonth": 0, "weekStart": "", "links": [others, docs],
                "annotations": {"list": [builtin, fault]}, "templating": {"list": self.variables()}, "panels": self.panels}
