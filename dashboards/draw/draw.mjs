// draw.mjs PROMETHEUS RUN FROM TO OUT [CELL]: the time series, stat and bar panels of the dashboards, with what that
// Prometheus answers, as OUT/grafana-*.png. Called by `run`.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [prometheus, run, from, to, out, cell = '.*'] = process.argv.slice(2);
const [start, end] = [Number(from), Number(to)];
const step = Math.max(1, Math.ceil((end - start) / 600));
const width = 1400;
const drawable = new Set(['timeseries', 'stat', 'bargauge', 'row']);

let node = '.*';
const fill = (expression) => expression
  .replaceAll('$run', run).replaceAll('$cell', cell).replaceAll('$protocol', '.*').replaceAll('$region', '.*').replaceAll('$node', node)
  .replaceAll('$__rate_interval', '5s').replaceAll('$__range', `${Math.ceil(end - start)}s`);

async function ask(path, parameters) {
  const answer = await fetch(`${prometheus}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const body = await answer.json();
  if (body.status !== 'success') throw new Error(`${parameters.query}: ${body.error}`);
  return body.data.result;
}

/** The agent of the first region in the alphabet: something that votes, holds locks and writes. */
const firstAgent = async () => (await ask('query', { query: `count by (node) (max_over_time(geocommit_forced_writes_total{run="${run}"}[${Math.ceil(end - start)}s]))`, time: end }))
  .map((one) => one.metric.node).filter((one) => one?.startsWith('agent@')).sort()[0] ?? '.*';

const query = (target) => target.instant
  ? ask('query', { query: fill(target.expr), time: end })
  : ask('query_range', { query: fill(target.expr), start, end, step });

async function faultsOf(dashboard) {
  const annotation = dashboard.annotations.list.find((one) => one.name === 'Faults');
  const found = await ask('query_range', { query: fill(annotation.target.expr), start, end, step: 1 });
  const bands = [];
  for (const series of found) {
    for (const [at] of series.values) {
      const last = bands[bands.length - 1];
      if (last && at - last[1] <= 1 && at >= last[0]) last[1] = Math.max(last[1], at + 1);
      else bands.push([at, at + 1]);
    }
  }
  return bands;
}

function chromium(url, height, ...more) {
  return execFileSync('chromium', ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--virtual-time-budget=15000', '--force-device-scale-factor=0.8',
    `--window-size=${width + 8},${height}`, ...more, url], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28, timeout: 120000 });
}

mkdirSync(join(here, 'build'), { recursive: true });
const bundle = await build({
  entryPoints: [join(here, 'page.jsx')], bundle: true, write: false, format: 'iife', minify: true, jsx: 'automatic', logLevel: 'error',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' }, platform: 'browser',
  loader: { '.svg': 'dataurl', '.css': 'empty', '.woff2': 'empty' },
});
const uplotCss = readFileSync(join(here, 'node_modules', 'uplot', 'dist', 'uPlot.min.css'), 'utf8');
for (const name of ['run', 'compare', 'partition', 'node']) {
  // That dashboard is about one process; the others look at all.
  node = name === 'node' ? await firstAgent() : '.*';
  const dashboard = JSON.parse(readFileSync(join(here, '..', 'grafana', `${name}.json`)));
  const panels = dashboard.panels.filter((panel) => drawable.has(panel.type));
  const results = {};
  for (const panel of panels) results[panel.id] = await Promise.all((panel.targets ?? []).map(query));
  // What is left out leaves no hole.
  let lift = 0;
  const rows = [...new Set(dashboard.panels.map((panel) => panel.gridPos.y))].sort((a, b) => a - b);
  const moved = new Map();
  rows.forEach((y, i) => {
    moved.set(y, y - lift);
    if (!panels.some((panel) => panel.gridPos.y === y)) lift += (rows[i + 1] ?? y) - y;
  });
  for (const panel of panels) panel.gridPos.y = moved.get(panel.gridPos.y);
  const height = 60 + Math.max(...panels.map((panel) => panel.gridPos.y + panel.gridPos.h)) * 38;
  const data = { title: dashboard.title, subtitle: `${run}${cell === '.*' ? '' : `, ${cell}`}${node === '.*' ? '' : `, ${node}`}`, mode: 'light', width, from: start, to: end, step, panels,
    results, faults: await faultsOf(dashboard) };
  const page = join(here, 'build', `${name}.html`);
  writeFileSync(page, `<!doctype html><meta charset="utf-8"><style>${uplotCss} body{margin:0}</style><div id="root"></div>` +
    `<script id="data" type="application/json">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script><script>${bundle.outputFiles[0].text.replaceAll('</script', '<\\/script')}</script>`);
  const url = pathToFileURL(page).href;
  const dom = chromium(url, height, '--dump-dom');
  const canvases = Number(/data-canvases="(\d+)"/.exec(dom)?.[1] ?? 0);
  const wanted = panels.filter((panel) => panel.type === 'timeseries' && results[panel.id].some((one) => one.length > 0)).length;
  if (canvases < wanted) throw new Error(`${name}: ${canvases} charts were drawn, ${wanted} have data`);
  mkdirSync(out, { recursive: true });
  chromium(url, Math.min(height, name === 'run' ? 1560 : height), `--screenshot=${join(out, `grafana-${name}.png`)}`);
  console.log(`${name}: ${canvases} charts drawn, ${wanted} panels with data -> ${join(out, `grafana-${name}.png`)}`);
}
