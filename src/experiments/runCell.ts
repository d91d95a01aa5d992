/** A training with what follows it, going on wherever it was stopped. */

import { UaferError } from '../errors.js';
import { CALIBRATION_DEFAULTS, calibrateCheckpoint } from '../evaluate/calibrateCheckpoint.js';
import { evaluateCheckpoint } from '../evaluate/evaluateCheckpoint.js';
import { trustFigures } from '../metrics/trust.js';
import { calibrationPath, writeCalibration } from '../run/calibrationFile.js';
import type { TrainingEvent } from '../run/messages.js';
import { writePredictions } from '../run/predictionsFile.js';
import { holdsRun, runFolder } from '../run/runFolder.js';
import { runTraining } from '../train/trainingHost.js';
import { type Cell, type CellTraining, cellFiles, readTraining, writeResult, writeTraining } from './cell.js';

export interface RunCellOptions {
  onEvent(event: TrainingEvent): void;
  /** Aborted: the training ends after its step with a checkpoint, an evaluation after its batch without a result. */
  stopSignal: AbortSignal;
}

/**
 * Trains a cell as `uafer train` does, in its own run folder, fits its calibration where it has one, and evaluates it; what is done already is not
 * done again. Throws what these throw.
 */
export async function runCell(cell: Cell, options: RunCellOptions): Promise<'finished' | 'stopped'> {
  try {
    const training = await train(cell, options);
    if (!training) return 'stopped';
    await evaluate(cell, training, options);
    return 'finished';
  } catch (error) {
    if (error instanceof UaferError && error.code === 'INTERRUPTED') return 'stopped';
    throw error;
  }
}

/** Null when it was stopped. */
async function train({ config }: Cell, { onEvent, stopSignal }: RunCellOptions): Promise<CellTraining | null> {
  const run = config.out;
  const done = readTraining(run);
  if (done) return done;
  const { ending, epochs, steps } = await runTraining(config, { resume: holdsRun(run), onEvent, stopSignal });
  if (ending === 'stopped') return null;
  writeTraining(run, ending, epochs, steps);
  return { ending, epochs, steps };
}

/** The result is written last: a cell that has one is finished. */
async function evaluate(cell: Cell, training: CellTraining, { onEvent, stopSignal }: RunCellOptions): Promise<void> {
  const { config, weights } = cell;
  const run = config.out;
  const onNote = (text: string) => onEvent({ kind: 'log', text });
  const onBatch = (done: number, total: number) => {
    if (stopSignal.aborted) throw new UaferError('INTERRUPTED', 'Stopped during the evaluation.');
    onEvent({ kind: 'evaluating', done, total });
  };
  const taken = weights === 'best' ? run : runFolder(run).last;
  const calibrated = cell.calibrate
    ? await calibrateCheckpoint(taken, config, { ...CALIBRATION_DEFAULTS, onNote, onBatch })
    : null;
  if (calibrated) {
    const { calibration, figures } = calibrated;
    writeCalibration(calibrationPath(run), calibrated.checkpoint, { calibration, figures: figures && { ...figures } });
  }
  const evaluation = await evaluateCheckpoint(taken, config, { calibration: calibrated?.calibration, onBatch });
  for (const reason of evaluation.unreadable) onNote(`Left out: ${reason}`);
  const { dataset, predictions } = evaluation;
  const { classes } = dataset;
  writePredictions(cellFiles(run).predictions, classes, predictions);
  writeResult(run, {
    weights,
    calibrated: calibrated !== null,
    training,
    classes: [...classes],
    samples: predictions.length,
    figures: trustFigures(predictions, classes.length)(),
  });
}
