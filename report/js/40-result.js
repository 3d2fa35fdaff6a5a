// The result: what was found, and the protocols beside each other.

function drawHead() {
  const environment = data.environment || {};
  const facts = [summary.emulation === "sim" ? "simulated: virtual time, modelled network and disk" : "emulation " + summary.emulation,
    "topology " + (Array.isArray(summary.topology) ? summary.topology.join(", ") : summary.topology), "seed " + summary.seed, environment.started, "run " + summary.run_id].filter(Boolean);
  const theme = el("button", {type: "button", class: "theme", onclick: () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    redraw(true);
  }}, "Light / dark");
  document.getElementById("head").append(el("div", {}, el("h1", {}, summary.name), el("div", {class: "soft"}, facts.join(" \u00B7 "))), theme);
  document.title = summary.name + " - geocommit";
}

const worstOf = (list) => list.reduce((a, b) => (["pass", "expected", "unknown", "violation"].indexOf(b.kind) > ["pass", "expected", "unknown", "violation"].indexOf(a.kind) ? b : a));

function drawResult() {
  const badges = protocols.map((protocol) => {
    const verdict = worstOf(groups.filter((g) => g.protocol === protocol).map(verdictOf));
    return el("li", {class: "badge " + verdict.kind}, el("span", {class: "sign", "aria-hidden": "true"}, verdict.sign), protocol + ": " + verdict.word);
  });
  const planned = summary.cells_planned, failures = summary.failures || [];
  const notices = [];
  if (planned > cells.length && data.limits.length === 0) notices.push(`${cells.length} of ${planned} cells got as far as a result.`);
  notices.push(...(summary.insecure || []).map((what) => "insecure: " + what), ...failures, ...cells.filter((c) => c.failure).map((c) => c.cell + ": " + c.failure), ...data.limits);
  section("result", "Found", "What this run found",
    groups.length ? el("ul", {class: "verdicts", "aria-label": "Verdicts"}, badges) : null,
    notices.map((text) => el("p", {class: "notice"}, text)),
    el("div", {class: "opening"}, picture(), el("ul", {class: "findings"}, data.findings.map(finding))));
}

