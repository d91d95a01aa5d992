/** The charts of a report, each an HTML fragment with inline SVG. Colours that mean something are the page's (`pageStyle.ts`). */
import * as Plot from '@observablehq/plot';
import type { ReliabilityBin } from '../metrics/calibration.js';
import { chart, coloured, PALETTE, panel, thinned, tick } from './chart.js';
import { text } from './html.js';

/** One curve of a line chart. */
export interface Curve {
  name: string;
  points: readonly { x: number; y: number }[];
  /** A curve to compare with, not of the model. */
  dashed?: boolean;
}

export interface LineChartOptions {
  curves: readonly Curve[];
  x: string;
  y: string;
  percent?: boolean;
  percentX?: boolean;
  /** Ends of the axes; those of the values when left out. */
  domain?: { x?: [number, number]; y?: [number, number] };
}

/** Curves over a common x axis. Points that are not finite, or beyond the ends of the y axis, are gaps. */
export function lineChart({ curves, x, y, percent = false, percentX = false, domain }: LineChartOptions): string {
  const labelled = { x: percentX ? `${x} (%)` : x, y: percent ? `${y} (%)` : y };
  const [lowest, highest] = domain?.y ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  // What lies outside of the ends that were asked for would be drawn over what stands beside the chart.
  const within = (y: number) => (y >= lowest && y <= highest ? y : Number.NaN);
  const dashed = new Set(curves.flatMap(({ name, dashed: is }) => (is ? [name] : [])));
  const { domain: names, range } = coloured(curves.map(({ name }) => name));
  const colours = { domain: names, range: range.map((colour, i) => (dashed.has(names[i] as string) ? 'var(--soft)' : colour)) };
  return chart(({ width, height }) => {
    const points = curves.flatMap(({ name, points: all }) =>
      thinned(all, width / 3).map((point) => ({ x: point.x, y: within(point.y), name })),
    );
    const solid = points.filter(({ name }) => !dashed.has(name));
    const compared = points.filter(({ name }) => dashed.has(name));
    return {
      ariaLabel: `${y} by ${x}`,
      width,
      height,
      marginLeft: 56,
      grid: true,
      x: { label: labelled.x, percent: percentX, ...(domain?.x && { domain: scaled(domain.x, percentX) }) },
      y: { label: labelled.y, percent, tickFormat: tick, ...(domain?.y && { domain: scaled(domain.y, percent) }) },
      color: { legend: curves.length > 1, ...colours },
      marks: [
        Plot.lineY(compared, { x: 'x', y: 'y', z: 'name', stroke: 'name', strokeDasharray: '4 4' }),
        Plot.lineY(solid, { x: 'x', y: 'y', z: 'name', stroke: 'name', strokeWidth: 1.8 }),
        // A curve of one point would not be seen.
        Plot.dot(solid.length < 50 ? solid : [], { x: 'x', y: 'y', fill: 'name', r: 2.5 }),
      ],
    };
  });
}

const scaled = ([low, high]: [number, number], percent: boolean) => (percent ? [100 * low, 100 * high] : [low, high]);

/**
 * A confusion matrix (C, C; rows are true classes) as a heat map: the shade is the share of the row, the number the count of pictures.
 */
export function confusionChart(classes: readonly string[], confusion: readonly (readonly number[])[]): string {
  const cells = confusion.flatMap((row, t) => {
    const samples = row.reduce((total, count) => total + count, 0);
    return row.map((count, p) => ({
      actual: classes[t],
      predicted: classes[p],
      count,
      share: samples === 0 ? 0 : count / samples,
    }));
  });
  const longest = LETTER * Math.max(...classes.map((name) => name.length));
  return chart(({ width }) => {
    const marginLeft = 40 + longest;
    // Names that are wider than their column are turned.
    const turned = longest > (width - marginLeft) / classes.length;
    const marginTop = turned ? 36 + longest * Math.SQRT1_2 : 40;
    return {
      ariaLabel: 'confusion matrix',
      width,
      height: marginTop + 20 + 40 * classes.length,
      marginLeft,
      marginTop,
      marginBottom: 20,
      padding: 0.03,
      x: {
        domain: classes,
        label: 'predicted',
        labelOffset: marginTop - 4,
        axis: 'top',
        tickSize: 0,
        tickRotate: turned ? -45 : 0,
      },
      y: { domain: classes, label: 'true', tickSize: 0 },
      opacity: { domain: [0, 1], range: [0, 1] },
      marks: [
        Plot.cell(cells, { x: 'predicted', y: 'actual', fill: 'var(--accent)', fillOpacity: 'share' }),
        Plot.text(cells, {
          x: 'predicted',
          y: 'actual',
          text: ({ count }) => String(count),
          fill: ({ share }) => (share > 0.65 ? 'var(--on-accent)' : 'currentColor'),
        }),
      ],
      color: { type: 'identity' },
    };
  });
}

