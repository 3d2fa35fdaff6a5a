// The WAN: on a map where every region's city is known, else laid out so that distance means round trip.

// Latitude and longitude of the providers' regions, to a degree: the cities are public.
const PLACES = {
  "us-east-1": [39, -77], "us-east-2": [40, -83], "us-west-1": [37.5, -122], "us-west-2": [45.5, -121], "ca-central-1": [45.5, -73.5], "ca-west-1": [51, -114], "sa-east-1": [-23.5, -46.5], "eu-west-1": [53.3, -6.3], "eu-west-2": [51.5, 0],
  "eu-west-3": [48.8, 2.3], "eu-central-1": [50, 8.6], "eu-central-2": [47.4, 8.5], "eu-north-1": [59.3, 18], "eu-south-1": [45.4, 9.2], "eu-south-2": [41.6, -0.9], "ap-south-1": [19, 72.8], "ap-south-2": [17.4, 78.5], "ap-east-1": [22.3, 114.2],
  "ap-northeast-1": [35.6, 139.7], "ap-northeast-2": [37.5, 127], "ap-northeast-3": [34.7, 135.5], "ap-southeast-1": [1.3, 103.8], "ap-southeast-2": [-33.9, 151.2], "ap-southeast-3": [-6.2, 106.8], "ap-southeast-4": [-37.8, 145], "me-south-1": [26, 50.5],
  "me-central-1": [24.5, 54.4], "af-south-1": [-33.9, 18.4], "il-central-1": [32, 34.8],
  "us-central1": [41.3, -95.9], "us-east1": [33.2, -80], "us-east4": [39, -77.5], "us-west1": [45.6, -121.2], "us-west2": [34, -118.2], "europe-west1": [50.4, 3.8], "europe-west2": [51.5, -0.1], "europe-west3": [50.1, 8.7], "europe-west4": [53.4, 6.8],
  "europe-north1": [60.6, 27.2], "asia-east1": [24, 120.5], "asia-east2": [22.3, 114.2], "asia-northeast1": [35.7, 139.7], "asia-south1": [19, 72.9], "asia-southeast1": [1.35, 103.7], "australia-southeast1": [-33.9, 151.2], "southamerica-east1": [-23.5, -46.6], "northamerica-northeast1": [45.5, -73.6],
  "eastus": [37.4, -79], "eastus2": [36.7, -78.4], "centralus": [41.6, -93.6], "westus": [37.8, -122.4], "westus2": [47.2, -119.9], "westus3": [33.4, -112], "southcentralus": [29.4, -98.5], "northeurope": [53.3, -6.3], "westeurope": [52.4, 4.9], "uksouth": [51.5, -0.1], "francecentral": [46.6, 2.4],
  "germanywestcentral": [50.1, 8.7], "swedencentral": [60.7, 17.1], "japaneast": [35.7, 139.8], "koreacentral": [37.6, 127], "southeastasia": [1.3, 103.8], "eastasia": [22.3, 114.2], "australiaeast": [-33.9, 151.2], "centralindia": [18.6, 73.9], "brazilsouth": [-23.6, -46.6], "southafricanorth": [-25.7, 28.2],
  "us-south": [32.8, -96.8], "us-east": [39, -77.5], "eu-gb": [51.5, -0.1], "eu-de": [50.1, 8.7], "jp-tok": [35.7, 139.7], "jp-osa": [34.7, 135.5], "au-syd": [-33.9, 151.2], "ca-tor": [43.7, -79.4], "br-sao": [-23.5, -46.6], "eu-es": [40.4, -3.7]};

/** [{name, regions, rtt[i][j] ms, source}] of topology.json, or what the run's environment tells. */
function topologies() {
  if (data.topologies && data.topologies.length) return data.topologies.map((t) => ({...t, rtt: t.round_trip_ms}));
  const environment = data.environment || {}, names = at(environment, "topology", "regions");
  if (!names || !environment.round_trips) return [];
  const rtt = names.map((a) => names.map((b) => {
    const pair = environment.round_trips.find((p) => (p.a === a && p.b === b) || (p.a === b && p.b === a));
    return pair ? pair.configured_ms : null;
  }));
  return [{name: environment.topology.name, regions: names, rtt, source: environment.topology}];
}

const between = (t, i, j) => (t.rtt[i][j] === null || t.rtt[j][i] === null ? t.rtt[i][j] ?? t.rtt[j][i] : (t.rtt[i][j] + t.rtt[j][i]) / 2);

/** Places in a plane whose distances follow the round trips: gradient descent on the stress from a circle. */
function layout(t) {
  const n = t.regions.length, longest = Math.max(1, ...t.regions.flatMap((_, i) => t.regions.map((_, j) => between(t, i, j) || 0)));
  const p = t.regions.map((_, i) => [Math.cos(2 * Math.PI * i / n), Math.sin(2 * Math.PI * i / n)]);
  for (let round = 0; round < 400; round++) {
    const rate = 0.25 * (1 - round / 400);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        if (i === j) continue;
        const want = 0.15 + 1.85 * (between(t, i, j) || 0) / longest, dx = p[i][0] - p[j][0], dy = p[i][1] - p[j][1], d = Math.hypot(dx, dy) || 1e-6;
        const step = rate * (want - d) / d / n;
        p[i][0] += step * dx;
        p[i][1] += step * dy;
      }
    }
  }
  return p;
}

