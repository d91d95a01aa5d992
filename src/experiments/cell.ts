/** One training of a table of trainings, and the files that it leaves in its run folder. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { TrainConfig } from '../config/schema.js';
import { UaferError } from '../errors.js';
import { writeFileAtomically } from '../files.js';
import type { Ending } from '../run/messages.js';
import { type PredictionRow, readPredictions } from '../run/predictionsFile.js';

/** Which weights of a run are evaluated: those of the epoch with the best test metric, as `uafer eval` does, or those of the end. */
export type CellWeights = 'best' | 'last';

export interface Cell {
  /** As a person reads it. */
  name: string;
  /** With the run folder as `out`. */
  config: TrainConfig;
  /** Whether a calibration is fitted before the evaluation. */
  calibrate: boolean;
  weights: CellWeights;
}

const trainingSchema = z.object({
  ending: z.enum(['finished', 'patience', 'maxSteps', 'maxMinutes']),
  epochs: z.int(),
  steps: z.int(),
});

/** How a cell's training ended. */
export type CellTraining = z.infer<typeof trainingSchema>;

const resultSchema = z.object({
  format: z.literal('uafer-cell'),
  version: z.literal(1),
  weights: z.enum(['best', 'last']),
  calibrated: z.boolean(),
  training: trainingSchema,
  classes: z.array(z.string()),
  /** Test pictures. */
  samples: z.int(),
  /** Every figure by its path (`accuracy`, `scores.entropy.aurc`); null where nothing defines it. */
  figures: z.record(z.string(), z.number().nullable()),
});

/** What came of a cell that is finished. */
export type CellResult = z.infer<typeof resultSchema>;

/** The files of a cell beside those of its run. */
export function cellFiles(run: string) {
  return {
    /** There when the training is done. */
    training: join(run, 'training.json'),
    predictions: join(run, 'predictions.json'),
    /** There when all is done. */
    result: join(run, 'evaluation.json'),
  };
}

export function writeTraining(run: string, ending: Exclude<Ending, 'stopped'>, epochs: number, steps: number): void {
  writeJson(cellFiles(run).training, { ending, epochs, steps });
}

/** How the training in a folder ended; null when it has not. Throws `DATA` when the file is broken. */
export function readTraining(run: string): CellTraining | null {
  return read(cellFiles(run).training, trainingSchema);
}

export function writeResult(run: string, result: Omit<CellResult, 'format' | 'version'>): void {
  writeJson(cellFiles(run).result, { format: 'uafer-cell', version: 1, ...result });
}

/** The result of the cell in a folder; null when it isn't finished. Throws `DATA` when the file is broken. */
export function readResult(run: string): CellResult | null {
  return read(cellFiles(run).result, resultSchema);
}

/** The answers of a finished cell; null when their file was deleted. Throws `DATA` when it is broken. */
export function readAnswers(run: string): readonly PredictionRow[] | null {
  const { predictions } = cellFiles(run);
  return existsSync(predictions) ? readPredictions(predictions).rows : null;
}

function read<Value>(file: string, schema: z.ZodType<Value>): Value | null {
  if (!existsSync(file)) return null;
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new UaferError('DATA', `${file} is damaged: ${reason}\nDelete it: the same command makes it again.`, { cause });
  }
}

function writeJson(file: string, value: unknown): void {
  writeFileAtomically(file, `${JSON.stringify(value, null, 2)}\n`);
}
