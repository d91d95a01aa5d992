/**
 * What is known of the pictures that a model learned from, fitted once and kept with its calibration: how unlike them another picture is, by
 * its early layers and by its feature.
 */
import { z } from 'zod';
import { UaferError } from '../errors.js';
import type { DensityScores } from '../metrics/scores.js';
import {
  type Bank,
  type Boundaries,
  boundaryScore,
  fitBank,
  fitBoundaries,
  fitRelativeMahalanobis,
  fitVirtualLogit,
  neighbourDistance,
  type RelativeMahalanobis,
  relativeMahalanobis,
  type VirtualLogit,
  virtualLogitScore,
} from './featureScores.js';
import { fitGaussian, type Gaussian, squaredMahalanobis } from './gaussian.js';
import type { Rows } from './linearAlgebra.js';
import { damaged, decodeNumbers, encodeNumbers, type PackedRows, packRows, unpackRows } from './packedNumbers.js';

/** What a network makes of a picture on the way to its answer. */
export interface PictureFeatures {
  /** (D) the class token's feature, of unit length. */
  feature: ArrayLike<number>;
  /** Means of layers (`src/clip/taps.ts`), by name. */
  layers: Readonly<Record<string, ArrayLike<number>>>;
}

const numbers = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/, 'numbers of single precision in Base64');
const rowsSchema = z.object({ width: z.int().positive(), values: numbers }) satisfies z.ZodType<PackedRows>;
const gaussianSchema = z.object({ mean: numbers, whitening: numbers });

export const densitySchema = z.object({
  layers: z
    .array(
      z.object({
        name: z.string(),
        gaussian: gaussianSchema,
        /** Mean and deviation of the logarithm of the squared distance of validation pictures. */
        centre: z.number(),
        deviation: z.number().positive(),
      }),
    )
    .min(1),
  feature: z.object({
    relativeMahalanobis: z.object({ whitening: numbers, means: rowsSchema, background: gaussianSchema }),
    boundaries: z.object({ weights: rowsSchema, mean: numbers }),
    bank: z.object({ rows: rowsSchema, neighbour: z.int().positive() }),
    virtualLogit: z.object({ residual: rowsSchema, scale: z.number() }),
  }),
  /** In words. */
  fittedOn: z.string(),
});

/** Plain data. */
export type Density = z.infer<typeof densitySchema>;

/** A picture that the model learned from. */
export interface TrainingPicture {
  features: PictureFeatures;
  logits: readonly number[];
  /** 0-based. */
  label: number;
}

interface FitOptions {
  /** (C, D) what features are compared with. */
  weights: Rows;
  /** Layers whose means are looked at. */
  layers: readonly string[];
  /** In words. */
  fittedOn: string;
}

/** Wider features are folded to so many numbers: what is kept of a large model stays below a megabyte. */
const WIDEST = 256;
/** Of logarithms: pictures that are all as far away still can be told from others. */
const LEAST_DEVIATION = 0.01;

/**
 * Of pictures of training, in their order: the same ones give the same numbers to the last bit. The distances of layers are not standardised
 * yet.
 *
 * @throws UaferError `DATA` for fewer than two pictures, or features that are no numbers
 */
export function fitDensity(pictures: readonly TrainingPicture[], { weights, layers, fittedOn }: FitOptions): Density {
  const rows = rowsOf(pictures.map(({ features }) => features.feature));
  const folded = rowsOf(pictures.map(({ features }) => fold(features.feature)));
  const labels = pictures.map(({ label }) => label);
  const largest = pictures.map(({ logits }) => Math.max(...logits));
  const { whitening, means, background } = fitRelativeMahalanobis(folded, labels);
  const boundaries = fitBoundaries(rows, weights);
  const bank = fitBank(folded);
  const { residual, scale } = fitVirtualLogit(folded, largest);
  return {
    layers: layers.map((name) => {
      const gaussian = fitGaussian(rowsOf(pictures.map(({ features }) => fold(layerOf(features, name)))));
      return { name, gaussian: packGaussian(gaussian), centre: 0, deviation: 1 };
    }),
    feature: {
      relativeMahalanobis: {
        whitening: encodeNumbers(whitening),
        means: packRows(means),
        background: packGaussian(background),
      },
      boundaries: { weights: packRows(boundaries.weights), mean: encodeNumbers(boundaries.mean) },
      bank: { rows: packRows(bank.rows), neighbour: bank.neighbour },
      virtualLogit: { residual: packRows(residual), scale },
    },
    fittedOn,
  };
}

/** With the distances of layers standardised by other pictures than those of training. */
export function standardizedDensity(density: Density, pictures: readonly PictureFeatures[]): Density {
  const { layers } = unpacked(density);
  return {
    ...density,
    layers: density.layers.map((layer, i) => {
      const { gaussian } = layers[i] as UnpackedLayer;
      const distances = pictures.map((features) => logDistance(layerOf(features, layer.name), gaussian));
      const centre = mean(distances);
      const deviation = Math.sqrt(mean(distances.map((distance) => (distance - centre) ** 2)));
      return { ...layer, centre, deviation: Math.max(LEAST_DEVIATION, deviation) };
    }),
  };
}