/** Width of a letter of the axes' text, about. */
const LETTER = 7;

/**
 * What was said against what came: a bar a bin of the probability, its height the share that was right, and a line where the two would be
 * equal. Below it how many pictures are in each bin.
 */
export function reliabilityChart(bins: readonly ReliabilityBin[]): string {
  const total = bins.reduce((sum, { samples }) => sum + samples, 0);
  const rows = bins.map((bin) => ({ ...bin, share: bin.samples / total }));
  const x = { label: 'probability of the answer (%)', percent: true, domain: [0, 100] };
  const upper = chart(({ width, height }) => ({
    ariaLabel: 'share of right answers by the probability that was said',
    width,
    height,
    marginLeft: 56,
    grid: true,
    x,
    y: { label: 'right (%)', percent: true, domain: [0, 100] },
    marks: [
      Plot.rectY(rows, { x1: 'lower', x2: 'upper', y: 'accuracy', fill: 'var(--accent)', fillOpacity: 0.55, insetLeft: 1 }),
      Plot.line([0, 1], { x: (value: number) => value, y: (value: number) => value, strokeDasharray: '4 4' }),
      // From what was said to what came.
      Plot.ruleX(rows, { x: 'confidence', y1: 'confidence', y2: 'accuracy', stroke: 'var(--wrong)', strokeWidth: 2 }),
      Plot.dot(rows, { x: 'confidence', y: 'accuracy', fill: 'currentColor', r: 3 }),
    ],
  }));
  const lower = chart(({ width }) => ({
    ariaLabel: 'share of the pictures by the probability that was said',
    width,
    height: 132,
    marginLeft: 56,
    grid: true,
    x,
    y: { label: 'pictures (%)', percent: true, ticks: 3 },
    marks: [Plot.rectY(rows, { x1: 'lower', x2: 'upper', y: 'share', fill: 'var(--muted)', insetLeft: 1 })],
  }));
  return upper + lower;
}

/** Where pictures are by two quantities: the darker a cell, the more; and the mean of the second by the first. */
export function densityChart(options: {
  points: readonly { x: number; y: number }[];
  mean: readonly { x: number; y: number }[];
  x: string;
  y: string;
}): string {
  const { points, mean, x, y } = options;
  const cells = counted(points);
  const most = Math.max(...cells.map(({ count }) => count));
  return chart(({ width, height }) => ({
    ariaLabel: `${y} by ${x}`,
    width,
    height,
    marginLeft: 56,
    grid: true,
    x: { label: x, domain: [0, 1] },
    y: { label: y, domain: [0, 1] },
    marks: [
      Plot.rect(cells, {
        x1: 'x1',
        x2: 'x2',
        y1: 'y1',
        y2: 'y2',
        fill: 'var(--accent)',
        fillOpacity: ({ count }: Cell) => Math.sqrt(count / most),
        inset: 0.5,
      }),
      Plot.line(mean, { x: 'x', y: 'y', stroke: 'var(--wrong)', strokeWidth: 2 }),
      Plot.dot(mean, { x: 'x', y: 'y', fill: 'var(--wrong)', r: 3 }),
    ],
    opacity: { type: 'identity' },
  }));
}

interface Cell {
  x1: number;
  x2: number;
  y1: number;
  y2: number;
  count: number;
}

const CELLS = 25;

function counted(points: readonly { x: number; y: number }[]): Cell[] {
  const place = (value: number) => Math.min(CELLS - 1, Math.max(0, Math.floor(value * CELLS)));
  const counts = new Map<number, number>();
  for (const { x, y } of points) {
    const key = place(x) * CELLS + place(y);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => {
    const [column, row] = [Math.floor(key / CELLS), key % CELLS];
    return { x1: column / CELLS, x2: (column + 1) / CELLS, y1: row / CELLS, y2: (row + 1) / CELLS, count };
  });
}

