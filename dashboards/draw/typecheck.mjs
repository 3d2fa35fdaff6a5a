// Holds dashboards/grafana/*.json against Grafana's own types: the dashboard, each panel with the options and field
// options of its type, variables and annotations. Each becomes a literal in a TypeScript file, so that a property that
// the schema does not have is an error too.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const grafana = join(here, '..', 'grafana');
const out = join(here, 'build');
const kinds = {
  timeseries: 'timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen',
  stat: 'stat/panelcfg/x/StatPanelCfg_types.gen',
  bargauge: 'bargauge/panelcfg/x/BarGaugePanelCfg_types.gen',
  heatmap: 'heatmap/panelcfg/x/HeatmapPanelCfg_types.gen',
  'state-timeline': 'statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen',
  table: 'table/panelcfg/x/TablePanelCfg_types.gen',
};
const withFieldConfig = new Set(['timeseries', 'heatmap', 'state-timeline', 'table']);

const lines = [
  `import type { AnnotationQuery, Dashboard, DashboardLink, Panel, RowPanel, VariableModel } from '@grafana/schema';`,
  ...Object.entries(kinds).map(([kind, path], i) => `import type * as K${i} from '@grafana/schema/dist/types/raw/composable/${path}.d.ts';`),
  // JSON has the values of enums, not their members.
  'type Loose<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined | symbol ? T',
  '  : T extends (infer U)[] ? Loose<U>[] : T extends object ? { [K in keyof T]: Loose<T[K]> } : T;',
  // What the Prometheus data source reads of a query and an annotation: grafana-prometheus/src/types.ts.
  'interface PromTarget { refId: string; expr: string; datasource?: { type: string; uid: string }; legendFormat?: string; editorMode?: "code" | "builder";',
  '  instant?: boolean; range?: boolean; format?: "time_series" | "table" | "heatmap"; interval?: string; }',
  'interface PromAnnotation { target?: PromTarget; titleFormat?: string; textFormat?: string; tagKeys?: string; useValueForTime?: boolean; }',
  'type Mine<P> = Omit<Loose<P>, "targets"> & { targets: PromTarget[] };',
  'type Prom<A> = Omit<Loose<A>, "target"> & PromAnnotation;',
];
let checks = 0;
for (const file of readdirSync(grafana).filter((name) => name.endsWith('.json')).sort()) {
  const name = file.replace('.json', '');
  const dashboard = JSON.parse(readFileSync(join(grafana, file)));
  const { panels, templating, annotations, links, ...rest } = dashboard;
  const literal = (type, value) => {
    lines.push(`const ${name}_${checks++}: ${type} = ${JSON.stringify(value)};`);
  };
  literal('Loose<Omit<Dashboard, "panels" | "templating" | "annotations" | "links">>', rest);
  for (const panel of panels) {
    if (panel.type === 'row') {
      literal('Loose<RowPanel>', panel);
      continue;
    }
    const kind = Object.keys(kinds).indexOf(panel.type);
    if (kind < 0) throw new Error(`${file}: no types are known for a panel of type ${panel.type}`);
    literal(`Mine<Panel<K${kind}.Options${withFieldConfig.has(panel.type) ? `, K${kind}.FieldConfig` : ''}>>`, panel);
    literal(`Loose<K${kind}.Options>`, panel.options);
    if (withFieldConfig.has(panel.type)) literal(`Loose<K${kind}.FieldConfig>`, panel.fieldConfig.defaults.custom);
  }
  for (const variable of templating.list) literal('Loose<VariableModel>', variable);
  for (const annotation of annotations.list) literal('Prom<AnnotationQuery>', annotation);
  for (const link of links) literal('Loose<DashboardLink>', link);
}
// A check that never failed is unproven.
const wrong = [
  ['K0.Options', { legend: { displayMode: 'chart', placement: 'bottom', showLegend: true, calcs: [] }, tooltip: { mode: 'multi', sort: 'desc' } }],
  ['K0.Options', { legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: [] }, tooltip: { mode: 'multi', sort: 'desc' }, sidebar: 1 }],
  ['K1.Options', { textMode: 'auto' }],
  ['K4.Options', { rowHeight: '0.9', showValue: 'never', legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] }, tooltip: { mode: 'single', sort: 'none' } }],
];
for (const [type, value] of wrong) {
  lines.push('// @ts-expect-error planted', `const wrong_${checks++}: Loose<${type}> = ${JSON.stringify(value)};`);
}
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'dashboards.ts'), lines.join('\n') + '\nexport {};\n');
writeFileSync(join(out, 'tsconfig.json'), JSON.stringify({
  compilerOptions: { strict: true, noEmit: true, skipLibCheck: true, module: 'nodenext', moduleResolution: 'nodenext', target: 'es2022', types: [] },
  files: ['dashboards.ts'],
}));
try {
  execFileSync(join(here, 'node_modules', '.bin', 'tsc'), ['-p', out], { encoding: 'utf8' });
} catch (error) {
  process.stderr.write(error.stdout ?? String(error));
  process.exit(1);
}
console.log(`types: ${checks} literals agree with @grafana/schema; ${wrong.length} planted faults were found`);
