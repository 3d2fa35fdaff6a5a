// Charts: uPlot, with what it lacks: dashes and markers beside colour, a legend of buttons, a cursor for the keyboard,
// and a table of the same numbers.

const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [14, 4], [2, 6], [6, 2, 2, 2, 2, 2]];
const MARKS = ["circle", "square", "triangle", "diamond", "cross", "down", "plus", "star"];
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** color: for a canvas, as the theme has it now; ink: for SVG, which follows the theme. */
const styleOf = (i) => ({color: css("--s" + (i % 8)), ink: `var(--s${i % 8})`, dash: DASHES[i % 8], mark: MARKS[i % 8]});

/** The path of a mark around 0,0 as SVG path data; canvas takes the same. */
function markPath(mark, r) {
  const poly = (...p) => "M" + p.map(([x, y]) => (x * r).toFixed(2) + " " + (y * r).toFixed(2)).join("L") + "Z";
  switch (mark) {
    case "square": return poly([-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]);
    case "triangle": return poly([0, -1.1], [1, 0.8], [-1, 0.8]);
    case "down": return poly([0, 1.1], [1, -0.8], [-1, -0.8]);
    case "diamond": return poly([0, -1.2], [1.2, 0], [0, 1.2], [-1.2, 0]);
    case "cross": return poly([-1, -0.6], [-0.6, -1], [0, -0.4], [0.6, -1], [1, -0.6], [0.4, 0], [1, 0.6], [0.6, 1], [0, 0.4], [-0.6, 1], [-1, 0.6], [-0.4, 0]);
    case "plus": return poly([-0.35, -1.1], [0.35, -1.1], [0.35, -0.35], [1.1, -0.35], [1.1, 0.35], [0.35, 0.35], [0.35, 1.1], [-0.35, 1.1], [-0.35, 0.35], [-1.1, 0.35], [-1.1, -0.35], [-0.35, -0.35]);
    case "star": return poly(...Array.from({length: 10}, (_, k) => [Math.sin(k * Math.PI / 5) * (k % 2 ? 0.5 : 1.2), -Math.cos(k * Math.PI / 5) * (k % 2 ? 0.5 : 1.2)]));
    default: return `M${-r} 0A${r} ${r} 0 1 0 ${r} 0A${r} ${r} 0 1 0 ${-r} 0Z`;
  }
}

const charts = new Set();
/** Faults behind the lines: shaded, with a dashed edge and their words. */
function shadeFaults(faults) {
  return (u) => {
    if (faults.length === 0) return;
    const {ctx} = u, {left, top, width, height} = u.bbox, ratio = devicePixelRatio, names = faults.map((f) => f.text);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    faults.forEach((f, i) => {
      const x0 = u.valToPos(f.start, "x", true), x1 = Number.isFinite(f.end) ? u.valToPos(f.end, "x", true) : left + width;
      ctx.fillStyle = css("--fault");
      ctx.fillRect(x0, top, Math.max(2, x1 - x0), height);
      ctx.strokeStyle = css("--fault-line");
      ctx.lineWidth = ratio;
      ctx.setLineDash([3 * ratio, 3 * ratio]);
      for (const x of [x0, x1]) { ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, top + height); ctx.stroke(); }
      ctx.fillStyle = css("--fault-line");
      ctx.font = `${11 * ratio}px system-ui, sans-serif`;
      ctx.textBaseline = "top";
      // Its name stands at the first band that has it, each name on a line of its own; bands that come again have their number.
      const line = [...new Set(names)].indexOf(f.text) % 4;
      ctx.fillText(names.indexOf(f.text) === i ? `${i + 1} ${f.text}` : String(i + 1), x0 + 4 * ratio, top + (3 + 13 * line) * ratio);
    });
    ctx.restore();
  };
}

/** Marks at about ten places of a line, not at each point. */
function drawMarks(series) {
  return (u) => {
    const {ctx} = u, ratio = devicePixelRatio;
    series.forEach((s, i) => {
      if (!u.series[i + 1].show) return;
      const style = styleOf(s.style), xs = u.data[0], ys = u.data[i + 1], known = [];
      for (let k = 0; k < xs.length; k++) {
        if (ys[k] !== null && ys[k] !== undefined && xs[k] >= u.scales.x.min && xs[k] <= u.scales.x.max) known.push(k);
      }
      if (known.length === 0) return;
      ctx.save();
      ctx.fillStyle = style.color;
      let next = -Infinity;
      const gap = u.bbox.width / 9;
      const offset = (gap / (series.length + 1)) * i;
      for (const k of known) {
        const x = u.valToPos(xs[k], "x", true), y = u.valToPos(ys[k], "y", true);
        if (x < next || (next === -Infinity && known.length > 20 && x < u.bbox.left + offset)) continue;
        next = x + gap;
        ctx.save();
        ctx.translate(x, y);
        ctx.fill(new Path2D(markPath(style.mark, 4 * ratio)));
        ctx.restore();
      }
      ctx.restore();
    });
  };
}

function swatch(style) {
  return svg("svg", {width: 34, height: 12, "aria-hidden": "true"},
    svg("line", {x1: 1, x2: 33, y1: 6, y2: 6, stroke: style.ink, "stroke-width": 2, "stroke-dasharray": style.dash.join(" ") || "none"}),
    svg("path", {d: markPath(style.mark, 4), transform: "translate(17 6)", fill: style.ink}));
}

