// Lines over a quantity, as SVG: what a sweep over numbers needs and uPlot lacks, lines that turn back and marked points.

/** 1, 2 or 5 times a power of ten apart, about so many over a linear axis from 0. */
function evenly(high, count) {
  const rough = high / count, power = 10 ** Math.floor(Math.log10(rough)), step = power * ([1, 2, 5].find((s) => s * power >= rough) || 10);
  return Array.from({length: Math.floor(high / step + 1e-9) + 1}, (_, k) => +(k * step).toPrecision(12));
}

/** An axis over the values from pixel a to pixel b: {at(value), ticks}. Logarithmic where they span more than a factor of `log`. */
function axisOf(values, a, b, log) {
  const low = Math.min(...values), high = Math.max(...values, Number.MIN_VALUE), length = Math.abs(b - a);
  if (low > 0 && high / low >= log) {
    const from = low * 0.85, to = high * 1.15, at = (v) => a + (b - a) * Math.log(v / from) / Math.log(to / from);
    return {at, log: true, ticks: decades(from, to, length * 1.6)};
  }
  const to = high * 1.06;
  return {at: (v) => a + (b - a) * v / to, log: false, ticks: evenly(to, Math.max(2, length / 60))};
}

/**
 * A figure of lines. spec: {title, note, x, y: {label, log: from which ratio on the axis is logarithmic},
 * lines: [{name, style, points: [{x, y, says, knee}]}], table: () => Node}. Points are joined in their order.
 */
function plot(spec) {
  const lines = spec.lines.map((l) => ({...l, points: l.points.filter((p) => Number.isFinite(p.x) && Number.isFinite(p.y))})).filter((l) => l.points.length > 0);
  if (lines.length === 0) return null;
  const holder = el("div", {class: "plot"}), legend = el("div", {class: "legend still"}, lines.map((l) => el("span", {}, swatch(styleOf(l.style)), l.name)));
  let drawn = 0;
  const make = () => {
    const width = Math.max(260, holder.clientWidth || 560), height = spec.height || Math.round(Math.min(340, Math.max(230, width * 0.5))), left = 52, bottom = height - 40;
    const all = lines.flatMap((l) => l.points), x = axisOf(all.map((p) => p.x), left + 8, width - 14, spec.x.log), y = axisOf(all.map((p) => p.y), bottom, 22, spec.y.log);
    const named = (axis, label) => label + (axis.log ? " (logarithmic)" : "");
    const number = (v) => String(+v.toPrecision(3));
    drawn = width;
    holder.replaceChildren(svg("svg", {class: "draw", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${spec.title}: ${lines.map((l) => l.name).join(", ")}; the table below has the numbers`},
      x.ticks.map((t) => [svg("line", {x1: x.at(t), x2: x.at(t), y1: 20, y2: bottom, stroke: "var(--line)"}), svg("text", {x: x.at(t), y: bottom + 15, "text-anchor": "middle", class: "soft"}, number(t))]),
      y.ticks.map((t) => [svg("line", {x1: left, x2: width - 10, y1: y.at(t), y2: y.at(t), stroke: "var(--line)"}), svg("text", {x: left - 6, y: y.at(t) + 4, "text-anchor": "end", class: "soft"}, number(t))]),
      svg("text", {x: 6, y: 13, class: "soft"}, named(y, spec.y.label)), svg("text", {x: width - 10, y: height - 6, "text-anchor": "end", class: "soft"}, named(x, spec.x.label)),
      lines.map((l) => {
        const {ink, dash, mark} = styleOf(l.style);
        return [svg("polyline", {points: l.points.map((p) => `${x.at(p.x).toFixed(1)},${y.at(p.y).toFixed(1)}`).join(" "), fill: "none", stroke: ink, "stroke-width": 2, "stroke-dasharray": dash.join(" ") || "none"}),
          l.points.map((p) => svg("g", {transform: `translate(${x.at(p.x).toFixed(1)} ${y.at(p.y).toFixed(1)})`}, p.knee ? svg("circle", {r: 9, fill: "none", stroke: ink, "stroke-width": 2.5, class: "knee"}) : [],
            svg("path", {d: markPath(mark, 4), fill: ink}), svg("title", {}, `${l.name}, ${p.says}`)))];
      }),
      lines.flatMap((l) => l.points.filter((p) => p.knee).map((p) => svg("text", {x: Math.min(width - 60, x.at(p.x) + 12), y: y.at(p.y) + 16, class: "halo"}, p.knee)))));
  };
  charts.add({make, holder, width: () => drawn});
  requestAnimationFrame(make);
  return el("figure", {}, el("figcaption", {}, spec.title, spec.note ? el("span", {class: "soft"}, " " + spec.note) : null), legend, holder, spec.table ? lazyDetails("As a table", spec.table) : null);
}
