import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { UaferError } from '../errors.js';
import { writeFileAtomically } from '../files.js';
import { METRICS } from '../metrics/metrics.js';
import { openEvents } from './events.js';
import type { EpochEvent, StepEvent } from './messages.js';
import { runFolder } from './runFolder.js';

/** What both kinds of line hold. The loss's parts stand beside these, by their own names. */
const training = {
  /** From 0. */
  epoch: z.int().nonnegative(),
  /** Optimiser steps of the whole run so far. */
  step: z.int().nonnegative(),
  loss: z.number(),
  lr: z.number(),
  images_per_s: z.number(),
};

const stepLineSchema = z.looseObject({
  kind: z.literal('step'),
  ...training,
  /** Norm of all gradients together before clipping, in runs that clip. */
  grad_norm: z.number().optional(),
});

/** Every metric by its logged name. A line that was written before there was a metric lacks it. */
const testMetrics = Object.fromEntries(METRICS.map(({ logged }) => [`test_${logged}`, z.number().nullish()])) as Record<
  `test_${(typeof METRICS)[number]['logged']}`,
  z.ZodOptional<z.ZodNullable<z.ZodNumber>>
>;

/** Loss and parts are means over the epoch's steps; what begins with `test_` is of the whole test set. */
const epochLineSchema = z.looseObject({
  kind: z.literal('epoch'),
  ...training,
  test_loss: z.number().nullable(),
  ...testMetrics,
  seconds_wait: z.number(),
  seconds_compute: z.number(),
  seconds_evaluate: z.number(),
});

const lineSchema = z.discriminatedUnion('kind', [stepLineSchema, epochLineSchema]);

type StepLine = z.infer<typeof stepLineSchema>;
export type EpochLine = z.infer<typeof epochLineSchema>;
export type LogLine = z.infer<typeof lineSchema>;

/** Keeps `log.jsonl` and the TensorBoard events of a run. What was logged survives a kill of the process. */
export interface RunLog {
  step(event: StepEvent): void;
  epoch(event: EpochEvent): void;
  close(): void;
}

/** Where a run goes on: the epoch under way, and the optimiser steps done in the whole run. */
export interface LogPosition {
  epoch: number;
  step: number;
}

/**
 * Opens the log of the run in `folder` (made when it does not exist) to go on at `position`. What an interrupted process logged
 * beyond is dropped: those steps are made again, and the log becomes that of a run without interruption.
 */
export function openRunLog(folder: string, position: LogPosition): RunLog {
  const path = runFolder(folder).log;
  const kept = readRunLog(path).filter((line) =>
    line.kind === 'step' ? line.step <= position.step : line.epoch < position.epoch,
  );
  writeFileAtomically(path, kept.map(toText).join(''));
  const file = openSync(path, 'a');
  const events = openEvents(folder, position.step + 1);
  const write = (line: LogLine) => {
    writeSync(file, toText(line));
    events.scalars(line.step, curves(line));
  };
  return {
    step: (event) => write(stepLine(event)),
    epoch: (event) => write(epochLine(event)),
    close: () => {
      closeSync(file);
      events.close();
    },
  };
}

/**
 * The lines of a `log.jsonl`; none when there is no such file. A last line that a killed process left unfinished is left out.
 * Throws `DATA` naming the file and line that is not one of a run's log.
 */
export function readRunLog(path: string): LogLine[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((text, i) => parseLine(text, `${path}:${i + 1}`));
}

/** The test metrics after an epoch (from 0), by their names; null where the log has none. Throws as `readRunLog` does. */
export function loggedMetrics(path: string, epoch: number): Record<string, number | null> | null {
  const line = readRunLog(path).find((each): each is EpochLine => each.kind === 'epoch' && each.epoch === epoch);
  return line ? Object.fromEntries(METRICS.map(({ name, logged }) => [name, line[`test_${logged}`] ?? null])) : null;
}

function parseLine(text: string, where: string): LogLine {
  try {
    const line: unknown = JSON.parse(text);
    lineSchema.parse(line);
    // Not what zod returns: the keys must keep their order, for the kept lines are written again.
    return line as LogLine;
  } catch (cause) {
    const found = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    throw new UaferError('DATA', `${where} is not a line of a run's log: ${found}\nDelete the line, or move the file away.`, {
      cause,
    });
  }
}

function toText(line: LogLine): string {
  return `${JSON.stringify(line)}\n`;
}

function stepLine({ epoch, globalStep, loss, parts, lr, gradNorm, imagesPerSecond }: StepEvent): StepLine {
  return { kind: 'step', epoch, step: globalStep, loss, ...parts, lr, ...normOf(gradNorm), images_per_s: imagesPerSecond };
}

const normOf = (gradNorm: number | undefined) => (gradNorm === undefined ? {} : { grad_norm: gradNorm });

function epochLine({ metrics, testLoss, seconds, ...event }: EpochEvent): EpochLine {
  return {
    kind: 'epoch',
    epoch: event.epoch,
    step: event.globalStep,
    loss: event.loss,
    ...event.parts,
    lr: event.lr,
    images_per_s: event.imagesPerSecond,
    test_loss: testLoss,
    ...Object.fromEntries(METRICS.map(({ logged, name }) => [`test_${logged}`, metrics[name]])),
    seconds_wait: seconds.wait,
    seconds_compute: seconds.compute,
    seconds_evaluate: seconds.evaluate,
  };
}

/** The line's numbers by TensorBoard's names: a step's are `train/…`, an epoch's `epoch/…`, the test set's `test/…`. */
function curves({ kind, epoch: _, step: __, ...values }: LogLine): Record<string, number> {
  const group = kind === 'step' ? 'train' : 'epoch';
  const named = Object.entries(values).map(([name, value]) => [
    name.startsWith('test_') ? name.replace('_', '/') : `${group}/${name}`,
    value,
  ]);
  return Object.fromEntries(named.filter(([, value]) => typeof value === 'number'));
}
