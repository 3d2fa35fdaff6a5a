// Everything from the data reaches the page as text nodes or checked attributes: no markup is ever made from a string.

const data = JSON.parse(document.getElementById("data").textContent);
const summary = data.summary;
const cells = summary.cells;

/** el("td", {class: "x"}, "text", node, ...): null children are left out. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(9).filter((c) => c !== null && c !== undefined));
  return node;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children.flat(9));
  return node;
}

/** Three significant figures, as the terminal prints them (os/console.cpp). */
function figure(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  return value.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}
/** 12 as "12", 11.97 as "12.0": an exact count looks exact. */
const counted = (value) => (value !== null && value !== undefined && Math.abs(value - Math.round(value)) < 1e-9 ? String(Math.round(value)) : figure(value));
const whole = (value) => (value === null || value === undefined ? "-" : String(value));
const percent = (share) => (share === null || share === undefined ? "-" : figure(100 * share) + " %");

/** The value at a path of keys, or null. */
function at(object, ...path) {
  for (const key of path) {
    if (object === null || typeof object !== "object" || !Object.hasOwn(object, key)) return null;
    object = object[key];
  }
  return object === undefined ? null : object;
}
const sum = (values) => values.reduce((a, b) => a + (b || 0), 0);

/** A cell of a table that names where in summary.json its number is, so that a test can compare the two. */
function valueCell(text, value, path) {
  const known = typeof value === "number" && Number.isFinite(value);
  return el("td", {"data-value": known ? String(value) : null, "data-path": known && path ? path : null}, text);
}

/** rows: [label, cells..., {sub: true}?]; a cell is a node (td) or text. The first column is a row header. A text alone heads the rows below it. */
function table(caption, heads, rows, wide) {
  const body = rows.map((row) => {
    if (typeof row === "string") return el("tr", {class: "heads"}, el("th", {scope: "colgroup", colspan: String(heads.length)}, row));
    const last = row[row.length - 1];
    const sub = last !== null && typeof last === "object" && last.sub === true;  // Strings have a sub() of their own.
    const columns = sub ? row.slice(1, -1) : row.slice(1);
    return el("tr", {class: sub ? "sub" : null}, el("th", {scope: "row"}, row[0]),
      columns.map((c) => (c instanceof Node ? c : el("td", {}, c === null || c === undefined ? "-" : String(c)))));
  });
  return el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": caption},
    el("table", {class: wide === true ? "wide" : wide || null}, el("caption", {}, el("span", {}, caption)), el("thead", {}, el("tr", {}, heads.map((h) => el("th", {scope: "col"}, h)))), el("tbody", {}, body)));
}

/** A labelled <select>; options [[value, text]]. */
function choice(label, options, selected, changed) {
  const select = el("select", {onchange: () => changed(select.value)}, options.map(([value, text]) => el("option", {value, selected: value === selected}, text)));
  return el("label", {}, label, select);
}

const sections = [];
/** A section of the page, in the order of the calls; empty ones are not shown. */
function section(id, short, title, ...content) {
  const shown = content.flat(9).filter((c) => c !== null && c !== undefined);
  if (shown.length === 0) return null;
  const node = el("section", {id, "aria-labelledby": id + "-title"}, el("h2", {id: id + "-title"}, title), shown);
  sections.push({id, title: short});
  document.getElementById("main").append(node);
  return node;
}
