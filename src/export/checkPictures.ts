/** Real pictures that an export is checked on, and that the ranges of 8-bit activations are measured on. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { decodePicture } from '../codec/decode.js';
import type { TrainConfig } from '../config/schema.js';
import { loadDataset } from '../data/datasets.js';
import type { Dataset, Sample } from '../data/types.js';
import { UaferError } from '../errors.js';
import { filesBelow } from '../files.js';
import { type Preprocessing, toSquare } from '../image/preprocess.js';
import { packagePath } from '../paths.js';

/** A picture as the network takes it. */
export interface CheckPicture {
  file: string;
  /** S x S RGB bytes, in colour. */
  pixels: Uint8Array;
  /** 0-based; null where nobody says. */
  label: number | null;
}

export interface CheckPictures {
  /** Where the export is compared with libtorch. */
  check: CheckPicture[];
  /** Where ranges are measured: never those of `check`, unless there are no others. */
  ranges: CheckPicture[];
  /** What they are, in words. */
  what: string;
}

/** Enough to see a difference, few enough for a minute of ViT-B/16. */
const MOST = 128;

/**
 * The data set's own pictures where they are there (its test pictures to check, its training pictures for ranges), else the few faces that come
 * with the package.
 */
export async function checkPictures(config: TrainConfig, preprocessing: Preprocessing): Promise<CheckPictures> {
  const dataset = datasetOf(config);
  if (!dataset) {
    const faces = await read(shippedFaces(), preprocessing);
    return {
      check: faces,
      ranges: faces,
      what: `${faces.length} faces of the package (the data set is not at ${config.dataPath})`,
    };
  }
  const check = await read(spread(dataset.test), preprocessing);
  const ranges = await read(spread(dataset.train.length > 0 ? dataset.train : dataset.test), preprocessing);
  return { check, ranges, what: `${check.length} test pictures of ${config.dataset}` };
}

function datasetOf({ dataset: name, dataPath }: TrainConfig): Dataset | null {
  if (!existsSync(dataPath)) return null;
  try {
    return loadDataset({ name, dataPath });
  } catch (error) {
    if (!(error instanceof UaferError) || error.code !== 'DATA') throw error;
    return loadDataset({ name, dataPath, parts: 'test' });
  }
}

function shippedFaces(): Sample[] {
  const folder = packagePath('assets', 'faces');
  return filesBelow(folder).map((file) => ({ file, path: join(folder, file), label: -1 }));
}

/** Up to `MOST` samples at equal distances, so that every class is among them. */
function spread(samples: readonly Sample[]): Sample[] {
  const step = Math.max(1, samples.length / MOST);
  return Array.from({ length: Math.min(MOST, samples.length) }, (_, i) => samples[Math.floor(i * step)] as Sample);
}

/** Of an oblong picture the middle will do. */
async function read(samples: readonly Sample[], preprocessing: Preprocessing): Promise<CheckPicture[]> {
  const pictures: CheckPicture[] = [];
  for (const { file, path, label } of samples) {
    const pixels = toSquare(await decodePicture(path), { ...preprocessing, colour: 'rgb', centerCrop: true }, path);
    pictures.push({ file, pixels, label: label < 0 ? null : label });
  }
  return pictures;
}
