import { useEffect, useRef, useState } from 'preact/hooks';
import { colourOf } from '../colours';
import { seek } from '../live';
import type { Moment } from '../moments';
import { saveMoments } from '../save';
import type { Live } from '../store';
import { headline, percent } from '../words';

interface TimelineProps {
  live: Live;
  classes: readonly string[];
}

/** Seconds that a camera's line shows; a video's shows all. */
const SPAN = 60;
/** Seconds by which a video may miss the moment that it was sent to. */
const ARRIVED = 0.2;
/** Milliseconds between two drawings: nobody reads a line faster. */
const REDRAWN = 200;
/** Of a face's row, in points. */
const ROW = 52;
const BAND = 26;
/** Rows that are shown: the faces in sight, then those seen for longest. */
const MOST_ROWS = 4;
/** Seconds between two moments of a face from which on it was not seen. */
const GAP = 1;

/** What each face showed from moment to moment: a colour an expression, paler where less is known, and a line of the uncertainty below it. */
export function Timeline({ live, classes }: TimelineProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [chosen, setChosen] = useState<number | null>(null);
  const { moments, time, kind, track } = live;
  // A video goes to the moment that is chosen, and is there a little later; before a camera one looks back at it.
  const arrived = kind === 'video' && chosen !== null && Math.abs(time - chosen) < ARRIVED;
  useEffect(() => {
    if (arrived) setChosen(null);
  }, [arrived]);
  const looked = chosen ?? (kind === 'video' ? time : null);
  const from =
    kind === 'camera' ? Math.max(moments[0]?.time ?? 0, (moments.at(-1)?.time ?? 0) - SPAN) : (moments[0]?.time ?? 0);
  const to = Math.max(time, moments.at(-1)?.time ?? 0, from + 5);
  const inSight = moments.filter((moment) => moment.time >= from);
  const now = live.faces.map((face) => face.track);
  const tracks = rowsOf(inSight, track === null ? now : [track, ...now]);
  const drawn = useRef({ at: 0, looked });
  useEffect(() => {
    const now = performance.now();
    if (
      !canvas.current ||
      (now - drawn.current.at < REDRAWN && (chosen === null || drawn.current.looked === looked) && !live.ended)
    )
      return;
    drawn.current = { at: now, looked };
    drawLines(canvas.current, inSight, { tracks, classes, from, to, looked });
  });
  const shown = looked === null ? null : nearest(inSight, looked, track);
  return (
    <section class="timeline" aria-labelledby="timeline">
      <div class="timeline-head">
        <h2 id="timeline">Over time</h2>
        <button type="button" class="link" onClick={saveMoments} disabled={moments.length === 0}>
          Save as CSV
        </button>
      </div>
      <div class="lines" style={{ height: `${Math.max(1, tracks.length) * ROW}px` }}>
        <canvas
          ref={canvas}
          role="img"
          aria-label={`Expressions of ${tracks.length} ${tracks.length === 1 ? 'face' : 'faces'} from ${clock(from)} to ${clock(to)}`}
        />
        {tracks.map((id, row) => (
          <span key={id} class="line-name" style={{ top: `${row * ROW}px` }}>
            Face {id}
          </span>
        ))}
      </div>
      <input
        type="range"
        aria-label="Moment"
        min={from}
        max={to}
        step={0.1}
        value={looked ?? time}
        aria-valuetext={`${clock(looked ?? time)}${shown ? `: ${said(shown)}` : ''}`}
        onInput={(event) => {
          const value = Number(event.currentTarget.value);
          setChosen(kind === 'camera' && value >= to - 0.1 ? null : value);
          seek(value);
        }}
      />
      <p class="moment">
        {shown && `At ${clock(shown.time)}, face ${shown.track}: ${said(shown)}`}
        {shown && kind === 'camera' && (
          <button type="button" class="link" onClick={() => setChosen(null)}>
            Back to now
          </button>
        )}
      </p>
      <ul class="key">
        {classes.map((name) => (
          <li key={name}>
            <span class="swatch" style={{ background: colourOf(name, classes) }} /> {name}
          </li>
        ))}
      </ul>
      <p class="note">
        Colour: the expression; pale where little is known. The line below it: how much is not known, from the top (nothing) to
        the bottom (everything).
      </p>
    </section>
  );
}

const clock = (seconds: number) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

const said = ({ answer }: Moment) => `${headline(answer)}, ${percent(answer.uncertainty)} not known.`;

/** The tracks of the first numbers, then those with the most moments, in the order of their numbers. */
function rowsOf(moments: readonly Moment[], first: readonly number[]): number[] {
  const counts = new Map<number, number>();
  for (const { track } of moments) counts.set(track, (counts.get(track) ?? 0) + 1);
  const others = [...counts.keys()].sort((a, b) => (counts.get(b) as number) - (counts.get(a) as number));
  const chosen = [...new Set([...first.filter((track) => counts.has(track)), ...others])];
  return chosen.slice(0, MOST_ROWS).sort((a, b) => a - b);
}

function nearest(moments: readonly Moment[], time: number, track: number | null): Moment | null {
  const own = moments.filter((moment) => moment.track === track);
  const among = own.length > 0 ? own : moments;
  return among.reduce<Moment | null>(
    (best, each) => (!best || Math.abs(each.time - time) < Math.abs(best.time - time) ? each : best),
    null,
  );
}

interface Lines {
  tracks: readonly number[];
  classes: readonly string[];
  from: number;
  to: number;
  looked: number | null;
}

function drawLines(canvas: HTMLCanvasElement, moments: readonly Moment[], { tracks, classes, from, to, looked }: Lines): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  const { clientWidth: width, clientHeight: height } = canvas;
  const density = Math.min(2, devicePixelRatio);
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  context.scale(density, density);
  const style = getComputedStyle(canvas);
  const colours = new Map(classes.map((name) => [name, resolved(colourOf(name, classes), style)]));
  const x = (time: number) => ((time - from) / (to - from)) * width;
  for (const [row, track] of tracks.entries()) {
    const own = moments.filter((moment) => moment.track === track);
    const top = row * ROW + 16;
    for (const [i, { time, answer }] of own.entries()) {
      const next = own[i + 1]?.time ?? time + 0.1;
      const end = next - time > GAP ? time + 0.1 : next;
      context.globalAlpha = answer.decision === 'reject' ? 0.08 : Math.max(0.15, 1 - answer.uncertainty);
      context.fillStyle = colours.get(answer.expression) ?? '';
      // Whole points: what overlaps would be darker.
      const [left, right] = [Math.round(x(time)), Math.round(x(end))];
      if (right > left) context.fillRect(left, top, right - left, BAND - 12);
    }
    context.globalAlpha = 1;
    context.strokeStyle = style.color;
    context.lineWidth = 1.25;
    context.beginPath();
    for (const [i, { time, answer }] of own.entries()) {
      const apart = i === 0 || time - (own[i - 1] as Moment).time > GAP;
      context[apart ? 'moveTo' : 'lineTo'](x(time), top + BAND - 9 + answer.uncertainty * (ROW - BAND - 12));
    }
    context.stroke();
  }
  if (looked === null) return;
  context.strokeStyle = style.color;
  context.lineWidth = 1;
  context.strokeRect(x(looked), 0, 0.5, height);
}

/** A canvas knows nothing of custom properties. */
function resolved(colour: string, style: CSSStyleDeclaration): string {
  return colour.replace(/var\((--[\w-]+)\)/g, (_, name: string) => style.getPropertyValue(name));
}