function comparisonTable(point) {
  const here = groupsAt(point);
  const rows = [];
  const cell = (q, mark = "") => valueCell((q.value === null ? "" : mark) + figure(q.value), q.value, q.path);
  const has = (metric) => here.some((g) => quantile(g, metric, "count").value > 0);
  const latency = (label, metric, predicted) => {
    if (!has(metric)) return;
    rows.push([label + " p50, ms", ...here.map((g) => cell(quantile(g, metric, "p50"), atLeast(g, metric)))]);
    if (predicted && here.some((g) => at(cells[g.cells[0]], "prediction_ms", "detail", predicted))) rows.push(["predicted p50", ...here.map((g) => el("td", {}, predictedText(g, predicted))), {sub: true}]);
    rows.push(["p99", ...here.map((g) => cell(quantile(g, metric, "p99"), atLeast(g, metric))), {sub: true}]);
  };
  const longest = (metric) => { if (has(metric)) rows.push(["longest", ...here.map((g) => cell(quantile(g, metric, "max"), atLeast(g, metric))), {sub: true}]); };
  latency("Commit latency", "commit_latency", "commit_latency");
  latency("Client latency", "client_latency", "client_latency");
  latency("Lock hold of commits", "lock_hold", "lock_hold");
  latency("Lock hold, aborted too,", "lock_hold_all", null);
  longest("lock_hold_all");
  latency("In doubt, commits", "in_doubt", "in_doubt");
  latency("In doubt, aborted too,", "in_doubt_all", null);
  longest("in_doubt_all");
  const one = placeOf;
  rows.push(["Commits per second", ...here.map((g) => { const v = total(g, "goodput_per_s") / g.cells.length; return valueCell(figure(v), v, one(g, "goodput_per_s")); })]);
  if (here.some(overloaded)) {
    for (const [label, field] of [["offered per second", "offered_per_s"], ["done per second", "done_per_s"]]) {
      rows.push([label, ...here.map((g) => { const v = total(g, "load", field) / g.cells.length; return valueCell(figure(v), v, one(g, "load", field)); }), {sub: true}]);
    }
  }
  rows.push(["Committed", ...here.map((g) => { const v = total(g, "transactions", "committed"); return valueCell(whole(v), v, one(g, "transactions", "committed")); }), {sub: true}]);
  rows.push(["Aborted", ...here.map((g) => { const o = total(g, "transactions", "offered"); return el("td", {}, o ? percent(sum(cellsOf(g).map(abortedOf)) / o) : "-"); })]);
  rows.push(["main cause", ...here.map(mainCause), {sub: true}]);
  rows.push(["Messages per commit", ...here.map((g) => { const v = costOf(g, "messages"); return valueCell((v === null ? "" : about(g)) + counted(v), v, one(g, "costs_per_commit", "messages")); })]);
  rows.push(["across regions", ...here.map((g) => { const v = costOf(g, "wan_messages"); return valueCell((v === null ? "" : about(g)) + counted(v), v, one(g, "costs_per_commit", "wan_messages")); }), {sub: true}]);
  rows.push(["Forced writes per commit", ...here.map((g) => { const v = costOf(g, "forced_writes"); return valueCell((v === null ? "" : about(g)) + counted(v), v, one(g, "costs_per_commit", "forced_writes")); })]);
  rows.push(["Blocked participants", ...here.map((g) => { const v = total(g, "blocking_ms", "count"); return valueCell(whole(v), v, one(g, "blocking_ms", "count")); })]);
  if (here.some((g) => most(g, "blocking_ms", "max") > 0)) rows.push(["longest, ms", ...here.map((g) => longestBlocked(g)), {sub: true}]);
  if (here.some((g) => total(g, "blocking_ms", "censored") > 0)) {
    rows.push(["still at the end", ...here.map((g) => { const v = total(g, "blocking_ms", "censored"); return valueCell(whole(v), v, one(g, "blocking_ms", "censored")); }), {sub: true}]);
  }
  latency("Staleness", "staleness", null);
  for (const [how, label] of GAPS) {
    if (!here.some((g) => middle(g, "write_gap_ms", how, "max") !== null)) continue;
    rows.push([label[0].toUpperCase() + label.slice(1) + ", ms", ...here.map((g) => { const v = middle(g, "write_gap_ms", how, "max"); return valueCell(figure(v), v, one(g, "write_gap_ms", how, "max")); })]);
  }
  if (here.some((g) => total(g, "verdict_detail", "rpo", "acknowledged") > 0)) {
    rows.push(["Left behind by a failover (RPO)", ...here.map((g) => { const v = total(g, "verdict_detail", "rpo", "acknowledged"); return valueCell(whole(v), v, one(g, "verdict_detail", "rpo", "acknowledged")); })]);
  }
  if (here.some((g) => total(g, "transactions", "unknown") + total(g, "transactions", "shed") > 0)) {
    rows.push(["Outcome unknown", ...here.map((g) => { const v = total(g, "transactions", "unknown"); return valueCell(whole(v), v, one(g, "transactions", "unknown")); })]);
    rows.push(["Shed", ...here.map((g) => { const v = total(g, "transactions", "shed"); return valueCell(whole(v), v, one(g, "transactions", "shed")); })]);
  }
  rows.push(["Availability", ...here.map((g) => {
    const known = cellsOf(g).filter((c) => at(c, "availability") !== null);
    const v = known.length === 1 ? known[0].availability : known.length ? sum(known.map((c) => c.availability * c.transactions.offered)) / sum(known.map((c) => c.transactions.offered)) : null;
    return valueCell(percent(v), v, one(g, "availability"));
  })]);
  rows.push(["Latencies valid", ...here.map((g) => el("td", {}, cellsOf(g).every((c) => c.valid) ? "yes" : overloaded(g) ? "no: overloaded" : "no"))]);
  rows.push(["Verdict", ...here.map((g) => { const v = verdictOf(g); return el("td", {class: v.kind}, v.word); })]);
  const repetitions = Math.max(...here.map((g) => g.cells.length));
  return table((point || "All protocols beside each other") + (repetitions > 1 ? `; ${repetitions} repetitions, merged` : ""), ["", ...here.map((g) => g.protocol)], rows, true);
}

