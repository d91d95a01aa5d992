import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** One curve of a line chart. */
export interface Curve {
  name: string;
  points: readonly { x: number; y: number }[];
}

/**
 * A chart is as wide as the page without a script that draws it again: it is drawn for a phone, a tablet and a desk, whose text keeps about its
 * size, and the page's style (`CHART_STYLE`) shows the one that fits.
 */
const SIZES = [
  { name: 'narrow', width: 360, height: 240 },
  { name: 'medium', width: 760, height: 260 },
  { name: 'wide', width: 1280, height: 320 },
] as const;
type Size = (typeof SIZES)[number];

/** Which drawing is shown at what width of the page, and that it fills it. Colours: `--accent` is a full cell, `--on-accent` is read on it. */
export const CHART_STYLE = `
.chart svg[aria-label] { display: block; width: 100%; height: auto; max-width: none; overflow: visible }
.chart .medium, .chart .wide { display: none }
@media (min-width: 560px) { .chart .narrow { display: none } .chart .medium { display: block } }
@media (min-width: 1000px) { .chart .medium { display: none } .chart .wide { display: block } }`;

/** Curves over a common x axis, as an HTML fragment with inline SVG. Points that are not finite are gaps. */
export function lineChart(options: { curves: readonly Curve[]; x: string; y: string; percent?: boolean }): string {
  const { curves, x, y, percent = false } = options;
  return chart(({ width, height }) => {
    const points = curves.flatMap(({ name, points }) => thinned(points, width).map((point) => ({ ...point, name })));
    return {
      ariaLabel: `${y} by ${x}`,
      width,
      height,
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
    };
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
          text: 'count',
          fill: ({ share }) => (share > 0.65 ? 'var(--on-accent)' : 'currentColor'),
        }),
      ],
      color: { type: 'identity' },
    };
  });
}

/** Width of a letter of the axes' text, about. */
const LETTER = 7;

/** Small values (learning rates) as 2e-5, which is short; the digits are cut to those that tell ticks apart. */
function tick(value: number): string {
  const rounded = Number(value.toPrecision(6));
  return rounded !== 0 && Math.abs(rounded) < 1e-3 ? rounded.toExponential() : String(rounded);
}

/** More points than pixels cannot be told apart, and only make the file larger. */
function thinned<T>(points: readonly T[], width: number): readonly T[] {
  const every = Math.ceil(points.length / width);
  return every <= 1 ? points : points.filter((_, i) => i % every === 0 || i === points.length - 1);
}

function chart(options: (size: Size) => Plot.PlotOptions): string {
  const { document } = parseHTML('<html><body></body></html>');
  const drawn = SIZES.map((size) => {
    const plot = Plot.plot({ ...options(size), document, style: { fontSize: '12px', background: 'none' } });
    return `<div class="${size.name}">${plot.outerHTML}</div>`;
  });
  return `<div class="chart">${drawn.join('')}</div>`;
}
