// Distributions: a curve per protocol, whole or of one region, and the percentiles.

const METRICS = [["client_latency", "Client latency"], ["commit_latency", "Commit latency"], ["lock_hold", "Lock hold of commits"], ["lock_hold_all", "Lock hold, aborted too"], ["in_doubt", "In doubt, commits"], ["in_doubt_all", "In doubt, aborted too"], ["blocking", "Blocking"], ["staleness", "Staleness"], ["abort_latency", "Latency of aborts"]];

function drawLatency() {
  const has = (metric) => groups.some((g) => at(g, "distributions", metric, "") !== null);
  const metrics = METRICS.filter(([m]) => has(m));
  if (metrics.length === 0) return;
  const state = {metric: metrics[0][0], region: "", point: points[0], log: "log"};
  const body = el("div", {});
  const update = () => body.replaceChildren(...latencyBody(state));
  const places = [...new Set(groups.flatMap((g) => metrics.flatMap(([m]) => Object.keys(at(g, "distributions", m) || {}))))].filter((r) => r !== "").sort();
  section("latency", "Latency", "Latency, lock hold, blocking",
    el("div", {class: "controls"},
      choice("What", metrics, state.metric, (v) => { state.metric = v; update(); }),
      places.length ? choice("Region", [["", "all regions"], ...places.map((r) => [r, r])], "", (v) => { state.region = v; update(); }) : null,
      points.length > 1 ? choice("Sweep point", points.map((p) => [p, p]), state.point, (v) => { state.point = v; update(); }) : null,
      choice("Scale", [["log", "logarithmic"], ["linear", "linear"]], "log", (v) => { state.log = v; update(); })),
    body);
  update();
}

function latencyBody(state) {
  const title = METRICS.find(([m]) => m === state.metric)[1];
  const here = groupsAt(state.point).map((g) => ({group: g, curve: at(g, "distributions", state.metric, state.region)})).filter((c) => c.curve);
  if (here.length === 0) return [el("p", {}, "Nothing was recorded of this" + (state.region ? " in " + state.region : "") + ".")];
  const where = state.region ? " at " + state.region : "";
  const xs = [...new Set(here.flatMap((c) => c.curve.x.map((x) => Math.max(x, 0.001))))].sort((a, b) => a - b);
  if (xs.length === 1) xs.push(xs[0] * 1.01);
  const low = xs[0] * (state.log === "log" ? 0.8 : 1), high = xs[xs.length - 1] * (state.log === "log" ? 1.25 : 1.05);
  xs.unshift(low);
  xs.push(high);
  const series = here.map(({group, curve}) => {
    let k = 0, share = 0;
    const values = xs.map((x) => { while (k < curve.x.length && Math.max(curve.x[k], 0.001) <= x) share = curve.y[k++]; return 100 * share; });
    return {name: group.protocol, style: protocols.indexOf(group.protocol), values, stepped: true};
  });
  const rows = [];
  const places = [["", "all regions"], ...regions.map((r) => [r, r])];
  for (const {group} of here) {
    for (const [region, label] of places) {
      if (!region && state.metric === "abort_latency" && quantile(group, state.metric, "count", region).value === null) continue;
      const count = quantile(group, state.metric, "count", region).value;
      if (!count) continue;
      const q = (name) => { const v = quantile(group, state.metric, name, region); return valueCell((v.value === null ? "" : atLeast(group, state.metric, region)) + figure(v.value), v.value, v.path); };
      rows.push([region ? label : group.protocol, whole(count), q("p50"), q("p90"), q("p99"), q("p999"), q("max"), ...(region ? [{sub: true}] : [])]);
    }
  }
  return [
    chart({title: `${title}${where}: share of transactions at or below, %`, x: {label: "milliseconds", log: state.log === "log", range: () => [low, high]}, y: {range: () => [0, 102], unit: " %"}, xs, series}),
    table(`${title} in milliseconds, from merged histograms; >: at least; p99.9 takes a thousand samples`, ["", "count", "p50", "p90", "p99", "p99.9", "max"], rows, true)];
}
