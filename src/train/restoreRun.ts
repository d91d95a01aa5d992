/** From the run folder back to where a run was. */
import { rmSync } from 'node:fs';
import type { TrainConfig } from '../config/schema.js';
import { counted } from '../counted.js';
import { setGeneratorState, tensor } from '../engine/index.js';
import { UaferError } from '../errors.js';
import { checkpointFolder, copyCheckpoint, type Progress, readCheckpoint, restoreTensors } from '../run/checkpoint.js';
import { REMEDY } from '../run/checksum.js';
import { checkSettings } from '../run/resume.js';
import type { RunFolder } from '../run/runFolder.js';
import { readRunLog } from '../run/runLog.js';
import { brokenWeights, type Optimizer, restoreOptimizer } from './optimizer.js';
import { freshProgress, type Run } from './run.js';

/** What is there of a run before it is known where it goes on. */
type Opening = Pick<Run, 'folder' | 'task' | 'config' | 'optimizer' | 'ema' | 'steps' | 'emit'>;

/** Where a run goes on: at its last checkpoint, or at the start when it was killed before the first one. */
export function resumed(run: Opening): Progress {
  const { folder, task, emit } = run;
  if (checkpointFolder(folder.last)) {
    const progress = restore(run);
    putBackBest(folder);
    return progress;
  }
  refuseLostCheckpoint(folder);
  emit({ kind: 'log', text: 'The run was ended before its first checkpoint: it begins again.' });
  return freshProgress(task);
}

/** Throws `CHECKPOINT` when the run has had a checkpoint: to begin again in silence would throw away what it stood for. */
function refuseLostCheckpoint({ path, last, best, log }: RunFolder): void {
  const bestIsThere = checkpointFolder(best) !== null;
  // Nothing of the second epoch is logged before the checkpoint at the end of the first one.
  if (!bestIsThere && !readRunLog(log).some(({ epoch }) => epoch > 0)) return;
  const why = bestIsThere ? `${best} is there` : `${log} tells of more than one epoch`;
  const goOn = bestIsThere ? `go on from the best weights by copying ${best} to ${last}` : 'start a new run with --out';
  throw new UaferError(
    'CHECKPOINT',
    `${last} is missing, although the run had a checkpoint: ${why}. Put the folder back from a copy, or ${goOn}. ` +
      `To train again from the start, delete ${path} first.`,
  );
}

/** Brings weights, optimiser, averages and random generators back to where the last checkpoint left them. */
function restore({ folder, task, config, optimizer, ema, steps, emit }: Opening): Progress {
  using checkpoint = readCheckpoint(folder.last);
  const { version: _, configHash: __, settings: ___, generators, ...progress } = checkpoint.state;
  checkSettings(checkpoint.state, config, folder.last, folder.config);
  checkSamples(folder.last, progress.samples, freshProgress(task).samples);
  checkPosition(folder.last, progress, steps, config);
  restoreTensors(task.state, checkpoint.model, `${folder.last}/model.safetensors`);
  refuseBrokenWeights(optimizer, `${folder.last}/model.safetensors`);
  if (ema) restoreTensors(ema.averages, checkpoint.ema ?? {}, `${folder.last}/ema.safetensors`);
  restoreOptimizer(optimizer, checkpoint.optimizer, `${folder.last}/optimizer.safetensors`);
  restoreGenerators(generators, config.device, emit);
  return progress;
}

function checkPosition(
  where: string,
  { epoch, step, globalStep, best }: Progress,
  steps: number,
  { optimizer: { epochs } }: TrainConfig,
): void {
  const wrong = [
    epoch > epochs && `epoch ${epoch} of ${epochs}`,
    step > steps && `step ${step} of ${steps} in an epoch`,
    globalStep !== epoch * steps + step &&
      `${globalStep} steps in all, where ${counted(epoch, 'epoch')} and ${counted(step, 'step')} make ${epoch * steps + step}`,
    best !== null && best.epoch >= epoch && `its best metric in epoch ${best.epoch}, before that epoch is done`,
  ].filter((text) => text !== false);
  if (wrong.length === 0) return;
  throw new UaferError(
    'CHECKPOINT',
    `${where}/state.json is damaged: it says ${wrong.join(', and ')} (counted from 0). ${REMEDY}`,
  );
}

function refuseBrokenWeights(optimizer: Optimizer, file: string): void {
  const broken = brokenWeights(optimizer);
  if (broken === null) return;
  throw new UaferError('CHECKPOINT', `${file} is damaged: "${broken}" holds numbers that are not finite. ${REMEDY}`);
}

/** A limit in the middle of an epoch may have put its weights in the place of the best epoch's. */
function putBackBest({ best, bestEpoch }: RunFolder): void {
  if (!checkpointFolder(bestEpoch)) return;
  copyCheckpoint(bestEpoch, best);
  rmSync(bestEpoch, { recursive: true });
}

function checkSamples(where: string, saved: Progress['samples'], found: Progress['samples']): void {
  for (const part of ['train', 'test'] as const) {
    if (saved[part] === found[part]) continue;
    throw new UaferError(
      'CHECKPOINT',
      `${where} was written with ${saved[part]} ${part} pictures, but the data set has ${found[part]} now. ` +
        'A run goes on with the data that it began with: check --data-path.',
    );
  }
}

/** The states of the devices that the run uses now; a machine may lack the one that it was on. */
function restoreGenerators(generators: Readonly<Record<string, string>>, used: string, emit: Run['emit']): void {
  for (const [device, base64] of Object.entries(generators)) {
    if (device === 'cpu' || device === used) restoreGenerator(device, base64);
    else {
      const text =
        `The run was on ${device} and goes on on ${used}: what it draws at random from here on is not what it would have drawn there, ` +
        'and sums are rounded otherwise.';
      emit({ kind: 'log', text });
    }
  }
}

function restoreGenerator(device: string, base64: string): void {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  using state = tensor(bytes, [bytes.length]);
  setGeneratorState(state, device);
}