/**
 * How unlike the pictures of training one is.
 *
 * @param logits as the network gives them
 */
export function densityScores(features: PictureFeatures, logits: readonly number[], density: Density): DensityScores {
  const { feature } = unpacked(density);
  const folded = fold(features.feature);
  return {
    layers: layerDistance(features, density),
    relativeMahalanobis: relativeMahalanobis(folded, feature.relativeMahalanobis),
    boundaries: boundaryScore(features.feature, feature.boundaries),
    neighbours: neighbourDistance(folded, feature.bank),
    virtualLogit: virtualLogitScore(folded, logits, feature.virtualLogit),
  };
}

/** The mean over the layers of the standardised logarithm of the squared distance: about 0 for an ordinary picture. */
export function layerDistance(features: PictureFeatures, density: Density): number {
  const distances = unpacked(density).layers.map(({ name, gaussian, centre, deviation }) => {
    return (logDistance(layerOf(features, name), gaussian) - centre) / deviation;
  });
  return mean(distances);
}

/** Names of the layers that a density looks at; none without one. */
export function layersOf(density: Density | undefined): string[] {
  return density?.layers.map(({ name }) => name) ?? [];
}

function logDistance(x: ArrayLike<number>, gaussian: Gaussian): number {
  return Math.log(Math.max(Number.MIN_VALUE, squaredMahalanobis(fold(x), gaussian)));
}

function layerOf({ layers }: PictureFeatures, name: string): ArrayLike<number> {
  const found = layers[name];
  if (!found) throw new RangeError(`the network was not asked for its layer ${name}`);
  return found;
}

/**
 * Numbers of at most `WIDEST`: each is added to one of them or taken off it (Charikar et al. 2002, count sketch), which keeps distances but for a
 * few hundredths. Narrow features stay as they are.
 */
export function fold(x: ArrayLike<number>): ArrayLike<number> {
  if (x.length <= WIDEST) return x;
  const out = new Float64Array(WIDEST);
  for (let j = 0; j < x.length; j++) {
    const hash = scrambled(j);
    const place = hash % WIDEST;
    out[place] = (out[place] as number) + (hash >>> 31 === 0 ? 1 : -1) * (x[j] as number);
  }
  return out;
}

/** 32 bits that look drawn at random (the end of MurmurHash3). */
function scrambled(value: number): number {
  let hash = value + 1;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function rowsOf(features: readonly ArrayLike<number>[]): Rows {
  const width = features[0]?.length ?? 1;
  const values = new Float64Array(features.length * width);
  for (const [i, feature] of features.entries()) values.set(feature, i * width);
  if (values.every(Number.isFinite)) return { values, width };
  throw new UaferError('DATA', 'The features of training pictures are not all numbers: the weights are broken.');
}

function packGaussian({ mean: centre, whitening }: Gaussian): z.infer<typeof gaussianSchema> {
  return { mean: encodeNumbers(centre), whitening: encodeNumbers(whitening) };
}

interface UnpackedLayer {
  name: string;
  gaussian: Gaussian;
  centre: number;
  deviation: number;
}

interface Unpacked {
  layers: UnpackedLayer[];
  feature: { relativeMahalanobis: RelativeMahalanobis; boundaries: Boundaries; bank: Bank; virtualLogit: VirtualLogit };
}

/** Each is taken apart once. */
const known = new WeakMap<Density, Unpacked>();

function unpacked(density: Density): Unpacked {
  const found = known.get(density);
  if (found) return found;
  const { relativeMahalanobis: relative, boundaries, bank, virtualLogit } = density.feature;
  const made = {
    layers: density.layers.map(({ gaussian, ...layer }) => ({ ...layer, gaussian: unpackGaussian(gaussian) })),
    feature: {
      relativeMahalanobis: {
        whitening: decodeNumbers(relative.whitening),
        means: unpackRows(relative.means),
        background: unpackGaussian(relative.background),
      },
      boundaries: { weights: unpackRows(boundaries.weights), mean: decodeNumbers(boundaries.mean) },
      bank: { rows: unpackRows(bank.rows), neighbour: bank.neighbour },
      virtualLogit: { residual: unpackRows(virtualLogit.residual), scale: virtualLogit.scale },
    },
  };
  known.set(density, made);
  return made;
}

function unpackGaussian({ mean: centre, whitening }: z.infer<typeof gaussianSchema>): Gaussian {
  const gaussian = { mean: decodeNumbers(centre), whitening: decodeNumbers(whitening) };
  const { length } = gaussian.mean;
  if (gaussian.whitening.length === (length * (length + 1)) / 2) return gaussian;
  throw damaged(`${gaussian.whitening.length} numbers are no covariance of ${length}`);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