/** 1, 2, 5, 10, ... within a logarithmic axis; fewer where there is no room. */
function decades(low, high, width) {
  const out = [], steps = Math.log10(high / low) * 3 * 64 > width ? [1] : [1, 2, 5];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of steps) if (step * 10 ** power >= low && step * 10 ** power <= high) out.push(step * 10 ** power);
  }
  return out.length ? out : [low, high];
}

/**
 * A figure with a chart. spec: {title, note, x: {label, log, unit}, y: {label, range}, xs, series: [{name, values, style, stepped}],
 * faults, height, sync, table: () => Node}.
 */
function chart(spec) {
  const holder = el("div", {class: "chart", tabindex: "0", role: "img",
    "aria-label": spec.title + ": " + spec.series.map((s) => s.name).join(", ") + ". " + ((spec.faults || []).length ? "Shaded: " + [...new Set(spec.faults.map((f) => f.text))].slice(0, 8).join(", ") + ". " : "") + "Arrow keys move along the x axis; the table below has the numbers."});
  const readout = el("div", {class: "readout", "aria-live": "polite"});
  const legend = el("div", {class: "legend", role: "group", "aria-label": "Lines shown"});
  const shown = spec.series.map(() => true);
  let plot = null;
  const axisText = (vals) => vals.map((v) => (v === null ? "" : v >= 1000 || Number.isInteger(v) ? String(v) : String(+v.toPrecision(3))));
  const say = (index) => {
    if (index === null || index === undefined) { readout.textContent = ""; return; }
    const unit = spec.y.unit || "";
    readout.textContent = spec.x.label + " " + figure(spec.xs[index]) + ": " + spec.series.filter((_, i) => shown[i])
      .map((s) => s.name + " " + (s.values[index] === null || s.values[index] === undefined ? "-" : figure(s.values[index]) + unit)).join(", ");
  };
  const make = () => {
    if (plot) plot.destroy();
    const width = Math.max(240, holder.clientWidth || 640), grid = {stroke: css("--line"), width: 1}, stroke = css("--soft");
    const font = "12px system-ui, sans-serif";
    const options = {
      width, height: spec.height || (width < 500 ? 230 : 300),
      cursor: {drag: {x: true, y: false}, points: {show: false}, ...(spec.sync ? {sync: {key: spec.sync}} : {})},
      legend: {show: false},
      scales: {x: {time: false, distr: spec.x.log ? 3 : 1, ...(spec.x.range ? {range: spec.x.range} : {})}, y: {range: spec.y.range || ((u, min, max) => [0, Math.max(max * 1.08, 1)])}},
      axes: [{stroke, grid, ticks: grid, font, label: spec.x.label, labelFont: font, labelSize: 18, values: (u, v) => axisText(v), space: width < 500 ? 48 : 64,
              ...(spec.x.log ? {splits: (u, axis, low, high) => decades(low, high, width), filter: (u, splits) => splits} : {}), ...(spec.x.splits ? {splits: () => spec.x.splits} : {})},
             {stroke, grid, ticks: grid, font, size: 56, values: (u, v) => axisText(v)}],
      series: [{}, ...spec.series.map((s, i) => {
        const style = styleOf(s.style);
        return {label: s.name, stroke: style.color, width: 2, dash: style.dash, show: shown[i], spanGaps: !s.gaps, points: {show: false},
                ...(s.stepped ? {paths: uPlot.paths.stepped({align: 1})} : {})};
      })],
      hooks: {drawClear: [shadeFaults(spec.faults || [])], draw: [drawMarks(spec.series)], setCursor: [(u) => say(u.cursor.idx)]},
    };
    holder.replaceChildren();
    plot = new uPlot(options, [spec.xs, ...spec.series.map((s) => s.values)], holder);
    legend.replaceChildren(...spec.series.map((s, i) => el("button", {type: "button", "aria-pressed": String(shown[i]), onclick: (event) => {
      shown[i] = !shown[i];
      plot.setSeries(i + 1, {show: shown[i]});
      event.currentTarget.setAttribute("aria-pressed", String(shown[i]));
    }}, swatch(styleOf(s.style)), s.name)));
  };
  holder.addEventListener("keydown", (event) => {
    const step = {ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10}[event.key];
    if (!step || !plot) return;
    event.preventDefault();
    const now = plot.cursor.idx === null || plot.cursor.idx === undefined ? (step > 0 ? -1 : spec.xs.length) : plot.cursor.idx;
    const next = Math.min(spec.xs.length - 1, Math.max(0, now + step));
    plot.setCursor({left: plot.valToPos(spec.xs[next], "x"), top: 10});
    say(next);
  });
  charts.add({make, holder, width: () => (plot ? plot.width : 0)});
  const node = el("figure", {}, el("figcaption", {}, spec.title, spec.note ? el("span", {class: "soft"}, " " + spec.note) : null), legend, holder, readout,
    spec.table ? lazyDetails("As a table", spec.table) : null);
  requestAnimationFrame(make);
  return node;
}

/** <details> whose content is made when it is first opened: a page of many tables stays quick. */
function lazyDetails(title, make) {
  const node = el("details", {}, el("summary", {}, title));
  node.addEventListener("toggle", () => { if (node.open && node.children.length === 1) node.append(make()); });
  return node;
}

/** Draws again what is on the page: another width, theme or medium. Forgets what was replaced. */
function redraw(all) {
  for (const one of charts) {
    if (!one.holder.isConnected) charts.delete(one);
    else if (all || Math.abs(one.width() - Math.max(240, one.holder.clientWidth)) > 1) one.make();
  }
}
