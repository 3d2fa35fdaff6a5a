// The picture that the page opens with: every protocol at every point, what it answered, who was blocked, what split.

const POINTS_SHOWN = 16;
const phased = groups.some((g) => cellsOf(g).some((c) => c.phases));

/** A number inside a line of text, with its place in summary.json. */
const num = (text, value, path) => el("span", {"data-value": value === null ? null : String(value), "data-path": value === null ? null : path}, text);

/** {value, path}: the share of what was offered that had its answer within 1 s; of repetitions that of all of them. */
function answered(group) {
  const path = phased ? ["phases", "during", "availability"] : ["availability"], offered = phased ? ["phases", "during", "offered"] : ["transactions", "offered"];
  const known = cellsOf(group).filter((c) => at(c, ...path) !== null);
  if (known.length === 0) return {value: null, path: null};
  if (known.length === 1) return {value: at(known[0], ...path), path: placeOf(group, ...path)};
  const weight = sum(known.map((c) => at(c, ...offered)));
  return {value: weight > 0 ? sum(known.map((c) => at(c, ...path) * at(c, ...offered))) / weight : null, path: null};
}

/** What the verdict holds against a group: a line a class. */
function wrongs(group) {
  const verdict = verdictOf(group), classes = [...new Set(cellsOf(group).flatMap((c) => Object.keys(c.violations || {})))];
  const lines = classes.map((name) => [name, total(group, "violations", name)]).filter(([, n]) => n > 0)
    .map(([name, n]) => el("div", {class: "mark " + verdict.kind}, verdict.sign + " ", num(whole(n), n, placeOf(group, "violations", name)), ` ${name === "split_outcome" ? "split" : name.replaceAll("_", " ")}${verdict.kind === "expected" ? " (expected)" : ""}`));
  return lines.length || verdict.kind === "pass" ? lines : [el("div", {class: "mark " + verdict.kind}, `${verdict.sign} ${verdict.word}`)];
}

function blockedLine(group) {
  const ended = total(group, "blocking_ms", "count"), open = total(group, "blocking_ms", "censored"), longest = most(group, "blocking_ms", "max");
  if (ended + open === 0) return el("div", {class: "soft"}, "none blocked");
  return el("div", {}, num(whole(ended), ended, placeOf(group, "blocking_ms", "count")), " blocked", open > 0 ? [" and ", num(whole(open), open, placeOf(group, "blocking_ms", "censored")), " to the end"] : null,
    ", up to ", num((open > 0 ? ">" : "") + figure(longest), longest, placeOf(group, "blocking_ms", "max")), " ms");
}

/** Without faults all is answered, and what differs is how soon. */
function soonLine(group) {
  if (phased) return null;
  const [half, tail] = ["p50", "p99"].map((name) => quantile(group, "client_latency", name)), mark = atLeast(group, "client_latency");
  if (half.value === null) return null;
  return el("div", {}, num(mark + figure(half.value), half.value, half.path), " ms, p99 ", num((tail.value === null ? "" : mark) + figure(tail.value), tail.value, tail.path), " ms");
}

function tile(group) {
  if (!group) return el("td", {class: "soft"}, "not run");
  const share = answered(group), kind = share.value === null ? "none" : share.value >= 0.99 ? "most" : share.value >= 0.5 ? "some" : "few";
  return el("td", {class: "tile"}, el("div", {class: "share"}, num(percent(share.value), share.value, share.path), el("span", {class: "soft"}, " answered")),
    el("div", {class: "bar", "aria-hidden": "true"}, el("i", {class: kind, style: `width:${(100 * Math.min(1, share.value || 0)).toFixed(1)}%`})),
    soonLine(group), blockedLine(group), wrongs(group));
}

function tiles(list) {
  return el("table", {class: "picture"}, el("caption", {}, el("span", {}, (phased ? "During the faults" : "In the measurement window") + ": answered definitely and within 1 s; blocked: in doubt past the decision timeout" + (phased ? "" : "; client latency p50 and p99"))),
    el("thead", {}, el("tr", {}, el("th", {scope: "col"}, ""), protocols.map((p) => el("th", {scope: "col"}, p)))),
    el("tbody", {}, list.map((point) => el("tr", {}, el("th", {scope: "row"}, point || "all"), protocols.map((p) => tile(groups.find((g) => g.protocol === p && g.point === point)))))));
}

/** A grid of protocols and points; where a rate was swept, the curve comes first. */
function picture() {
  if (groups.length === 0) return null;
  const rest = points.slice(POINTS_SHOWN), scroll = (list) => el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "The result of each protocol at each point"}, tiles(list));
  return el("div", {class: "glance"}, throughputCurve(), scroll(points.slice(0, POINTS_SHOWN)), rest.length ? lazyDetails(`The other ${rest.length} points`, () => scroll(rest)) : null);
}

/** A finding as short lines: what it is about, then a line a statement. */
function finding(one) {
  const cut = one.text.indexOf(": "), head = cut > 0 && cut <= 60 ? one.text.slice(0, cut) : "";
  const lines = (head ? one.text.slice(cut + 2) : one.text).split(/; |\. (?=[A-Z])/);
  return el("li", {class: one.kind}, head ? el("b", {}, head + ": ") : null, lines.map((line, i) => el("span", {class: i ? "then" : null}, line + (i + 1 < lines.length ? ". " : ""))));
}
