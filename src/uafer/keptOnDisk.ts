/**
 * What the frozen CLIP makes of training pictures, on the disk beside their pixels (`src/data/keptPictures.ts`), for later runs and other processes: its features,
 * and what its frozen blocks give to the others. A row is found only where it would be made to the same bits: its file's key says of which weights it is, how the picture is made, and what computes.
 */
import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import type { VisionTower } from '../clip/vision.js';
import type { TransformOptions } from '../data/augment.js';
import { type KeptNotes, keptOptions, keptPictures, parseKeptSize, stampOf } from '../data/keptPictures.js';
import type { Sample } from '../data/types.js';
import {
  cpuCapability,
  libtorchVersions,
  noGrad,
  ops,
  productsByOneDnn,
  scope,
  type Tensor,
  threads,
} from '../engine/index.js';

/** Numbers of one picture: single precision, or the bits of bfloat16. */
export type Row = Float32Array | Uint16Array;

/** Rows by picture and variant: the key is twice the place in the list of samples, and 1 more for the mirrored one. */
export interface KeptRows {
  find(key: number): Row | undefined;
  /** Whether there is a row, which may be damaged all the same. */
  has(key: number): boolean;
  /** Keeps it, unless there is no room, or no picture whose change could be noticed. */
  keep(key: number, row: Row): void;
  /** From here on nothing is found and nothing kept. */
  close(): void;
  /** For people. */
  readonly what: string;
  /** The file that holds them. */
  readonly file: string;
  /** What there is to say of damage and of a full disk. */
  readonly notes: KeptNotes;
}

export interface KeptRowsOptions {
  teacher: VisionTower;
  samples: readonly Sample[];
  transform: TransformOptions;
  precision: string;
  device: string;
}

/**
 * Features (D) of the teacher, of which all that is kept of pictures may take `size` as `--cache-pictures` says it; null for none, and on a GPU, where
 * a feature's bits depend on the pictures that are computed beside it.
 */
export function keptFeatures(options: KeptRowsOptions & { size: string }): KeptRows | null {
  const limit = parseKeptSize(options.size) ?? 0;
  if (limit === 0 || options.device !== 'cpu') return null;
  const payloadBytes = (options.teacher.weights.proj?.shape[1] as number) * Float32Array.BYTES_PER_ELEMENT;
  const words = { kept: 'features of the teacher', otherwise: 'computed anew in every run' };
  return keptRows(options, { name: 'teacher', ending: '.features', facts: {}, payloadBytes, limit, words });
}

/** Tokens (N + 1, W) that enter block `fixLayer`, as many as the disk takes. */
export function keptTokens(options: KeptRowsOptions & { fixLayer: number; dtype: 'float32' | 'bfloat16' }): KeptRows {
  const { teacher, fixLayer, dtype } = options;
  const numbers = tokensShape(teacher).reduce((product, size) => product * size, 1);
  return keptRows(options, {
    name: 'prefix',
    ending: '.tokens',
    facts: { fixLayer, dtype },
    payloadBytes: numbers * (dtype === 'float32' ? 4 : 2),
    limit: Number.POSITIVE_INFINITY,
    words: { kept: 'outputs of the frozen blocks', otherwise: 'computed at every step' },
  });
}

/** (N + 1, W) */
export function tokensShape({ weights }: VisionTower): readonly number[] {
  return weights.positional_embedding?.shape as readonly number[];
}

type Kind = Pick<Parameters<typeof keptOptions>[0], 'name' | 'ending' | 'facts' | 'payloadBytes' | 'limit' | 'words'>;

function keptRows(options: KeptRowsOptions, { name, facts, ...kind }: Kind): KeptRows {
  const { samples, transform } = options;
  const file = keptOptions({
    ...kind,
    name: `${transform.imageSize}-${name}`,
    facts: { ...factsOf(options), ...facts },
  });
  const disk = keptPictures(file);
  // Looked at before any is decoded: what changes meanwhile is found changed by the next run.
  const stamps = samples.map(({ path }) => stampOf(path));
  let closed = false;
  const sourceOf = (key: number) => {
    if (closed) return null;
    const [path, stamp] = [samples[key >> 1]?.path, stamps[key >> 1]];
    return path !== undefined && stamp ? { path, stamp, variant: key % 2 === 0 ? '' : '\0mirrored' } : null;
  };
  const rowOf = 'dtype' in facts && facts.dtype === 'bfloat16' ? Uint16Array : Float32Array;
  return {
    what: kind.words.kept,
    file: file.file,
    notes: disk.notes,
    close: () => {
      closed = true;
    },
    has: (key) => {
      const source = sourceOf(key);
      return source !== null && disk.has(source.path, source.stamp, source.variant);
    },
    find: (key) => {
      const source = sourceOf(key);
      const bytes = source ? disk.find(source.path, source.stamp, source.variant) : undefined;
      // A copy: what was read does not begin where numbers may.
      return bytes && new rowOf(Uint8Array.from(bytes).buffer);
    },
    keep: (key, row) => {
      const source = sourceOf(key);
      const bytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
      if (source) disk.keep(source.path, source.stamp, bytes, source.variant);
    },
  };
}

/** Everything that decides bits beside the picture. */
function factsOf({ teacher, transform, precision, device }: KeptRowsOptions): object {
  const { imageSize, resize, colour, mean, deviation, centerCrop } = transform;
  return {
    ...{ imageSize, resize, colour, mean, deviation, centerCrop },
    weights: hashOf(teacher.weights),
    libtorch: libtorchVersions().loaded,
    precision,
    device,
    processor: cpus()[0]?.model,
    capability: cpuCapability(),
    oneDnn: productsByOneDnn(),
    threads: threads(),
  };
}

/** Of all tensors' names, shapes and bytes. */
function hashOf(weights: Readonly<Record<string, Tensor>>): string {
  const hash = createHash('sha256');
  for (const [name, weight] of Object.entries(weights).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name} ${weight.shape} `);
    noGrad(() =>
      scope(() => {
        const { buffer, byteOffset, byteLength } = ops.toDevice(weight, 'cpu').data();
        hash.update(new Uint8Array(buffer, byteOffset, byteLength));
      }),
    );
  }
  return hash.digest('hex');
}