/** Pictures by a value from 0 to 1, each bar in the parts that the kinds make of it. */
export function stackedHistogram(options: {
  values: readonly { value: number; kind: string }[];
  kinds: readonly { name: string; colour: string }[];
  x: string;
}): string {
  const { values, kinds, x } = options;
  const ends = tenthsAround(values.map(({ value }) => value));
  const names = kinds.map(({ name }) => name);
  const bars = histogram(values, names, ends);
  return chart(({ width, height }) => ({
    ariaLabel: `pictures by ${x}`,
    width,
    height,
    marginLeft: 56,
    grid: true,
    x: { label: x, domain: ends },
    y: { label: 'pictures' },
    color: { legend: true, domain: names, range: kinds.map(({ colour }) => colour) },
    marks: [
      Plot.rectY(bars, { x1: 'x1', x2: 'x2', y1: 'y1', y2: 'y2', fill: 'kind', insetLeft: 0.5, insetRight: 0.5 }),
      Plot.ruleY([0]),
    ],
  }));
}

const BARS = 40;

interface Part {
  x1: number;
  x2: number;
  y1: number;
  y2: number;
  kind: string;
}

/** Parts of bars between the ends, which hold all values. */
function histogram(
  values: readonly { value: number; kind: string }[],
  kinds: readonly string[],
  [low, high]: [number, number],
): Part[] {
  const counts = Array.from({ length: BARS }, () => kinds.map(() => 0));
  for (const { value, kind } of values) {
    const bar = Math.floor(((value - low) / (high - low)) * BARS);
    const row = counts[Math.min(BARS - 1, Math.max(0, bar))] as number[];
    const at = kinds.indexOf(kind);
    row[at] = (row[at] as number) + 1;
  }
  const edge = (bar: number) => low + ((high - low) * bar) / BARS;
  return counts.flatMap((row, bar) => {
    let below = 0;
    return row.flatMap((count, k) => {
      const part = { x1: edge(bar), x2: edge(bar + 1), y1: below, y2: below + count, kind: kinds[k] as string };
      below += count;
      return count === 0 ? [] : [part];
    });
  });
}

/** Tenths around all values from 0 to 1. */
function tenthsAround(values: readonly number[]): [number, number] {
  const low = Math.floor(10 * values.reduce((least, value) => Math.min(least, value), 1)) / 10;
  const high = Math.ceil(10 * values.reduce((most, value) => Math.max(most, value), 0)) / 10;
  return high > low ? [low, high] : [Math.max(0, low - 0.1), Math.min(1, low + 0.1)];
}

/** Points of a plane, coloured by their kind. */
export function scatterChart(options: {
  points: readonly { x: number; y: number; kind: string }[];
  kinds: readonly string[];
  x: string;
  y: string;
}): string {
  const { points, kinds, x, y } = options;
  const present = kinds.filter((kind) => points.some((point) => point.kind === kind));
  return chart(({ width, height }) => ({
    ariaLabel: `pictures by ${x} and ${y} principal component, coloured by class`,
    width,
    height: 1.6 * height,
    marginLeft: 56,
    grid: true,
    x: { label: `${x} component` },
    y: { label: `${y} component` },
    color: { legend: true, ...coloured(present) },
    // A mark a kind: the colour stands once for all of its points.
    marks: present.map((kind, k) =>
      Plot.dot(
        points.filter((point) => point.kind === kind),
        { x: 'x', y: 'y', r: 2, fill: PALETTE[k % PALETTE.length] as string, fillOpacity: 0.7 },
      ),
    ),
  }));
}

/** Small charts with the same axes beside each other, and what their curves are. */
export function panels(options: {
  panels: readonly { title: string; curves: readonly Curve[] }[];
  x: string;
  domain: [number, number];
  percent: boolean;
}): string {
  const { x, domain, percent } = options;
  const names = [...new Set(options.panels.flatMap(({ curves }) => curves.map(({ name }) => name)))];
  const { range } = coloured(names);
  const colour = (name: string) => range[names.indexOf(name)] as string;
  const drawn = options.panels.map(({ title, curves }) => {
    const svg = panel({
      ariaLabel: `${title}: ${names.join(', ')} by ${x}`,
      x: { label: x, ticks: 5, tickFormat: 'd' },
      y: {
        label: null,
        domain: scaled(domain, percent),
        percent,
        ticks: 5,
        tickFormat: (value: number) => `${tick(value)}${percent ? '%' : ''}`,
      },
      marks: curves.flatMap(({ name, points }) => [
        Plot.lineY(points, { x: 'x', y: 'y', stroke: colour(name), strokeWidth: 1.8 }),
        Plot.dot(points, { x: 'x', y: 'y', fill: colour(name), r: 2 }),
      ]),
    });
    return `<figure class="panel"><figcaption>${text(title)}</figcaption>${svg}</figure>`;
  });
  const legend = names.map((name) => `<li><i style="background:${colour(name)}"></i>${text(name)}</li>`).join('');
  return `<ul class="legend">${legend}</ul><div class="panels">${drawn.join('')}</div>`;
}
