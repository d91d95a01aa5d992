/**
 * What the teacher says of training pictures, on the disk beside their pixels (`src/data/keptPictures.ts`), for later runs and other processes. A feature is
 * found only where it would be made to the same bits: its file's key says of which weights it is, how the picture is made, and what computes.
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

/** Features (D) by picture and variant: the key is twice the place in the list of samples, and 1 more for the mirrored one. */
export interface KeptFeatures {
  find(key: number): Float32Array | undefined;
  /** Keeps it, unless there is no room, or no picture whose change could be noticed. */
  keep(key: number, feature: Float32Array): void;
  /** The file that holds them. */
  readonly file: string;
  /** What there is to say of damage and of a full disk. */
  readonly notes: KeptNotes;
}

export interface KeptFeaturesOptions {
  teacher: VisionTower;
  samples: readonly Sample[];
  transform: TransformOptions;
  precision: string;
  device: string;
  /** What all that is kept of pictures may take, as `--cache-pictures` says it. */
  size: string;
}

/** Null where nothing is to be kept. */
export function keptFeatures(options: KeptFeaturesOptions): KeptFeatures | null {
  const { samples, teacher, size } = options;
  const limit = parseKeptSize(size) ?? 0;
  if (limit === 0) return null;
  const width = teacher.weights.proj?.shape[1] as number;
  const kind = keptOptions({
    name: `${options.transform.imageSize}-teacher`,
    ending: '.features',
    facts: factsOf(options),
    payloadBytes: width * Float32Array.BYTES_PER_ELEMENT,
    limit,
    words: { kept: 'features of the teacher', otherwise: 'computed anew in every run' },
  });
  const disk = keptPictures(kind);
  return {
    file: kind.file,
    notes: disk.notes,
    find: (key) => {
      const source = sourceOf(samples, key);
      const bytes = source ? disk.find(source.path, source.stamp, source.variant) : undefined;
      // A copy: what was read does not begin where numbers may.
      return bytes && new Float32Array(Uint8Array.from(bytes).buffer);
    },
    keep: (key, feature) => {
      const source = sourceOf(samples, key);
      const bytes = new Uint8Array(feature.buffer, feature.byteOffset, feature.byteLength);
      if (source) disk.keep(source.path, source.stamp, bytes, source.variant);
    },
  };
}

function sourceOf(samples: readonly Sample[], key: number) {
  const path = samples[key >> 1]?.path;
  const stamp = path === undefined ? null : stampOf(path);
  return path === undefined || stamp === null ? null : { path, stamp, variant: key % 2 === 0 ? '' : '\0mirrored' };
}

/** Everything that decides a feature's bits beside the picture. */
function factsOf({ teacher, transform, precision, device }: KeptFeaturesOptions): object {
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
        const values = ops.toDevice(weight, 'cpu').data();
        hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      }),
    );
  }
  return hash.digest('hex');
}
