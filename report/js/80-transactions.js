// Transactions worth a look, as space-time diagrams: a vertical line per node, time runs down.

function drawTransactions() {
  const size = (t) => t.messages.length + t.events.length;
  // What violates comes first; a long story is folded.
  const rank = (t) => (t.why.includes("violates") ? 0 : t.why.includes("blocked") ? 1 : 2);
  const traces = [...(data.traces || [])].sort((a, b) => rank(a) - rank(b) || (size(a) > 60) - (size(b) > 60));
  const examples = cells.flatMap((c) => (at(c, "verdict_detail", "examples") || []).map((e) => [c.cell, e.class.replaceAll("_", " "), e.transaction === "0.0.0" ? "-" : e.transaction, el("td", {class: "text"}, e.what)]));
  if (traces.length === 0 && examples.length === 0) return;
  section("transactions", "Transactions", "Transactions worth a look",
    examples.length ? table("Violations, as the checker saw them" + (examples.length > 12 ? `; the first 12 of ${examples.length}` : ""), ["cell", "class", "transaction", "what"], examples.slice(0, 12), true) : null,
    examples.length > 12 ? lazyDetails("All that were kept", () => table("Violations", ["cell", "class", "transaction", "what"], examples, true)) : null,
    traces.length ? el("p", {}, "Each line is a node and time runs down: a slanted arrow is a message, a dot what a node did at that moment; a thick line is a participant in doubt. Time is not to scale: what is close is drawn apart, and silences are folded; the milliseconds at the left are true. The clocks of the nodes are those of one host.") : null,
    traces.map((t, i) => {
      const cell = cells.find((c) => c.cell === t.cell), point = cell && points.length > 1 ? ` (${pointName(cell.sweep)})` : "";
      const title = `${t.cell}${point}: transaction ${t.transaction}, ${t.why}`;
      const show = () => el("div", {class: "scroll"}, spaceTime(t, title), traceTable(t));
      if (i < 3 && size(t) <= 60) return el("figure", {}, el("figcaption", {}, title), show());
      return lazyDetails(title, show);
    }));
}

