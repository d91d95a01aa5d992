/** What a training keeps of what the frozen CLIP makes of its pictures, where the augmentation has few variants of each. */
import { embed, encodeCls, throughBlocks, type VisionTower } from '../clip/vision.js';
import type { TrainConfig } from '../config/schema.js';
import { variantsOf } from '../data/augment.js';
import { transformFor } from '../data/datasets.js';
import type { Batch, Dataset } from '../data/types.js';
import { picturesOf } from '../task/pictures.js';
import type { Keeping, Model } from '../task/task.js';
import { type KeptRows, keptFeatures, keptTokens, tokensShape } from './keptOnDisk.js';
import { createRows, type Rows } from './rows.js';
import { createTeacherFeatures, worthKeeping } from './teacherFeatures.js';

export interface Kept {
  /** CLS features of the teacher; null where none are kept. */
  features: Rows | null;
  /** Tokens that enter the first trained block; null where none are kept. */
  tokens: Rows | null;
  /** What of it is on the disk. */
  keeping: readonly Keeping[];
}

export const NOTHING_KEPT: Kept = { features: null, tokens: null, keeping: [] };

/** One number for each picture and variant of it; undefined where there is no end of variants. */
export function keysOf({ indices, variants }: Batch): number[] | undefined {
  return variants && Array.from(indices, (index, i) => 2 * index + (variants[i] as number));
}

/**
 * @param student before its training, so that its weights say which CLIP it is
 * @param teacher null where nothing is distilled
 */
export function keptOf(
  { student, teacher }: { student: VisionTower; teacher: VisionTower | null },
  { train: samples }: Pick<Dataset, 'train'>,
  config: TrainConfig,
  preprocessing: Model['preprocessing'],
): Kept {
  const { data, device, precision, optimizer } = config;
  const transform = transformFor({ ...data, dataset: config.dataset, preprocessing, train: true });
  const variants = variantsOf(transform.augment);
  if (data.mixup > 0 || !Number.isFinite(variants)) return NOTHING_KEPT;
  const keys = samples.flatMap((_, i) => Array.from({ length: variants }, (_, variant) => 2 * i + variant));
  const shared = { samples, transform, precision, device };
  const keeping: Keeping[] = [];
  const onDisk = (disk: KeptRows, rows: Rows): Rows => {
    keeping.push(keepingOf(disk, rows, { keys, variants, device }));
    return rows;
  };

  const { layers } = student.architecture;
  const { fixLayer } = optimizer;
  let features: Rows | null = null;
  if (teacher && worthKeeping({ layers, ...optimizer, variants })) {
    const disk = keptFeatures({ ...shared, teacher, size: data.cachePictures });
    features = createTeacherFeatures((images) => encodeCls(teacher, embed(teacher, images)), { disk });
    if (disk) onDisk(disk, features);
  }

  let tokens: Rows | null = null;
  if (data.cachePrefix !== 'off' && fixLayer >= 0) {
    const dtype = data.cachePrefix === 'fp32' ? 'float32' : 'bfloat16';
    const disk = keptTokens({ ...shared, teacher: student, fixLayer, dtype });
    const encode = (images: Parameters<Rows['of']>[0]) => throughBlocks(student, embed(student, images), { to: fixLayer });
    tokens = onDisk(disk, createRows(encode, { dtype, shape: tokensShape(student), mostBytes: 0, disk }));
  }
  return { features, tokens, keeping };
}

function keepingOf(disk: KeptRows, rows: Rows, of: { keys: readonly number[]; variants: number; device: string }): Keeping {
  const { keys, variants, device } = of;
  return {
    variants,
    what: disk.what,
    file: disk.file,
    count: () => ({ there: keys.filter((key) => disk.has(key)).length, all: keys.length }),
    keep: (batch) => void rows.of(picturesOf(batch, device), keysOf(batch) ?? []),
    close: disk.close,
    notes: disk.notes,
  };
}
