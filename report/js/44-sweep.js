// A sweep drawn over what was swept: over a number as a number, over a rate also as latency against throughput.

/** "50/s", "2ms", "1.5s", "0.8" as a number in the unit of the key's values; null: no number. */
function magnitude(text) {
  const match = /^\s*([0-9]*\.?[0-9]+)\s*(us|ms|s|m|min|h|\/s|%|)\s*$/.exec(String(text));
  if (!match) return null;
  return Number(match[1]) * ({us: 1e-6, ms: 1e-3, m: 60, min: 60, h: 3600, "%": 0.01}[match[2]] || 1);
}

/** The swept key whose values are numbers, where there is one alone: {key, of(group), rest(group): what else it was swept over}. */
function sweptNumber() {
  const keys = [...new Set(groups.flatMap((g) => Object.keys(g.sweep)))];
  const numeric = keys.filter((key) => groups.every((g) => Object.hasOwn(g.sweep, key) && magnitude(g.sweep[key]) !== null) && new Set(groups.map((g) => g.sweep[key])).size > 1);
  if (numeric.length !== 1) return null;
  const key = numeric[0], timed = groups.every((g) => /[0-9](us|ms|s|m|min|h)$/.test(g.sweep[key]));
  return {key, label: key + (timed ? ", s" : groups.every((g) => String(g.sweep[key]).endsWith("/s")) ? ", per second" : ""), rate: key.endsWith(".rate"), of: (g) => magnitude(g.sweep[key]),
    rest: (g) => pointName(Object.fromEntries(Object.entries(g.sweep).filter(([k]) => k !== key)))};
}
const swept = sweptNumber();
const goodput = (g) => total(g, "goodput_per_s") / g.cells.length;

/** Lines of a sweep over a number: one for each protocol at each point of what else was swept, in the order of the number. */
function sweptLines() {
  const names = [...new Set(groups.map((g) => JSON.stringify([g.protocol, swept.rest(g)])))].map((n) => JSON.parse(n));
  return names.map(([protocol, rest], i) => ({name: protocol + (rest ? ", " + rest : ""), style: names.length === protocols.length ? protocols.indexOf(protocol) : i,
    groups: groups.filter((g) => g.protocol === protocol && swept.rest(g) === rest).sort((a, b) => swept.of(a) - swept.of(b))}));
}

/**
 * The knee of a line: the point of most power, commits per second over median latency (Kleinrock, 1979), among those that
 * kept up. null where that is the last one: the sweep ends before the knee.
 */
function kneeOf(list) {
  const power = (g) => { const p50 = quantile(g, "client_latency", "p50").value; return p50 > 0 && !overloaded(g) ? goodput(g) / p50 : 0; };
  const best = list.reduce((a, b) => (power(b) > power(a) ? b : a));
  return power(best) > 0 && best !== list[list.length - 1] ? best : null;
}

/** Latency over throughput where a rate was swept and nothing failed; null elsewhere. */
function throughputCurve() {
  if (!swept || !swept.rate || phased) return null;
  const lines = sweptLines(), knees = lines.map((l) => kneeOf(l.groups)), at99 = (g) => quantile(g, "client_latency", "p99").value;
  const over = (value, title) => plot({title, note: "ringed: the knee, the most commits per second for a millisecond of median latency" + (knees.includes(null) ? "; a line without one has none below its last point" : ""),
    x: {label: "commits per second", log: 20}, y: {label: "ms", log: 8},
    lines: lines.map((l, i) => ({...l, points: l.groups.map((g) => ({x: goodput(g), y: value(g), knee: g === knees[i] ? "knee " + g.sweep[swept.key] : "", says: `${g.point}: ${figure(goodput(g))} commits/s, ${figure(value(g))} ms${overloaded(g) ? ", overloaded" : ""}`}))})),
    table: () => table(title, ["", swept.label, "commits/s", "client p50, ms", "client p99, ms", "knee"], lines.flatMap((l, i) => l.groups.map((g) => [l.name, g.sweep[swept.key], figure(goodput(g)), figure(quantile(g, "client_latency", "p50").value), figure(at99(g)), g === knees[i] ? "yes" : ""])), true)});
  return over((g) => quantile(g, "client_latency", "p50").value, "Client latency p50 against throughput, ms");
}

/** With a sweep: a figure of each protocol over the points. */
function sweepCharts() {
  // Scenarios have no order that a line could follow.
  if (points.length < 2 || groups.some((g) => Object.hasOwn(g.sweep, "scenario"))) return null;
  const figures = [["Client latency p50 over the sweep", "ms", (g) => quantile(g, "client_latency", "p50").value], ["Client latency p99 over the sweep", "ms", (g) => quantile(g, "client_latency", "p99").value],
    ["Commits per second over the sweep", "/s", goodput]];
  return swept ? figures.map(([title, unit, value]) => overNumber(title, unit, value)) : [...figures.map(([title, unit, value]) => overPoints(title, unit, value)), el("ol", {class: "soft"}, points.map((p) => el("li", {}, p)))];
}

function overNumber(title, unit, value) {
  const lines = sweptLines(), xs = [...new Set(groups.map(swept.of))].sort((a, b) => a - b);
  return plot({title, x: {label: swept.label, log: 8}, y: {label: unit, log: 8},
    lines: lines.map((l) => ({...l, points: l.groups.map((g) => ({x: swept.of(g), y: value(g), says: `${g.sweep[swept.key]}: ${figure(value(g))} ${unit}`}))})),
    table: () => table(`${title}, ${unit}`, [swept.label, ...lines.map((l) => l.name)], xs.map((x) => [figure(x), ...lines.map((l) => { const g = l.groups.find((one) => swept.of(one) === x); return g ? figure(value(g)) : "-"; })]), true)});
}

function overPoints(title, unit, value) {
  const xs = points.map((_, i) => i + 1);
  const series = protocols.map((p, i) => ({name: p, style: i, values: points.map((point) => {
    const g = groups.find((c) => c.protocol === p && c.point === point);
    return g ? value(g) : null;
  })}));
  return chart({title: `${title}, ${unit}`, x: {label: "point of the sweep", range: (u, min, max) => [min - 0.2, max + 0.2], splits: xs}, y: {unit: " " + unit}, xs, series,
    table: () => table(title, ["", ...protocols], points.map((point, k) => [point, ...series.map((s) => figure(s.values[k]))]), true)});
}
