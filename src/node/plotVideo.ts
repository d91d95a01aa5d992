/** A drawing of what the faces of a video showed, and how uncertain that was, over its time. */
import * as Plot from '@observablehq/plot';
import { escapeUTF8 } from 'entities';
import { parseHTML } from 'linkedom';
import type { ModelFile } from '../predict/modelFile.js';
import { mainExpression, type Stretch, type Timeline, type TimelineTrack } from '../predict/timeline.js';
import { clock } from './readableVideo.js';

const WIDTH = 1280;
/** Of a face. */
const HEIGHT = 120;
const HEAD = 64;
const FOOT = 48;
const LEFT = 96;
/** Faces that are drawn: those that were seen longest. */
const MOST_FACES = 16;
/** Below the uncertainty, which goes from 0 to 1, a band shows the expressions. */
const BAND = { from: -0.34, to: -0.08 };

/** Told apart by people who see colours otherwise too, as far as eight can be (after Okabe and Ito 2008). */
const COLOURS = ['#8b95a1', '#e69f00', '#56b4e9', '#0072b2', '#d55e00', '#009e73', '#9467bd', '#cc79a7', '#b8a200', '#6b4f3a'];

const STYLE = `
svg { color: #1b1f24; background: #ffffff; font-family: system-ui, sans-serif }
.soft { fill: #57606a } .line { stroke: #1b1f24 } .threshold { stroke: #8e2a66 }
@media (prefers-color-scheme: dark) {
  svg { color: #dfe4ea; background: #14181d } .soft { fill: #9aa5b1 } .line { stroke: #dfe4ea } .threshold { stroke: #e07ab5 }
}`;

/** An SVG file: a row a face, with its expressions as a band and its uncertainty as a curve; rejected stretches are pale. */
export function plotVideo(
  title: string,
  timeline: Timeline,
  { classes, calibration }: Pick<ModelFile, 'classes' | 'calibration'>,
): string {
  const all = timeline.tracks();
  const tracks = all
    .toSorted((a, b) => b.whole.frames - a.whole.frames)
    .slice(0, MOST_FACES)
    .sort((a, b) => a.track - b.track);
  const colour = new Map(classes.map((name, c) => [name, COLOURS[c % COLOURS.length] as string]));
  const height = HEAD + HEIGHT * Math.max(1, tracks.length) + FOOT;
  const left = all.length + timeline.others() - tracks.length;
  const said = tracks.length === 0 ? 'no face' : left > 0 ? `and ${left} faces that were seen for less time` : '';
  const threshold = calibration?.decision?.reject.uncertainty ?? null;
  const drawn = tracks.length === 0 ? '' : rows(tracks, timeline.end, colour, threshold);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">` +
    `<title>${escapeUTF8(`Expressions and uncertainty over time: ${title}`)}</title><style>${STYLE}</style>` +
    `<text x="16" y="26" font-size="16" font-weight="600" fill="currentColor">${escapeUTF8(title)}</text>` +
    `<text class="soft" x="${WIDTH - 24}" y="26" font-size="13" text-anchor="end">${said}</text>` +
    `<text class="soft" x="${WIDTH - 24}" y="51" font-size="13" text-anchor="end">${tracks.length === 0 ? '' : curveSaid(threshold)}</text>` +
    `${legend(classes, tracks, colour)}<g transform="translate(0 ${HEAD})">${drawn}</g></svg>\n`
  );
}

const curveSaid = (threshold: number | null) =>
  `curve: uncertainty from 0 to 1${threshold === null ? '' : '; above the dashed line an answer is rejected'}`;

/** The expressions that were shown, each in its colour. */
function legend(classes: readonly string[], tracks: readonly TimelineTrack[], colour: ReadonlyMap<string, string>): string {
  let x = 16;
  return classes
    .filter((name) => tracks.some(({ whole }) => name in whole.expressions))
    .map((name) => {
      const at = x;
      x += 34 + 8 * name.length;
      return (
        `<rect x="${at}" y="40" width="12" height="12" rx="2" fill="${colour.get(name)}"/>` +
        `<text class="soft" x="${at + 18}" y="51" font-size="13">${escapeUTF8(name)}</text>`
      );
    })
    .join('');
}

