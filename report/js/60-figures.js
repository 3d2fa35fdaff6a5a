// Blocking, theory, costs: tables, and bars where they help.

/** A row per protocol, under a heading per point of the sweep. */
const byPoint = (row) => points.flatMap((point) => [...(points.length > 1 ? [point] : []), ...groupsAt(point).map((g) => [g.protocol, ...row(g)])]);

function drawBlocking() {
  if (groups.length === 0) return;
  const anyone = groups.some((g) => total(g, "blocking_ms", "count") + total(g, "blocking_ms", "censored") > 0);
  const rows = byPoint((g) => {
    const single = (...path) => placeOf(g, ...path), longest = (...path) => most(g, ...path);
    const number = (v, ...path) => valueCell(whole(v), v, single(...path));
    const time = (v, ...path) => valueCell(figure(v), v, single(...path));
    return [number(total(g, "blocking_ms", "count"), "blocking_ms", "count"), longestBlocked(g), number(total(g, "blocking_ms", "censored"), "blocking_ms", "censored"),
      time(longest("blocking_ms", "censored_lower_bound_max"), "blocking_ms", "censored_lower_bound_max"), number(total(g, "blocking_ms", "in_doubt_at_end"), "blocking_ms", "in_doubt_at_end"), time(longest("timeouts_ms", "decision"), "timeouts_ms", "decision"),
      (() => { const hold = quantile(g, "lock_hold_all", "max"); return valueCell((hold.value === null ? "" : atLeast(g, "lock_hold_all")) + figure(hold.value), hold.value, hold.path); })()];
  });
  const byRegion = [];
  for (const g of groups) {
    for (const region of regions) {
      const count = total(g, "by_region", region, "blocking_ms", "count"), open = total(g, "by_region", region, "blocking_ms", "censored");
      if (count + open > 0) byRegion.push([groupName(g) + " at " + region, whole(count), longestBlocked(g, region), whole(open)]);
    }
  }
  section("blocking", "Blocking", "Blocking",
    el("p", {}, anyone ? "A participant is blocked while it is in doubt past its decision timeout: it voted YES, holds its locks, and cannot learn the outcome. Those still blocked at the end are counted apart; their times are lower bounds."
      : "No participant was in doubt past its decision timeout."),
    table("Blocked participants; times in milliseconds past the decision timeout", ["", "ended", "longest", "still at the end", "their longest", "in doubt at the end", "decision timeout", "longest lock hold, aborted too"], rows, true),
    byRegion.length ? foldedTable("By region", ["", "blocked, ended", "longest", "still at the end"], byRegion) : null);
}

const foldedTable = (title, heads, rows) => (rows.length > 12 ? lazyDetails(title, () => table(title, heads, rows, true)) : table(title, heads, rows, true));

/** Theory gives a range where its distribution has a step at the median (as report/report.cpp). */
const isRange = (theory) => theory.p55 > theory.p45 * 1.05;
/** By what share a median is off theory; null: inside a range. */
function offTheory(measured, theory) {
  if (!isRange(theory)) return theory.p50 > 0 ? measured / theory.p50 - 1 : null;
  if (measured > theory.p55) return measured / theory.p55 - 1;
  return measured < theory.p45 ? measured / theory.p45 - 1 : null;
}

