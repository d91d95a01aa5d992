import type { Command } from 'commander';
import type { Calibration } from '../calibration/calibration.js';
import { UaferError } from '../errors.js';
import { takenCheckpoint } from '../evaluate/readModel.js';
import { calibrationPath, holdsCalibration, readCalibration } from '../run/calibrationFile.js';
import { runOf } from './checkpointConfig.js';

/** What commander keeps of the two options. */
export interface CalibrationOptions {
  /** A file; false for none; left out, the run's own. */
  calibration?: string | false;
}

export function addCalibrationOption(command: Command): void {
  command
    .option('--calibration <path>', 'what `uafer calibrate` fitted; by default the calibration.json of the run')
    .option('--no-calibration', 'take the answers as the network gives them');
}

/**
 * The calibration of a checkpoint: that of the file that was asked for, or its run's.
 *
 * @throws UaferError `USAGE` when the file was fitted to other weights; the run's own is then left out, which is told
 */
export function calibrationOf(
  checkpoint: string,
  { calibration: asked }: CalibrationOptions,
  onNote: (line: string) => void,
): Calibration | undefined {
  if (asked === false) return undefined;
  const run = runOf(checkpoint);
  const path = asked ?? (run && holdsCalibration(run) ? calibrationPath(run) : undefined);
  if (path === undefined) return undefined;
  const { calibration, fits } = readCalibration(path, takenCheckpoint(checkpoint));
  if (fits) {
    onNote(`Calibrated by ${path}, fitted to ${calibration.fittedOn}.`);
    return calibration;
  }
  const why = `${path} was fitted to other weights than those of ${checkpoint}`;
  if (asked !== undefined) throw new UaferError('USAGE', `${why}. Make it again: uafer calibrate ${checkpoint}`);
  onNote(`${why}: it is left out. Make it again: uafer calibrate ${checkpoint}`);
  return undefined;
}