function drawMap(t) {
  const known = t.regions.every((r) => Object.hasOwn(PLACES, r));
  const raw = known ? t.regions.map((r) => [PLACES[r][1], -PLACES[r][0]]) : layout(t).map(([x, y]) => [x * 60, y * 40]);
  const pad = known ? 14 : 22;
  let x0 = Math.min(...raw.map((p) => p[0])) - pad * 1.6, x1 = Math.max(...raw.map((p) => p[0])) + pad * 1.6, y0 = Math.min(...raw.map((p) => p[1])) - pad, y1 = Math.max(...raw.map((p) => p[1])) + pad;
  const wide = Math.max(x1 - x0, (y1 - y0) * 1.6), tall = Math.max(y1 - y0, wide / 2.4);
  [x0, x1] = [(x0 + x1 - wide) / 2, (x0 + x1 + wide) / 2];
  [y0, y1] = [(y0 + y1 - tall) / 2, (y0 + y1 + tall) / 2];
  const scale = 900 / wide, height = tall * scale, place = ([x, y]) => [(x - x0) * scale, (y - y0) * scale];
  const at2 = raw.map(place), few = t.regions.length <= 6;
  const lines = [], labels = [];
  const slowest = Math.max(1, ...t.regions.flatMap((_, i) => t.regions.map((_, j) => (i < j ? between(t, i, j) || 0 : 0))));
  for (let i = 0; i < t.regions.length; i++) {
    for (let j = i + 1; j < t.regions.length; j++) {
      const rtt = between(t, i, j);
      if (rtt === null) continue;
      const [a, b] = [at2[i], at2[j]], mx = (a[0] + b[0]) / 2, my = (a[1] + b[1]) / 2 - (known ? Math.hypot(b[0] - a[0], b[1] - a[1]) * 0.12 : 0);
      lines.push(svg("path", {d: `M${a}Q${mx} ${my} ${b}`, fill: "none", stroke: "var(--s0)", "stroke-width": few ? 1.8 : 0.8, opacity: few ? 0.9 : 0.55 - 0.35 * rtt / slowest},
        svg("title", {}, `${t.regions[i]} to ${t.regions[j]}: ${figure(rtt)} ms`)));
      if (few) labels.push({x: (a[0] + b[0]) / 4 + mx / 2, y: (a[1] + b[1]) / 4 + my / 2 - 4, text: figure(rtt) + " ms", anchor: "middle", soft: true});
    }
  }
  // A label keeps clear of those placed before it.
  const taken = labels.map((l) => [l.x, l.y]);
  const names = t.regions.map((r, i) => {
    const tries = [[0, 20], [0, -11], [12, 4, "start"], [-12, 4, "end"], [0, 34], [0, -24]];
    const spot = tries.find(([dx, dy]) => taken.every(([x, y]) => Math.abs(x - at2[i][0] - dx) > 70 || Math.abs(y - at2[i][1] - dy) > 13)) || tries[0];
    taken.push([at2[i][0] + spot[0], at2[i][1] + spot[1]]);
    return {x: at2[i][0] + spot[0], y: at2[i][1] + spot[1], text: r, anchor: spot[2] || "middle"};
  });
  return svg("svg", {class: "draw", viewBox: `0 0 900 ${height.toFixed(0)}`, role: "img", "aria-label": `Topology ${t.name}: ${t.regions.join(", ")}; the table below has the round trips`},
    known ? svg("path", {d: document.getElementById("land").textContent.trim(), transform: `scale(${scale}) translate(${-x0} ${-y0})`, fill: "var(--land)"}) : [],
    lines, at2.map((p) => svg("circle", {cx: p[0], cy: p[1], r: 6, fill: "var(--s1)", stroke: "var(--bg)", "stroke-width": 1.5})),
    [...labels, ...names].map((l) => svg("text", {x: l.x, y: l.y, "text-anchor": l.anchor, class: l.soft ? "halo soft" : "halo"}, l.text)));
}

function drawTopology() {
  const all = topologies();
  if (all.length === 0) return;
  const measured = at(data.environment, "round_trips") || [];
  section("topology", "Network", "The network", all.map((t) => [
    el("figure", {}, el("figcaption", {}, t.name, el("span", {class: "soft"}, Object.hasOwn(PLACES, t.regions[0]) ? "" : " laid out so that distance follows the round trip")), el("div", {class: "map"}, drawMap(t))),
    lazyOrTable(t),
    t.source && (t.source.text || t.source.source) ? el("p", {class: "soft"}, "Round trips: " + [t.source.statistic, t.source.date, t.source.text || t.source.source].filter(Boolean).join("; ")) : null]),
    measured.length ? table("Round trips as emulated, before the run, ms", ["", "configured", "measured p50", "p99", "samples", "lost"], measured.map((p) => [p.a + " to " + p.b, figure(p.configured_ms), figure(p.p50_ms), figure(p.p99_ms), whole(p.samples), whole(p.lost)]), true) : null);
}

function lazyOrTable(t) {
  const make = () => table("Round trips in ms, of each direction", ["from / to", ...t.regions], t.regions.map((r, i) => [r, ...t.regions.map((_, j) => (t.rtt[i][j] === null ? "-" : figure(t.rtt[i][j])))]), true);
  return t.regions.length <= 8 ? make() : lazyDetails("Round trips as a table", make);
}
