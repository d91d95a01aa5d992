import type { PictureStatistics } from '../image/statistics.js';
import type { Changes } from './augment.js';

/** Which pictures of a data set are wanted: of both parts, or the test pictures alone. */
export type Parts = 'all' | 'test';

/** One picture of a data set. */
export interface Sample {
  /** Name as the list gives it; stands in reports and predictions. */
  file: string;
  /** Where the picture is. */
  path: string;
  /** 0-based index into `Dataset.classes`. */
  label: number;
  /** Share of annotators for each class (sums to 1), where the data set has votes: what is trained on. */
  votes?: readonly number[];
  /**
   * The raw votes behind them, none left out: for each class, then for answers that are no class (FER+: "unknown", "no face"). What
   * evaluation compares with.
   */
  voteCounts?: readonly number[];
  /** Who is seen, where the data set says it. */
  subject?: string;
}

export interface Dataset {
  /** Its row in `datasets.ts`. */
  name: string;
  root: string;
  classes: readonly string[];
  train: readonly Sample[];
  test: readonly Sample[];
  /** How its parts came about, where not by its owners, in sentences for the one who trains. */
  notes?: readonly string[];
}

/** Pictures decoded, transformed and normalised; what one step of training or evaluation takes. */
export interface Batch {
  /** (B, 3, S, S) in row-major order; empty where `bytes` stands in their place. */
  images: Float32Array;
  /** What the images are made of, for a device that makes them (`src/task/pictures.ts`). */
  bytes?: PictureBytes;
  shape: readonly [number, number, number, number];
  /** (B) 0-based labels. */
  labels: BigInt64Array;
  /** (B, C) annotators' shares, when every sample of the data set has votes. */
  votes?: Float32Array;
  /** (B) positions in the data set's list. */
  indices: Int32Array;
  /**
   * (B) which of its variants each picture is, where the augmentation has few: 0 as it is, 1 mirrored. Left out where there is no end of them, and for
   * pictures that are spoilt.
   */
  variants?: Uint8Array;
  /** Of one process's part of a batch, where several train together. */
  part?: BatchPart;
  /** The pictures' plain statistics, where they were asked for. */
  statistics?: readonly PictureStatistics[];
}

/** Resized pictures, and what is done to them. */
export interface PictureBytes {
  /** (B, S, S, 3). */
  pixels: Uint8Array;
  /** Of each of the B. */
  changes: readonly Changes[];
  /** What they are normalised by, as in `Preprocessing`. */
  mean: readonly [number, number, number];
  deviation: readonly [number, number, number];
}

/** What there is to know of one process's part of a batch. */
interface BatchPart {
  /** Pictures of it that count: all, or none where the batch has fewer pictures than there are processes, and one that stands in. */
  counted: number;
  /** Pictures of it that could not be read: the processes make such a batch anew, all of them whole (`BatchSource.remade`). */
  missing: number;
}