function drawPrediction() {
  const rows = [], bars = [];
  for (const g of groups) {
    for (const [metric, label] of [["commit_latency", "commit latency"], ["client_latency", "client latency"], ["lock_hold", "lock hold"], ["in_doubt", "in doubt"]]) {
      const theory = at(cells[g.cells[0]], "prediction_ms", "detail", metric), measured = quantile(g, metric, "p50").value;
      if (!theory || measured === null) continue;
      const off = offTheory(measured, theory);
      rows.push([groupName(g) + ": " + label, predictedText(g, metric), valueCell(figure(measured), measured, quantile(g, metric, "p50").path), off === null ? "inside" : (off > 0 ? "+" : "") + figure(100 * off) + " %" + (isRange(theory) ? " outside" : "")]);
      // A range that holds the median says nothing of how near theory is: no bar.
      if (off !== null) bars.push({label: groupName(g) + ": " + label, off});
    }
  }
  const why = [...new Set(cells.map((c) => at(c, "prediction_ms", "why_not")).filter(Boolean))];
  if (rows.length === 0 && why.length === 0) return;
  section("prediction", "Theory", "Measured against theory",
    el("p", {}, "Theory is the protocol's closed form over this topology without load, queueing or processing time. Where the distribution has a step, the range of its 45th to 55th percentile is given: the measured median lies inside it, which says no more than that, or outside by so much of the nearer end."),
    bars.length ? deviations(bars) : null,
    rows.length ? table("Medians in milliseconds", ["", "predicted", "measured", "difference"], rows, true) : null,
    why.map((text) => el("p", {class: "soft"}, "No prediction: " + text)));
}

/** Differences from theory around a line at zero. */
function deviations(bars) {
  const shown = bars.slice(0, 24), height = 26 * shown.length + 28, bound = Math.max(0.05, ...shown.map((b) => Math.min(1, Math.abs(b.off)))) * 1.15;
  const x = (off) => 430 + Math.max(-1, Math.min(1, off / bound)) * 240;
  return svg("svg", {class: "draw", viewBox: `0 0 700 ${height}`, role: "img", "aria-label": "Difference of each measured median from theory; the table below has the numbers", style: "max-width:44rem"},
    svg("rect", {x: x(-0.05), width: x(0.05) - x(-0.05), y: 0, height: height - 20, fill: "var(--good-bg)"}),
    svg("line", {x1: x(0), x2: x(0), y1: 0, y2: height - 20, stroke: "var(--soft)"}),
    shown.flatMap((b, i) => [
      svg("text", {x: 8, y: 26 * i + 18}, b.label),
      svg("line", {x1: x(0), x2: x(b.off), y1: 26 * i + 14, y2: 26 * i + 14, stroke: "var(--s0)", "stroke-width": 3}),
      svg("path", {d: markPath("circle", 5), transform: `translate(${x(b.off)} ${26 * i + 14})`, fill: "var(--s0)"})]),
    svg("text", {class: "soft", x: x(-0.05), y: height - 6, "text-anchor": "middle"}, "-5 %"), svg("text", {class: "soft", x: x(0.05), y: height - 6, "text-anchor": "middle"}, "+5 %"));
}

function drawCosts() {
  const fields = [["messages", "messages"], ["wan_messages", "messages across regions"], ["bytes", "bytes"], ["wan_bytes", "bytes across regions"], ["forced_writes", "forced writes"], ["lazy_writes", "lazy writes"], ["message_delays", "message delays to the decision"], ["retries", "retries"]];
  if (!groups.some((g) => costOf(g, "messages") !== null)) return;
  section("costs", "Costs", "Costs per commit",
    el("p", {}, "Per committed transaction, over all its sites until it is forgotten; counted by the engine, not by the protocols. Traffic of clients, forwarding, shipping and heartbeats is apart. ~: a process died with what it had counted, and of what was under way then; the figure may be too low or too high."),
    table("Per committed transaction", ["", ...fields.map(([, label]) => label)], byPoint((g) => fields.map(([field]) => {
      const v = costOf(g, field);
      return valueCell((v === null ? "" : about(g)) + counted(v), v, placeOf(g, "costs_per_commit", field));
    })), true),
    trafficTable());
}

function trafficTable() {
  const kinds = [...new Set(cells.flatMap((c) => Object.keys(c.messages_by_traffic || {})))];
  if (kinds.length === 0) return null;
  return lazyDetails("All messages of each cell by class", () => table("Messages of the whole cell, warm-up and drain included", ["", ...kinds], cells.map((c) => [c.cell, ...kinds.map((k) => whole(at(c, "messages_by_traffic", k) || 0))]), true));
}
