// The panels of a dashboard, drawn by Grafana's own UI library: TimeSeries, BigValue and BarGauge inside PanelChrome.
// What Grafana's server and its plugins would add (queries, variables, the other panel types) is not here.
import { createTheme, dateTime, FieldType, getDisplayProcessor, getFieldDisplayName, toDataFrame, ThemeContext } from '@grafana/data';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, TimeSeries } from '@grafana/ui';
import React from 'react';
import { createRoot } from 'react-dom/client';

const given = JSON.parse(document.getElementById('data').textContent);
const theme = createTheme({ colors: { mode: given.mode } });
const unit = given.width / 24;
const rowHeight = 30;
const gap = 8;

const legend = (format, labels) => format.replace(/\{\{(\w+)\}\}/g, (_, name) => labels[name] ?? '');

function frameOf(panel, target, series, index) {
  const name = legend(target.legendFormat, series.metric);
  const values = series.values ?? [series.value];
  const override = panel.fieldConfig.overrides.find((o) => new RegExp(o.matcher.options.slice(1, -1)).test(name));
  const config = { ...panel.fieldConfig.defaults, displayNameFromDS: name };
  for (const property of override?.properties ?? []) config[property.id] = property.value;
  const frame = toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: values.map(([t]) => t * 1000), config: {} },
      { name: 'Value', type: FieldType.number, values: values.map(([, v]) => (v !== null && Number.isFinite(+v) ? +v : null)), labels: series.metric, config },
    ],
  });
  frame.fields.forEach((field) => {
    field.state = { seriesIndex: index, displayName: field.type === FieldType.time ? 'Time' : name };
    field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
  });
  return frame;
}

/** Grafana leaves a gap where a step has no sample: nulls between points that are further apart than two steps. */
function withGaps(series) {
  const values = [];
  for (const point of series.values) {
    const before = values[values.length - 1];
    if (before && point[0] - before[0] > 1.5 * given.step) values.push([before[0] + given.step, null]);
    values.push(point);
  }
  return { ...series, values };
}

const framesOf = (panel) => {
  let index = 0;
  return panel.targets.flatMap((target, i) => given.results[panel.id][i].map((series) => frameOf(panel, target, series.values ? withGaps(series) : series, index++)));
};

/** Where Grafana shows annotations there are bands here: the faults, from the annotation's own query. */
function shadeFaults(builder) {
  builder.addHook('drawClear', (plot) => {
    plot.ctx.save();
    plot.ctx.fillStyle = 'rgba(242, 73, 92, 0.18)';
    for (const [from, to] of given.faults) {
      const x = plot.valToPos(Math.max(from, given.from) * 1000, 'x', true);
      plot.ctx.fillRect(x, plot.bbox.top, plot.valToPos(Math.min(to, given.to) * 1000, 'x', true) - x, plot.bbox.height);
    }
    plot.ctx.restore();
  });
  return null;
}

function Empty({ panel }) {
  return <div style={{ padding: 20, color: theme.colors.text.secondary }}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
}

function Lines({ panel, width, height }) {
  const frames = framesOf(panel);
  if (frames.length === 0) return <Empty panel={panel} />;
  const range = { from: dateTime(given.from * 1000), to: dateTime(given.to * 1000), raw: { from: '', to: '' } };
  return (
    <TimeSeries frames={frames} structureRev={1} timeRange={range} timeZone="utc" width={width} height={height} legend={{ ...panel.options.legend, displayMode: 'list', calcs: [] }} options={panel.options}>
      {(builder) => shadeFaults(builder)}
    </TimeSeries>
  );
}

function Values({ panel, width, height, Shape }) {
  const frames = framesOf(panel);
  if (frames.length === 0) return <Empty panel={panel} />;
  const each = { width: Shape === BigValue ? width / frames.length : width, height: Shape === BigValue ? height : height / frames.length };
  return (
    <div style={{ display: 'flex', flexDirection: Shape === BigValue ? 'row' : 'column', gap: 4, width, height }}>
      {frames.map((frame, i) => {
        const field = frame.fields[1];
        const value = { ...field.display(field.values.at(-1)), title: getFieldDisplayName(field, frame) };
        return Shape === BigValue ? (
          <BigValue key={i} theme={theme} width={each.width - 4} height={each.height} value={value} colorMode={panel.options.colorMode} graphMode="none" justifyMode="auto" textMode={panel.options.textMode} />
        ) : (
          <BarGauge key={i} theme={theme} width={each.width} height={each.height - 4} value={value} field={{ ...field.config, max: Math.max(...frames.map((f) => f.fields[1].values.at(-1))) || 1 }} display={field.display} orientation="horizontal" displayMode={panel.options.displayMode} valueDisplayMode="text" showUnfilled itemSpacing={8} lcdCellWidth={12} />
        );
      })}
    </div>
  );
}

const shapes = {
  timeseries: Lines,
  stat: (props) => <Values {...props} Shape={BigValue} />,
  bargauge: (props) => <Values {...props} Shape={BarGauge} />,
};

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const box = { position: 'absolute', left: x * unit, top: y * (rowHeight + gap) + 40 };
  if (panel.type === 'row') return <div style={{ ...box, fontSize: 18, paddingTop: 8, color: theme.colors.text.primary }}>{panel.title}</div>;
  const Shape = shapes[panel.type];
  return (
    <div style={box} className="panel">
      <PanelChrome title={panel.title} width={w * unit - gap} height={h * (rowHeight + gap) - gap}>
        {(width, height) => <Shape panel={panel} width={width} height={height} />}
      </PanelChrome>
    </div>
  );
}

function Page() {
  React.useEffect(() => {
    const drawn = setTimeout(() => document.body.setAttribute('data-canvases', String(document.querySelectorAll('canvas').length)), 1500);
    return () => clearTimeout(drawn);
  });
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={{ position: 'relative', width: given.width, minHeight: '100vh', background: theme.colors.background.canvas, fontFamily: theme.typography.fontFamily }}>
        <h3 style={{ padding: '8px 0 0 4px', color: theme.colors.text.primary }}>{given.title} · {given.subtitle}</h3>
        {given.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
      </div>
    </ThemeContext.Provider>
  );
}

createRoot(document.getElementById('root')).render(<Page />);