/** t: {nodes: [{name}], messages: [{from, to, sent_ms, received_ms?, kind}], events: [{node, at_ms, text}], in_doubt: [{node, from_ms, to_ms?}], marks: [{at_ms, text}]} */
function spaceTime(t, title) {
  const times = [...t.messages.flatMap((m) => [m.sent_ms, m.received_ms]), ...t.events.map((e) => e.at_ms), ...t.marks.map((m) => m.at_ms), ...t.in_doubt.flatMap((d) => [d.from_ms, d.to_ms])].filter((v) => typeof v === "number");
  const begin = Math.min(...times), end = Math.max(...times), gap = 210, left = 84;
  // Wide enough for the longest words to the right of each line, at about 6.4 a letter.
  const width = Math.max(left + gap * Math.max(1, t.nodes.length - 1) + 240, ...t.events.map((e) => left + gap * Math.max(0, t.nodes.findIndex((n) => n.name === e.node)) + 20 + 6.4 * e.text.length));
  const told = new Set(t.events.map((e) => e.at_ms));
  // Time is to scale between moments that are close, and long silences are folded.
  const moments = [...new Set(times)].sort((a, b) => a - b), unit = Math.max((end - begin) / 24, 1e-6), ys = new Map();
  let y = 60;
  moments.forEach((m, i) => {
    if (i > 0) y += Math.min(64, Math.max(told.has(moments[i - 1]) ? 23 : 17, 30 * (m - moments[i - 1]) / unit));
    ys.set(m, y);
  });
  const height = y + 40, x = (node) => left + gap * t.nodes.findIndex((n) => n.name === node);
  const parts = [];
  for (const node of t.nodes) {
    const [role, region] = node.name.split("@");
    parts.push(svg("line", {x1: x(node.name), x2: x(node.name), y1: 48, y2: height - 12, stroke: "var(--line)", "stroke-width": 2}),
      svg("text", {x: x(node.name), y: 20, "text-anchor": "middle"}, role), svg("text", {x: x(node.name), y: 36, "text-anchor": "middle", class: "soft"}, region || ""));
  }
  moments.forEach((m, i) => { if (i === 0 || ys.get(m) - ys.get(moments[i - 1]) >= 17) parts.push(svg("text", {x: 6, y: ys.get(m) + 4, class: "soft"}, figure(m - begin) + " ms")); });
  for (const d of t.in_doubt) {
    parts.push(svg("line", {x1: x(d.node), x2: x(d.node), y1: ys.get(d.from_ms), y2: d.to_ms === undefined ? height - 12 : ys.get(d.to_ms), stroke: "var(--s1)", "stroke-width": 7, opacity: 0.45}, svg("title", {}, "in doubt")));
  }
  for (const m of t.marks) {
    parts.push(svg("line", {x1: left - 20, x2: width, y1: ys.get(m.at_ms), y2: ys.get(m.at_ms), stroke: "var(--fault-line)", "stroke-dasharray": "6 4"}),
      svg("text", {x: width - 6, y: ys.get(m.at_ms) - 5, "text-anchor": "end", class: "halo"}, m.text));
  }
  for (const m of t.messages) {
    if (x(m.from) < left || x(m.to) < left) continue;
    const lost = typeof m.received_ms !== "number", x1 = x(m.from), x2 = lost ? (x(m.from) + x(m.to)) / 2 : x(m.to), y1 = ys.get(m.sent_ms), y2 = lost ? y1 + 14 : ys.get(m.received_ms);
    const angle = Math.atan2(y2 - y1, x2 - x1), style = styleOf(lost ? 1 : 0), along = lost ? 0.8 : 0.66;  // where arrows of one sender have parted
    parts.push(svg("line", {x1, y1, x2, y2, stroke: style.ink, "stroke-width": 1.6, "stroke-dasharray": lost ? "5 4" : "none"}),
      lost ? svg("text", {x: x2, y: y2 + 4, "text-anchor": "middle", style: "font-weight:700"}, "\u00D7")
        : svg("path", {d: "M0 0L-9 -4L-9 4Z", transform: `translate(${x2} ${y2}) rotate(${(angle * 180 / Math.PI).toFixed(1)})`, fill: style.ink}),
      svg("text", {x: x1 + (x2 - x1) * along, y: y1 + (y2 - y1) * along - 4, "text-anchor": "middle", class: "halo soft"}, m.kind));
  }
  for (const e of t.events) {
    if (x(e.node) < left) continue;
    parts.push(svg("circle", {cx: x(e.node), cy: ys.get(e.at_ms), r: 4, fill: "var(--s2)"}), svg("text", {x: x(e.node) + 8, y: ys.get(e.at_ms) + 13, class: "halo"}, e.text));
  }
  return svg("svg", {class: "draw", viewBox: `0 0 ${width} ${height}`, style: `min-width:${Math.min(width, 900)}px;max-width:${width}px`, role: "img", "aria-label": title}, parts);
}

function traceTable(t) {
  const rows = [...t.messages.map((m) => [m.sent_ms, m.from, `${m.kind} to ${m.to}` + (typeof m.received_ms === "number" ? `, arrives after ${figure(m.received_ms - m.sent_ms)} ms` : ", never arrives")]),
    ...t.events.map((e) => [e.at_ms, e.node, e.text]), ...t.marks.map((m) => [m.at_ms, "fault", m.text])].sort((a, b) => a[0] - b[0]);
  const begin = rows.length ? rows[0][0] : 0;
  return lazyDetails("As a table", () => table("In order of time", ["ms", "node", "what"], rows.map(([when, node, text]) => [figure(when - begin), node, el("td", {class: "text"}, text)])));
}
