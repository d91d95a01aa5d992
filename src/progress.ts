import { SingleBar } from 'cli-progress';

/** Shows how far long work has come, until stopped. */
export interface Progress {
  /** `done` of the total; `fields` are shown beside it, e.g. `{loss: '0.412'}`. */
  update(done: number, fields?: Readonly<Record<string, string>>): void;
  stop(): void;
}

export interface ProgressOptions {
  label: string;
  total: number;
  /** What is counted, e.g. `pictures`. */
  unit: string;
  /** Done before this work began (a resumed run); it does not count for the rate. */
  start?: number;
  quiet?: boolean;
  /** Where to show it; stderr when left out. A bar on a terminal, plain lines elsewhere. */
  stream?: NodeJS.WriteStream;
  /** Seconds between plain lines; 30 when left out. */
  lineEvery?: number;
  /** Whether a plain line tells the end; false where what comes next tells it. True when left out. */
  endLine?: boolean;
}

/**
 * A progress display with rate and time left: a bar on a terminal, as wide as that is; elsewhere a line every so often and one at the end;
 * nothing when quiet.
 */
export function createProgress(options: ProgressOptions): Progress {
  if (options.quiet) return { update: () => {}, stop: () => {} };
  const stream = options.stream ?? process.stderr;
  const describe = describer(options, performance.now());
  return stream.isTTY ? bar(options, stream, describe) : lines(options, stream, describe);
}

/** What is to be said, the most important first. */
type Describe = (done: number, fields?: Readonly<Record<string, string>>) => string[];

/** `123/456 pictures`, `78 pictures/s`, `4 min left`, `loss 0.412` */
function describer({ total, unit, start = 0 }: ProgressOptions, startedAt: number): Describe {
  return (done, fields = {}) => {
    const rate = (1000 * (done - start)) / (performance.now() - startedAt);
    const pace = rate > 0 ? [`${short(rate)} ${unit}/s`, `${duration((total - done) / rate)} left`] : [];
    const rest = Object.entries(fields).map(([name, value]) => `${name} ${value}`);
    return [`${done}/${total} ${unit}`, ...pace, ...rest];
  };
}

const WIDEST_BAR = 24;
const NARROWEST_BAR = 5;
/** Of a terminal that doesn't say it. */
const COLUMNS = 80;

function bar({ label, total, start = 0 }: ProgressOptions, stream: NodeJS.WriteStream, describe: Describe): Progress {
  const fitted = fitter(label, () => stream.columns || COLUMNS);
  const shown = new SingleBar({
    format: (_, { progress }, { parts }: { parts: string[] }) => fitted(progress, parts),
    stream,
    // Ctrl-C belongs to the command: the bar must not take the signal.
    gracefulExit: false,
  });
  shown.start(total, start, { parts: [] });
  return {
    update: (done, fields) => shown.update(done, { parts: describe(done, fields) }),
    stop: () => shown.stop(),
  };
}

/**
 * A line that fits into the terminal, for a share of the work from 0 to 1 and parts of a text: as many of those as there is room for, and the
 * bar in what they leave. It gets no wider again, so that it doesn't tremble with the length of the text.
 */
function fitter(label: string, columns: () => number): (progress: number, parts: readonly string[]) => string {
  let widest = WIDEST_BAR;
  return (progress, parts) => {
    const around = `${label}  100% `.length;
    // A terminal breaks a line that fills it.
    const room = columns() - 1 - around;
    let text = '';
    for (const part of parts) {
      const longer = text === '' ? part : `${text}, ${part}`;
      if (longer.length + NARROWEST_BAR > room) break;
      text = longer;
    }
    widest = Math.max(NARROWEST_BAR, Math.min(widest, room - text.length));
    const full = Math.round(progress * widest);
    const drawn = '█'.repeat(full) + '░'.repeat(widest - full);
    return `${label} ${drawn} ${Math.floor(progress * 100)}% ${text}`;
  };
}

function lines(options: ProgressOptions, stream: NodeJS.WriteStream, describe: Describe): Progress {
  const { label, total, lineEvery = 30, endLine = true } = options;
  let printedAt = performance.now();
  /** What the last line said was done. */
  let said: number | undefined;
  return {
    update: (done, fields) => {
      const due = performance.now() - printedAt >= 1000 * lineEvery;
      if (done === said || !(due || (endLine && done >= total))) return;
      printedAt = performance.now();
      said = done;
      stream.write(`${label}: ${describe(done, fields).join(', ')}\n`);
    },
    stop: () => {},
  };
}

/** Three figures or so: 0.123, 4.56, 78.9, 1234. */
function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** `45 s`, `12 min`, `3 h 20 min`. */
function duration(seconds: number): string {
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