/** All points on one table: what most readers came for. With faults: before, during and after them. */
function overview() {
  const single = (g, text, value, ...path) => valueCell(text, value, placeOf(g, ...path));
  const phase = (g, when, name) => { const v = middle(g, "phases", when, "client_latency_ms", name), mark = v !== null && cellsOf(g).some((c) => at(c, "phases", when, "client_latency_ms", "percentiles_are_lower_bounds")) ? ">" : ""; return single(g, mark + figure(v), v, "phases", when, "client_latency_ms", name); };
  const of = (g, metric, name) => { const q = quantile(g, metric, name); return valueCell((q.value === null ? "" : atLeast(g, metric)) + figure(q.value), q.value, q.path); };
  const columns = [["verdict", (g) => { const v = verdictOf(g); return el("td", {class: v.kind}, v.word); }]];
  if (phased) {
    for (const name of ["p50", "p99"]) for (const when of ["before", "during", "after"]) columns.push([`client ${name} ${when}`, (g) => phase(g, when, name)]);
    columns.push(["answered during", (g) => { const v = middle(g, "phases", "during", "availability"); return single(g, percent(v), v, "phases", "during", "availability"); }],
      ["heal to normal, s", (g) => { const v = middle(g, "phases", "normal_after_s"); return single(g, figure(v), v, "phases", "normal_after_s"); }]);
  } else {
    columns.push(["commits/s", (g) => { const v = total(g, "goodput_per_s") / g.cells.length; return single(g, figure(v), v, "goodput_per_s"); }], ["client p50", (g) => of(g, "client_latency", "p50")], ["client p99", (g) => of(g, "client_latency", "p99")]);
  }
  columns.push(["lock hold p50", (g) => of(g, "lock_hold_all", "p50")], ["longest lock hold", (g) => of(g, "lock_hold_all", "max")],
    ["blocked", (g) => { const v = total(g, "blocking_ms", "count"); return single(g, whole(v), v, "blocking_ms", "count"); }],
    ["longest blocked", (g) => longestBlocked(g)]);
  if (groups.some((g) => total(g, "blocking_ms", "censored") > 0)) columns.push(["still blocked at the end", (g) => { const v = total(g, "blocking_ms", "censored"); return single(g, whole(v), v, "blocking_ms", "censored"); }]);
  const rows = byPoint((g) => columns.map(([, make]) => make(g)));
  return [table("Latencies in ms" + (phased ? ", before, during and after the faults; answered: definitely and within 1 s" : "") + "; lock hold: of every transaction, aborted ones too; blocked: participants in doubt past their decision timeout, and the longest in ms past it; >: at least",
    ["", ...columns.map(([head]) => head)], rows, "wide dense")];
}
const GAPS = [["transfer", "write gap of a planned transfer"], ["failover", "write gap of a failover, from its order"]];

/** Homes that changed their master: how long nobody could write, and what was left behind. */
function homes() {
  const moved = (g) => cellsOf(g).some((c) => c.write_gap_ms || at(c, "verdict_detail", "rpo", "acknowledged") > 0);
  if (!groups.some(moved)) return null;
  const rows = groups.filter(moved).map((g) => [groupName(g), ...GAPS.map(([how]) => { const v = middle(g, "write_gap_ms", how, "max"); return valueCell(figure(v), v, v === null ? null : placeOf(g, "write_gap_ms", how, "max")); }),
    (() => { const v = total(g, "verdict_detail", "rpo", "acknowledged"); return valueCell(whole(v), v, placeOf(g, "verdict_detail", "rpo", "acknowledged")); })()]);
  return table("Homes that changed their master; ms, and acknowledged transactions", ["", ...GAPS.map(([, label]) => label), "left behind (RPO)"], rows, true);
}

function predictedText(group, field) {
  const value = at(cells[group.cells[0]], "prediction_ms", "detail", field);
  if (!value) return "-";
  return value.p55 <= value.p45 * 1.05 ? figure(value.p50) : figure(value.p45) + " to " + figure(value.p55);
}

function mainCause(group) {
  const causes = {};
  for (const cell of cellsOf(group)) for (const [reason, n] of Object.entries(cell.transactions.aborted)) causes[reason] = (causes[reason] || 0) + n;
  const most = Object.entries(causes).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1])[0];
  return el("td", {}, most ? most[0].replaceAll("_", " ") : "-");
}

function drawComparison() {
  if (groups.length === 0) return;
  const first = points.length > 2 ? points.map((point) => lazyDetails("Every figure: " + point, () => comparisonTable(point))) : points.map(comparisonTable);
  section("comparison", "Comparison", "The protocols compared", points.length > 2 || phased ? overview() : null, homes(), first, sweepCharts(),
    el("p", {class: "soft"}, "Commit latency runs at the coordinator from the request to the durable decision; client latency from the intended start to the outcome, so that waiting in line counts; " +
      "lock hold from the first lock to the last release, per participant. Predicted is theory without load, of commits. In doubt is from a durable YES to the outcome; blocked is past the decision timeout. " +
      "Commits per second are those that clients were told within the measurement window. >: at least, as some had not ended, or clients never learned of them; ~: a process died with what it had counted. " +
      "The verdict is from the durable logs of all nodes. All times are of one host's monotonic clock each."));
}
