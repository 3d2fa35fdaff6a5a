// A group is one protocol at one sweep point: its repetitions are merged, never averaged.

/** Scenarios and topologies have names that speak for themselves. */
const pointName = (sweep) => Object.entries(sweep).map(([key, value]) => (key === "scenario" || key === "topology" ? value : key + "=" + value)).join(", ");
const groups = data.groups
  .map((g) => ({...g, point: pointName(g.sweep), cells: g.cells.filter((i) => i < cells.length), index: g.cells}))
  .filter((g) => g.cells.length > 0);
const points = [...new Set(groups.map((g) => g.point))];
const protocols = [...new Set(groups.map((g) => g.protocol))];
const regions = Object.keys(at(cells[0] || {}, "by_region") || {});
const groupsAt = (point) => groups.filter((g) => g.point === point);
const cellsOf = (group) => group.cells.map((i) => cells[i]);
/** "2pc", or with a sweep "2pc (workload.rate=50/s)". */
const groupName = (group) => (points.length > 1 ? `${group.protocol} (${group.point})` : group.protocol);
/** Where in summary.json a number is, if it is that of one cell. */
const pointer = (...keys) => keys.map((k) => String(k).replaceAll("~", "~0").replaceAll("/", "~1")).join("/");
const placeOf = (group, ...path) => (group.cells.length === 1 ? pointer("cells", group.cells[0], ...path) : null);
/** The middle one of the repetitions' values: of figures that have no histogram to merge. */
function middle(group, ...path) {
  const values = cellsOf(group).map((c) => at(c, ...path)).filter((v) => typeof v === "number").sort((a, b) => a - b);
  return values.length ? values[(values.length - 1) >> 1] : null;
}
const most = (group, ...path) => Math.max(...cellsOf(group).map((c) => at(c, ...path) || 0));

/**
 * A percentile of a group: of one repetition the number of summary.json, of several that of the merged histograms.
 * Returns {value, path}; path only in the first case.
 */
function quantile(group, metric, name, region) {
  if (group.cells.length === 1) {
    const path = region ? ["by_region", region, metric + "_ms", name] : [metric + "_ms", name];
    const index = group.cells[0];
    const count = at(cells[index], ...path.slice(0, -1), "count");
    const value = at(cells[index], ...path);
    if (value !== null) return {value: count > 0 || name === "count" ? value : null, path: pointer("cells", index, ...path)};
  }
  return {value: at(group, "distributions", metric, region || "", name), path: null};
}
/** The mark of a metric whose percentiles are lower bounds, in any repetition. */
function atLeast(group, metric, region) {
  const where = region ? ["by_region", region] : [];
  return cellsOf(group).some((c) => at(c, ...where, metric + "_ms", "percentiles_are_lower_bounds") === true) ? ">" : "";
}
/** Whether a process died with what it had counted: then costs are about what they say. */
const about = (group) => (cellsOf(group).some((c) => at(c, "costs_per_commit", "incomplete") === true) ? "~" : "");
const overloaded = (group) => cellsOf(group).some((c) => at(c, "load", "overloaded") === true);
/** The longest that anyone was blocked, past its decision timeout: who still was at the end counts, with a lower bound. */
function longestBlocked(group, region) {
  const where = region ? ["by_region", region] : [];
  const value = most(group, ...where, "blocking_ms", "max");
  const open = cellsOf(group).some((c) => at(c, ...where, "blocking_ms", "censored") > 0);
  return valueCell((open ? ">" : "") + figure(value), value, placeOf(group, ...where, "blocking_ms", "max"));
}
const total = (group, ...path) => sum(cellsOf(group).map((c) => at(c, ...path)));
const abortedOf = (cell) => sum(Object.values(at(cell, "transactions", "aborted") || {}));

/** Costs are per commit: repetitions weigh by their commits. */
function costOf(group, field) {
  if (group.cells.length === 1) return at(cells[group.cells[0]], "costs_per_commit", field);  // as it stands there, not rounded anew
  let cost = 0, commits = 0;
  for (const cell of cellsOf(group)) {
    const one = at(cell, "costs_per_commit", field), weight = at(cell, "transactions", "committed") || 0;
    if (one === null) continue;
    cost += weight * one;
    commits += weight;
  }
  return commits > 0 ? cost / commits : null;
}

/** The worst verdict of a group: {word, kind, sign}. */
function verdictOf(group) {
  const all = cellsOf(group), wrong = all.filter((c) => c.verdict === "violation");
  if (wrong.length > 0) {
    return wrong.every((c) => c.expected) ? {word: "VIOLATION (expected)", kind: "expected", sign: "\u25B2"} : {word: "VIOLATION", kind: "violation", sign: "\u2716"};
  }
  if (all.some((c) => c.verdict !== "pass")) return {word: "unknown", kind: "unknown", sign: "?"};
  return {word: "pass", kind: "pass", sign: "\u2714"};
}

/** Faults of a cell as [{start, end, text}], seconds since the load began; end Infinity: until the end. */
function faultsOf(cell) {
  const list = at(cell, "faults");
  if (!Array.isArray(list)) return [];
  return list.flatMap((f) => (f.times || []).map((t) => ({start: t.begin_s, end: t.end_s === null ? Infinity : t.end_s, text: `${f.kind} ${f.target}`}))).filter((f) => typeof f.start === "number");
}
