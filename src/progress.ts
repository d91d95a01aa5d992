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
}

/** A progress display with rate and time left: a bar on a terminal, a line every so often elsewhere, nothing when quiet. */
export function createProgress(options: ProgressOptions): Progress {
  if (options.quiet) return { update: () => {}, stop: () => {} };
  const stream = options.stream ?? process.stderr;
  const describe = describer(options, performance.now());
  return stream.isTTY ? bar(options, stream, describe) : lines(options, stream, describe);
}

type Describe = (done: number, fields?: Readonly<Record<string, string>>) => string;

/** `123/456 pictures, 78/s, 4 min left, loss 0.412` */
function describer({ total, unit, start = 0 }: ProgressOptions, startedAt: number): Describe {
  return (done, fields = {}) => {
    const rate = (1000 * (done - start)) / (performance.now() - startedAt);
    const pace = rate > 0 ? [`${short(rate)}/s`, `${duration((total - done) / rate)} left`] : [];
    const rest = Object.entries(fields).map(([name, value]) => `${name} ${value}`);
    return [`${done}/${total} ${unit}`, ...pace, ...rest].join(', ');
  };
}

function bar({ label, total, start = 0 }: ProgressOptions, stream: NodeJS.WriteStream, describe: Describe): Progress {
  // Ctrl-C belongs to the command: the bar must not take the signal.
  const shown = new SingleBar({
    format: `${label} {bar} {percentage}% {text}`,
    stream,
    barsize: 24,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    gracefulExit: false,
  });
  shown.start(total, start, { text: '' });
  return {
    update: (done, fields) => shown.update(done, { text: describe(done, fields) }),
    stop: () => shown.stop(),
  };
}

function lines({ label, total, lineEvery = 30 }: ProgressOptions, stream: NodeJS.WriteStream, describe: Describe): Progress {
  let printedAt = performance.now();
  return {
    update: (done, fields) => {
      const due = performance.now() - printedAt >= 1000 * lineEvery;
      if (!due && done < total) return;
      printedAt = performance.now();
      stream.write(`${label}: ${describe(done, fields)}\n`);
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
