import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** One curve of a line chart. */
export interface Curve {
  name: string;
  points: readonly { x: number; y: number }[];
}

const WIDTH = 640;
/** More points than this cannot be told apart at this width, and only make the file larger. */
const MAX_POINTS = 2 * WIDTH;

/** Curves over a common x axis, as an HTML fragment with inline SVG. Points that are not finite are gaps. */
export function lineChart(options: { curves: readonly Curve[]; x: string; y: string; percent?: boolean }): string {
  const { curves, x, y, percent = false } = options;
  const points = curves.flatMap(({ name, points }) => thinned(points).map((point) => ({ ...point, name })));
  return render({
    ariaLabel: `${y} by ${x}`,
    width: WIDTH,
    height: 240,
    marginLeft: 56,
    grid: true,
    x: { label: x },
    y: { label: percent ? `${y} (%)` : y, percent, tickFormat: tick },
    color: { legend: curves.length > 1, domain: curves.map(({ name }) => name) },
    marks: [
      Plot.lineY(points, { x: 'x', y: 'y', z: 'name', stroke: 'name' }),
      // A curve of one point would not be seen.
      Plot.dot(points.length < 50 ? points : [], { x: 'x', y: 'y', fill: 'name', r: 2.5 }),
    ],
  });
}

/**
 * A confusion matrix (C, C; rows are true classes) as a heat map, as an HTML fragment with inline SVG: the shade is the share of the
 * row, the number the count of pictures.
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
  const longest = Math.max(...classes.map((name) => name.length));
  return render({
    ariaLabel: 'confusion matrix',
    width: 120 + 72 * classes.length,
    height: 60 + 44 * classes.length,
    marginLeft: 40 + 7 * longest,
    marginTop: 40,
    padding: 0.03,
    x: { domain: classes, label: 'predicted', axis: 'top', tickSize: 0 },
    y: { domain: classes, label: 'true', tickSize: 0 },
    color: { scheme: 'blues', domain: [0, 1] },
    marks: [
      Plot.cell(cells, { x: 'predicted', y: 'actual', fill: 'share' }),
      Plot.text(cells, { x: 'predicted', y: 'actual', text: 'count', fill: ({ share }) => (share > 0.5 ? 'white' : 'black') }),
    ],
  });
}

/** Small values (learning rates) as 2e-5, which is short; the digits are cut to those that tell ticks apart. */
function tick(value: number): string {
  const rounded = Number(value.toPrecision(6));
  return rounded !== 0 && Math.abs(rounded) < 1e-3 ? rounded.toExponential() : String(rounded);
}

function thinned<T>(points: readonly T[]): readonly T[] {
  const every = Math.ceil(points.length / MAX_POINTS);
  return every <= 1 ? points : points.filter((_, i) => i % every === 0 || i === points.length - 1);
}

function render(options: Plot.PlotOptions): string {
  const { document } = parseHTML('<html><body></body></html>');
  return Plot.plot({ ...options, document, style: { fontSize: '12px' } }).outerHTML;
}
