/** Drawing with Observable Plot into HTML without a script: the charts' common part. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/**
 * A chart is as wide as its place without a script that draws it again: it is drawn for a phone, a tablet and a desk, whose text keeps about its
 * size, and the page's style (`CHART_STYLE`) shows the one that fits.
 */
const SIZES = [
  { name: 'narrow', width: 360, height: 240 },
  { name: 'medium', width: 760, height: 280 },
  { name: 'wide', width: 1280, height: 320 },
] as const;
export type Size = (typeof SIZES)[number];

/** Which drawing is shown at what width, and that it fills it. Colours: `--accent` is a full cell, `--on-accent` is read on it. */
export const CHART_STYLE = `
.chart { container-type: inline-size }
.chart svg[aria-label] { display: block; width: 100%; height: auto; max-width: none; overflow: visible }
.chart .medium, .chart .wide { display: none }
@container (min-width: 520px) { .chart .narrow { display: none } .chart .medium { display: block } }
@container (min-width: 980px) { .chart .medium { display: none } .chart .wide { display: block } }`;

/** Colours of curves and classes, by the page's style: they are other ones in the dark. */
export const PALETTE = Array.from({ length: 10 }, (_, i) => `var(--c${i})`);

/** The colours of names, each its own as long as there are as many. */
export function coloured(names: readonly string[]): { domain: string[]; range: string[] } {
  return { domain: [...names], range: names.map((_, i) => PALETTE[i % PALETTE.length] as string) };
}

/** A chart as an HTML fragment with inline SVG, drawn for each width. */
export function chart(options: (size: Size) => Plot.PlotOptions): string {
  const { document } = parseHTML('<html><body></body></html>');
  const drawn = SIZES.map((size) => {
    const plot = Plot.plot({ marginBottom: 42, ...options(size), document, style: { fontSize: '12px', background: 'none' } });
    return `<div class="${size.name}">${shortened(plot.outerHTML)}</div>`;
  });
  return `<div class="chart">${drawn.join('')}</div>`;
}

/** A small chart of one size, to stand beside others. */
export function panel(options: Plot.PlotOptions): string {
  const { document } = parseHTML('<html><body></body></html>');
  const style = { fontSize: '12px', background: 'none' };
  return shortened(
    Plot.plot({ width: 280, height: 180, marginLeft: 44, marginBottom: 38, grid: true, ...options, document, style }).outerHTML,
  );
}

/** A hundredth of a pixel is seen by nobody, and digits are most of a drawing's size. */
function shortened(svg: string): string {
  return svg.replace(/="[^"]*"/g, (attribute) => attribute.replace(/(\.\d\d)\d+/g, '$1'));
}

/** Small values (learning rates) as 2e-5, which is short; the digits are cut to those that tell ticks apart. */
export function tick(value: number): string {
  const rounded = Number(value.toPrecision(6));
  return rounded !== 0 && Math.abs(rounded) < 1e-3 ? rounded.toExponential() : String(rounded);
}

/** More points than pixels cannot be told apart, and only make the file larger. */
export function thinned<T>(points: readonly T[], most: number): readonly T[] {
  const every = Math.ceil(points.length / most);
  return every <= 1 ? points : points.filter((_, i) => i % every === 0 || i === points.length - 1);
}
