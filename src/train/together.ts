/** What several processes do to train one run as one process would. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { TrainConfig } from '../config/schema.js';
import { counted } from '../counted.js';
import type { BatchSource } from '../data/loader.js';
import { placesInBatch, smallestBatch } from '../data/shard.js';
import type { Batch, Dataset, Sample } from '../data/types.js';
import { generatorState, libtorchVersions, noGrad, ops, scope, setGeneratorState, tensor, toArray } from '../engine/index.js';
import { UaferError } from '../errors.js';
import { packageFacts } from '../paths.js';
import { decisiveSettings } from '../run/resume.js';
import type { Task } from '../task/task.js';
import type { MovingAverage } from './movingAverage.js';
import { type Optimizer, optimizerTensors, prepareMoments } from './optimizer.js';
import { OwnFailure, type Processes } from './processes.js';
import type { Card } from './rendezvous.js';

/** Whether the pictures of a batch are mixed two by two. */
export function mixesPairs({ task, pretrain, data }: TrainConfig): boolean {
  return (task === 'pretrain' ? (pretrain?.mixup ?? 0) : data.mixup) > 0;
}

/** Throws `USAGE` when whole batches would leave some processes without a picture. */
export function refuseSmallBatches(config: TrainConfig, { size }: Processes): void {
  const pairs = mixesPairs(config);
  const fewest = smallestBatch({ size, pairs });
  const { batchSize } = config.optimizer;
  if (batchSize >= fewest) return;
  const why = pairs ? ' (mixup keeps pairs of pictures together)' : '';
  throw new UaferError(
    'USAGE',
    `--batch-size ${batchSize} is that of all ${size} processes together, and leaves some without a picture${why}: take at least ${fewest}, or fewer ` +
      'processes.',
  );
}

/** What each process gets of a batch, in a sentence. */
export function batchNote(config: TrainConfig, { size }: Processes): string {
  const { batchSize, accumulate } = config.optimizer;
  const pairs = mixesPairs(config);
  const parts = Array.from({ length: size }, (_, rank) => placesInBatch(batchSize, { rank, size, pairs }).length);
  const [least, most] = [Math.min(...parts), Math.max(...parts)];
  const each = least === most ? counted(most, 'picture') : `${least} to ${most} pictures`;
  const steps = accumulate > 1 ? `, and ${accumulate} batches make a step` : '';
  return `${size} processes train together: of each batch of ${batchSize} pictures a process takes ${each}${steps}.`;
}

/** The settings and the program, to be the same in all processes. */
export function settingsCard(config: TrainConfig): Card {
  const { version } = packageFacts();
  const { maxSteps, patience } = config.run;
  return {
    'version of uafer': version,
    'version of libtorch': libtorchVersions().loaded,
    'kind of device': config.device.split(':')[0],
    ...decisiveSettings(config),
    'optimizer.epochs': config.optimizer.epochs,
    'run.maxSteps': maxSteps,
    'run.patience': patience,
  };
}

/** Pictures of each list whose bytes are compared. */
const COMPARED = 16;

/** Data and weights, to be the same in all processes: the lists, a few pictures of each, and every tensor of the model. */
export function contentCard({ dataset, state }: Task): Card {
  const { classes, train, test } = dataset;
  return {
    classes: classes.join(', '),
    'training pictures': listCard(train),
    'test pictures': listCard(test),
    'bytes of some pictures': picturesHash(dataset),
    weights: weightsHash(state),
  };
}

function listCard(samples: readonly Sample[]): string {
  const hash = createHash('sha256');
  for (const { file, label, votes, voteCounts } of samples) hash.update(JSON.stringify([file, label, votes, voteCounts]));
  return `${samples.length} (list ${shortened(hash.digest('hex'))})`;
}

function picturesHash({ train, test }: Dataset): string {
  const hash = createHash('sha256');
  for (const samples of [train, test]) {
    const every = Math.max(1, Math.floor(samples.length / COMPARED));
    for (const { path } of samples.filter((_, i) => i % every === 0)) hash.update(bytesOrNone(path));
  }
  return shortened(hash.digest('hex'));
}

/** A picture that can't be read is told of later, in its turn. */
function bytesOrNone(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    return new Uint8Array();
  }
}

function weightsHash(state: Task['state']): string {
  const hash = createHash('sha256');
  for (const [name, weight] of Object.entries(state)) {
    scope(() => {
      const { buffer, byteOffset, byteLength } = ops.contiguous(ops.toDevice(ops.detach(weight), 'cpu')).data();
      hash.update(`${name} ${weight.dtype} ${weight.shape}\n`).update(new Uint8Array(buffer, byteOffset, byteLength));
    });
  }
  return shortened(hash.digest('hex'));
}

const shortened = (hash: string) => hash.slice(0, 12);

/** Brings a process to where the leading one found the run in its last checkpoint. */
export function shareState(
  processes: Processes,
  { task, optimizer, ema, device }: { task: Task; optimizer: Optimizer; ema: MovingAverage | null; device: string },
): void {
  if (processes.size === 1) return;
  prepareMoments(optimizer, processes.told([...optimizer.moments.keys()]));
  for (const x of [
    ...Object.values(task.state),
    ...Object.values(optimizerTensors(optimizer)),
    ...Object.values(ema?.averages ?? {}),
  ])
    processes.share(x);
  for (const each of new Set(['cpu', device])) {
    const bytes = Buffer.from(processes.told(generatorText(each)), 'base64');
    scope(() => setGeneratorState(tensor(Uint8Array.from(bytes), [bytes.length]), each));
  }
}

function generatorText(device: string): string {
  return scope(() => Buffer.from(generatorState(device).data() as Uint8Array).toString('base64'));
}

/**
 * A process's part of a batch as one process would make it: where a picture of the whole batch cannot be read, all make it anew with
 * those that step in.
 */
export async function agreedBatch(
  { sum }: Processes,
  source: BatchSource,
  batch: Batch,
  { epoch, number }: { epoch: number; number: number },
): Promise<Batch> {
  if (!batch.part) return batch;
  const [missing = 0] = sum([batch.part.missing]);
  return missing === 0 ? batch : source.remade(epoch, number);
}

/** Whether the weights are still the same bits in all processes. Throws `DISTRIBUTED` when they are not. */
export function refuseDrift(processes: Processes, { parameters }: Optimizer, step: number): void {
  if (processes.size === 1) return;
  const norms = noGrad(() => scope(() => toArray(ops.toDevice(ops.stack(ops.foreachNorm([...parameters.values()])), 'cpu'))));
  const own = JSON.stringify(norms);
  const [differing = 0] = processes.sum([own === processes.told(own) ? 0 : 1]);
  if (differing === 0) return;
  throw new OwnFailure(
    `After step ${step} the weights of ${counted(differing, 'process', 'processes')} are no longer those of rank 0: a machine computes otherwise than the ` +
      'others (another processor or driver), or wrongly. Train on machines that are alike; --resume goes on from the last checkpoint.',
  );
}
