/** How a model answers pictures that are not as they should be: test pictures that are spoilt, and a folder of other ones. */
import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import { PICTURE_ENDINGS } from '../codec/endings.js';
import { type CorruptionName, corruptionRow, SEVERITIES } from '../corruptions/corruptions.js';
import type { BatchSource } from '../data/loader.js';
import type { Batch, Sample } from '../data/types.js';
import { UaferError } from '../errors.js';
import { filesBelow, isFolder } from '../files.js';
import { type CorruptedFigures, corruptedFigures, type OutlierFigures, outlierFigures } from '../metrics/robustness.js';
import type { VoteCounting } from '../metrics/votes.js';
import type { Evaluation, Prediction } from './evaluate.js';

/** What `corruptions.json` has of a kind at a severity. */
export interface CorruptionEntry extends CorruptedFigures {
  name: CorruptionName;
  /** As a person reads it. */
  title: string;
  severity: number;
  /** What the severity is of this kind, and in what. */
  strength: number;
  unit: string;
}

/** What `ood.json` has. */
export interface OutlierEntry extends OutlierFigures {
  folder: string;
}

/** Answers the pictures of batches; `onBatch` is told after each how many are done. */
export type AnswerAll = (
  batches: AsyncIterable<Batch>,
  samples: readonly Sample[],
  onBatch: (done: number) => void,
) => Promise<Evaluation>;

interface CorruptionOptions {
  kinds: readonly CorruptionName[];
  /** The test pictures, which `source` gives. */
  samples: readonly Sample[];
  classes: number;
  counting: VoteCounting;
  /** Told how many batches of all kinds and severities are done, how many there are, and of which kind they are. */
  onBatch?: ((done: number, total: number, kind: string) => void) | undefined;
}

/** The test pictures once for each severity of each kind. @param ordinary answers to them as they are */
export async function underCorruptions(
  answerAll: AnswerAll,
  source: BatchSource,
  ordinary: readonly Prediction[],
  { kinds, samples, classes, counting, onBatch }: CorruptionOptions,
): Promise<CorruptionEntry[]> {
  const wanted = kinds.flatMap((kind) => SEVERITIES.map((severity) => ({ kind, severity })));
  const entries: CorruptionEntry[] = [];
  for (const [i, corruption] of wanted.entries()) {
    const { name, title, strengths, unit } = corruptionRow(corruption.kind);
    const told = (done: number) => onBatch?.(i * source.batches + done, wanted.length * source.batches, title);
    const { predictions } = await answerAll(source.epoch(0, 0, { corruption }), samples, told);
    entries.push({
      name,
      title,
      severity: corruption.severity,
      strength: strengths[corruption.severity - 1] as number,
      unit,
      ...corruptedFigures(ordinary, predictions, classes, counting),
    });
  }
  return entries;
}

/** Pictures of a folder beside the test pictures. @param ordinary answers to the test pictures */
export async function onOutliers(
  answerAll: AnswerAll,
  source: BatchSource,
  ordinary: readonly Prediction[],
  { folder, samples, onBatch }: { folder: string; samples: readonly Sample[]; onBatch: (done: number) => void },
): Promise<OutlierEntry> {
  const { predictions } = await answerAll(source.epoch(0), samples, onBatch);
  return { folder, ...outlierFigures(ordinary, predictions) };
}

/** Nobody says what they show. */
const NO_LABEL = 0;

/**
 * The pictures below a folder, at any depth; other files are left out.
 *
 * @throws UaferError `USAGE` when it is no folder or holds no picture
 */
export function outlierPictures(folder: string): Sample[] {
  if (!isFolder(folder))
    throw new UaferError(
      'USAGE',
      `--ood ${folder} ${existsSync(folder) ? 'is no folder' : 'does not exist'}: expected a folder of pictures unlike those of the data set.`,
    );
  const files = filesBelow(folder).filter((file) => PICTURE_ENDINGS.has(extname(file).toLowerCase()));
  if (files.length === 0)
    throw new UaferError('USAGE', `--ood ${folder} holds no picture (${[...PICTURE_ENDINGS].join(' ')}).`);
  return files.sort().map((file) => ({ file, path: join(folder, file), label: NO_LABEL }));
}
