/** From a run to its checkpoints. */
import { generatorState } from '../engine/index.js';
import { UaferError } from '../errors.js';
import { checkpointFolder, copyCheckpoint, restateCheckpoint, writeCheckpoint } from '../run/checkpoint.js';
import { decisiveSettings } from '../run/resume.js';
import type { RunFolder } from '../run/runFolder.js';
import { brokenMoments, brokenWeights, optimizerTensors } from './optimizer.js';
import { type Run, seconds } from './run.js';

/** Writes `checkpoints/last`. */
export function save(run: Run): void {
  if (!run.processes.leads) return;
  writeState(run, run.folder.last);
  saved(run);
}

/** The same to both folders; `best` first, so that a `last` that knows of it never stands without it. */
export function saveBest(run: Run): void {
  if (!run.processes.leads) return;
  writeState(run, run.folder.best);
  copyCheckpoint(run.folder.best, run.folder.last);
  saved(run);
}

/**
 * Makes the weights of the middle of an epoch, where a limit ended the run, its best ones. Those of the best epoch are kept beside them: a
 * run that goes on is to end as if it had not been ended, so that they get their place back then (`restoreRun.ts`).
 */
export function showAsBest({ folder: { last, best, bestEpoch }, progress, processes }: Run): void {
  if (!processes.leads) return;
  if (progress.best) copyCheckpoint(best, bestEpoch);
  copyCheckpoint(last, best);
}

function saved({ session, progress, folder, emit }: Run): void {
  session.savedAt = seconds();
  session.savedStep = progress.globalStep;
  emit({ kind: 'checkpoint', path: folder.last });
}

/** Where no step was made since the last checkpoint, its tensors are taken as they are, without a second writing. */
function writeState(run: Run, path: string): void {
  const { task, config, optimizer, ema, progress, session, folder } = run;
  const state = { ...progress, settings: decisiveSettings(config), generators: generatorStates(config.device) };
  if (session.savedStep === progress.globalStep) {
    restateCheckpoint(folder.last, path, state);
    return;
  }
  refuseBroken(run);
  writeCheckpoint(path, {
    model: task.state,
    optimizer: optimizerTensors(optimizer),
    ema: ema?.averages ?? null,
    state,
    description: { classes: task.classes, preprocessing: run.preprocessing },
  });
}

/** A finite loss can have had an infinite gradient; what it made of weights and moments must not replace a good checkpoint. */
function refuseBroken({ optimizer, progress, folder }: Run): void {
  const weights = brokenWeights(optimizer);
  const name = weights ?? brokenMoments(optimizer);
  if (name === null) return;
  const what = weights === null ? 'moments of the gradients of' : 'weights';
  throw new UaferError(
    'DIVERGED',
    `The ${what} "${name}" are no longer finite after step ${progress.globalStep}. ${advice(folder)}`,
  );
}

/** What to do about numbers that are no longer finite. */
export function advice(folder: RunFolder): string {
  const kept = checkpointFolder(folder.last) ? `The last good checkpoint is ${folder.last}. ` : '';
  return `${kept}Start again with a lower --lr or a longer --warmup-epochs, and with --precision fp32 if it was bf16.`;
}

function generatorStates(device: string): Record<string, string> {
  const devices = [...new Set(['cpu', device])];
  return Object.fromEntries(devices.map((name) => [name, generatorBytes(name)]));
}

function generatorBytes(device: string): string {
  using state = generatorState(device);
  return Buffer.from(state.data() as Uint8Array).toString('base64');
}