function rows(
  tracks: readonly TimelineTrack[],
  end: number,
  colour: ReadonlyMap<string, string>,
  threshold: number | null,
): string {
  const { document } = parseHTML('<html><body></body></html>');
  const name = ({ track }: TimelineTrack) => `face ${track}`;
  const bands = tracks.flatMap((track) =>
    joined(track.stretches).map(({ from, to, expression, pale }) => ({
      face: name(track),
      from,
      to: Math.min(to, Math.max(end, from)),
      expression,
      opacity: pale ? 0.3 : 1,
    })),
  );
  const points = tracks.flatMap((track) => curve(track.stretches).map((point) => ({ ...point, face: name(track) })));
  const plot = Plot.plot({
    document,
    width: WIDTH,
    height: HEIGHT * tracks.length + FOOT,
    marginLeft: LEFT,
    marginRight: 24,
    marginTop: 6,
    marginBottom: FOOT - 6,
    ariaLabel: 'expressions and uncertainty over time',
    style: { fontSize: '12px', background: 'none' },
    x: { domain: [0, Math.max(end, 1)], label: 'time', tickFormat: (time: number) => clock(time).replace(/\.0$/, '') },
    y: { domain: [BAND.from, 1], ticks: [0, 0.5, 1], label: null, tickSize: 0 },
    fy: { domain: tracks.map(name), padding: 0.12, label: null, axis: null },
    color: { type: 'identity' },
    marks: [
      Plot.gridY([0, 0.5, 1], { strokeOpacity: 0.15 }),
      Plot.rect(bands, {
        fy: 'face',
        x1: 'from',
        x2: 'to',
        y1: BAND.from,
        y2: BAND.to,
        fill: ({ expression }: { expression: string }) => colour.get(expression),
        fillOpacity: 'opacity',
        title: 'expression',
      }),
      ...(threshold === null
        ? []
        : [Plot.ruleY([threshold], { className: 'threshold', strokeDasharray: '5 4', strokeOpacity: 0.8 })]),
      Plot.lineY(points, { fy: 'face', x: 'time', y: 'uncertainty', className: 'line', strokeWidth: 1.6 }),
      Plot.text(tracks.map(name), {
        fy: (face: string) => face,
        text: (face: string) => face,
        frameAnchor: 'left',
        dx: -LEFT + 16,
        textAnchor: 'start',
        fontWeight: 600,
      }),
    ],
  });
  return plot.outerHTML.replace(/="[^"]*"/g, (attribute: string) => attribute.replace(/(\.\d\d)\d+/g, '$1'));
}

/** Neighbouring stretches of the same expression and certainty as one: fewer marks, without seams. */
function joined(stretches: readonly Stretch[]) {
  const bands: { from: number; to: number; expression: string; pale: boolean }[] = [];
  for (const stretch of stretches) {
    const expression = mainExpression(stretch);
    const pale = 2 * (stretch.decisions.reject ?? 0) > stretch.frames;
    const last = bands.at(-1);
    const goesOn = last && near(last.to, stretch) && last.expression === expression && last.pale === pale;
    if (goesOn) last.to = stretch.to;
    else bands.push({ from: last && near(last.to, stretch) ? last.to : stretch.from, to: stretch.to, expression, pale });
  }
  return bands;
}

/** The mean uncertainty of each stretch, with a gap where the face was not seen. */
function curve(stretches: readonly Stretch[]): { time: number; uncertainty: number }[] {
  return stretches.flatMap((stretch, i) => {
    const before = stretches[i - 1];
    const point = { time: (stretch.from + stretch.to) / 2, uncertainty: stretch.uncertainty / stretch.frames };
    return before && !near(before.to, stretch) ? [{ time: before.to, uncertainty: Number.NaN }, point] : [point];
  });
}

/** Seconds for which a face may be unseen and the drawing goes on: frames may be fewer than stretches. */
const GAP = 1;
const near = (end: number, { from }: Stretch) => from - end <= GAP;
