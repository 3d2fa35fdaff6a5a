// What happened when: a second a point, faults shaded.

const SERIES = [["commits_per_s", "Commits per second", "/s"], ["recent_p99_ms", "Client latency p99 of the last second, ms", " ms"], ["in_doubt", "Participants in doubt", ""],
  ["blocked", "Participants blocked: in doubt past the decision timeout", ""], ["locks_held", "Locks held", ""], ["unshipped", "Writes not shipped yet", ""]];

function drawTimeline() {
  const names = Object.keys(data.series);
  if (names.length === 0) return;
  const repetitions = [...new Set(cells.map((c) => c.repetition))];
  const state = {point: points[0], region: "all", repetition: repetitions[0]};
  const body = el("div", {});
  const update = () => body.replaceChildren(...timelineBody(state));
  const places = [...new Set(names.flatMap((n) => Object.keys(data.series[n])))].filter((r) => r !== "all");
  section("timeline", "Timeline", "Over time",
    el("div", {class: "controls"},
      places.length ? choice("Region", [["all", "all regions"], ...places.map((r) => [r, r])], "all", (v) => { state.region = v; update(); }) : null,
      points.length > 1 ? choice("Sweep point", points.map((p) => [p, p]), state.point, (v) => { state.point = v; update(); }) : null,
      repetitions.length > 1 ? choice("Repetition", repetitions.map((r) => [String(r), String(r)]), String(repetitions[0]), (v) => { state.repetition = Number(v); update(); }) : null),
    body);
  update();
}

function timelineBody(state) {
  const here = groupsAt(state.point).map((g) => cellsOf(g).find((c) => c.repetition === state.repetition)).filter((c) => c && at(data.series, c.cell, state.region));
  if (here.length === 0) return [el("p", {}, "No series of this choice.")];
  // Cells run one after another, each on its own clock; their seconds are laid over one another.
  const xs = [...new Set(here.flatMap((c) => data.series[c.cell][state.region].t.map((t) => Math.round(t))))].sort((a, b) => a - b);
  const faults = faultsOf(here.find((c) => faultsOf(c).length > 0) || {});
  const out = [];
  if (faults.length) {
    const rows = faults.slice(0, 40).map((f, i) => [`${i + 1}  ${f.text}`, figure(f.start), Number.isFinite(f.end) ? figure(f.end) : "the end"]);
    out.push(table("Faults, shaded below" + (faults.length > 40 ? `; the first 40 of ${faults.length}` : ""), ["", "from s", "to s"], rows));
  }
  const phases = here.filter((c) => c.phases);
  if (phases.length) out.push(phaseTable(phases));
  for (const [column, title, unit] of SERIES) {
    const series = here.map((cell) => {
      const source = data.series[cell.cell][state.region], by = new Map();
      if (!source[column]) return null;
      // No percentile of nothing: a second without an answer is a gap.
      source.t.forEach((t, i) => by.set(Math.round(t), column === "recent_p99_ms" && source[column][i] === 0 ? null : source[column][i]));
      return {name: cell.protocol, style: protocols.indexOf(cell.protocol), gaps: true, values: xs.map((x) => (by.has(x) ? by.get(x) : null))};
    }).filter(Boolean);
    const quiet = !series.some((s) => s.values.some((v) => v > 0));
    if (series.length === 0 || (quiet && column !== "blocked" && column !== "in_doubt")) continue;
    if (quiet) { out.push(el("p", {class: "soft"}, title + ": none at any time" + (state.region === "all" ? "." : " at " + state.region + "."))); continue; }
    out.push(chart({title, x: {label: "seconds since the load began"}, y: {unit}, xs, series, faults, sync: "time", height: 200,
      table: () => table(title, ["second", ...series.map((s) => s.name)], xs.map((x, k) => [String(x), ...series.map((s) => (s.values[k] === null ? "-" : figure(s.values[k])))]))}));
  }
  return out;
}

/** What the faults did: the load before, during and after them. */
function phaseTable(list) {
  const rows = [];
  for (const cell of list) {
    for (const phase of ["before", "during", "after"]) {
      const p = at(cell, "phases", phase), index = cells.indexOf(cell), place = (...path) => ["cells", index, "phases", phase, ...path].join("/");
      if (!p) continue;
      const mark = at(p, "client_latency_ms", "percentiles_are_lower_bounds") === true ? ">" : "";
      const latency = (name) => valueCell((at(p, "client_latency_ms", name) === null ? "" : mark) + figure(at(p, "client_latency_ms", name)), at(p, "client_latency_ms", name), place("client_latency_ms", name));
      rows.push([`${cell.protocol} ${phase}`, figure(p.seconds), valueCell(figure(p.goodput_per_s), p.goodput_per_s, place("goodput_per_s")), percent(p.availability), latency("p50"), latency("p99"), ...(phase === "before" ? [] : [{sub: true}])]);
    }
    const normal = at(cell, "phases", "normal_after_s");
    rows.push([cell.protocol + " from heal to normal", normal === null ? "not reached" : figure(normal) + " s", "", "", "", "", {sub: true}]);
  }
  return table("Before, during and after the faults; client latency in ms, >: at least", ["", "seconds", "commits/s", "availability", "p50", "p99"], rows, true);
}
