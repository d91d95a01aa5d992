/** Subject-independent cross-validation: a training for each fold of people, tested on theirs. */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import type { TrainConfig } from '../config/schema.js';
import { loadDataset } from '../data/datasets.js';
import { foldsOf } from '../data/folds.js';
import { UaferError } from '../errors.js';
import { writeFileAtomically } from '../files.js';
import { trustFigures } from '../metrics/trust.js';
import { spreads } from './ablation.js';
import { type Cell, type CellResult, type CellWeights, readAnswers } from './cell.js';
import type { CrossValidationResult, FoldResult } from './resultFiles.js';
import type { CellOutcome } from './runCells.js';

/** The trainings of a cross-validation, and who is tested on in each. */
export interface CrossValidation {
  cells: Cell[];
  people: string[][];
  /** How the folds came about. */
  source: string;
}

export interface CrossValidationOptions {
  out: string;
  calibrate: boolean;
  weights: CellWeights;
}

/** Where the folds of a cross-validation stand, so that they stay what they were when it goes on. */
const FOLDS_FILE = 'folds.json';
const foldsSchema = z.object({ people: z.array(z.array(z.string())) });

/**
 * The trainings of a configuration with each fold as the test part, in `<out>/fold-<n>`. Folds are the configuration's `folds` or `foldList`.
 *
 * @throws UaferError as `foldsOf` and the data set's loader do, `USAGE` when the folder was begun with other folds
 */
export function planFolds(config: TrainConfig, { out, calibrate, weights }: CrossValidationOptions): CrossValidation {
  const { dataset: name, dataPath, data } = config;
  const { votes, ferplusTest, subjectPattern, folds, foldList } = data;
  const { people, source } = foldsOf(loadDataset({ name, dataPath, votes, ferplusTest, subjectPattern }), { folds, foldList });
  const cells = people.map((_, i): Cell => {
    const own = { ...config, out: resolve(out, `fold-${i + 1}`), data: { ...data, fold: i + 1 } };
    return { name: `fold ${i + 1}`, config: own, calibrate, weights };
  });
  return { cells, people, source };
}

/** Writes who is in which fold into the folder. Throws `USAGE` when it was begun with other folds, `DATA` when the file is broken. */
export function keepFolds(out: string, people: readonly string[][]): void {
  const file = join(out, FOLDS_FILE);
  const before = existsSync(file) ? readFolds(file) : null;
  if (before && JSON.stringify(before) !== JSON.stringify(people)) {
    throw new UaferError(
      'USAGE',
      `${file} has other folds (${before.length}) than these (${people.length}): people, their pictures or the number of folds changed. ` +
        'Undo that, or choose another folder with --out.',
    );
  }
  if (!before) writeFileAtomically(file, `${JSON.stringify({ people }, null, 2)}\n`);
}

function readFolds(file: string): string[][] {
  try {
    return foldsSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).people;
  } catch (cause) {
    throw new UaferError('DATA', `${file} is damaged. Delete it: the same command makes it again.`, { cause });
  }
}

/** What the folds show, of which some may not be finished. */
export function summarizeFolds(
  { cells, people }: CrossValidation,
  outcomes: readonly CellOutcome[],
  { out, weights }: CrossValidationOptions,
): CrossValidationResult {
  const results = outcomes.flatMap((outcome) => (outcome.state === 'finished' ? [outcome.result] : []));
  const folds = outcomes.map((outcome, i): FoldResult => {
    const place = {
      fold: i + 1,
      folder: relative(out, cells[i]?.config.out ?? out).replaceAll('\\', '/'),
      people: people[i] ?? [],
    };
    if (outcome.state === 'failed') return { ...place, state: outcome.state, error: outcome.error };
    if (outcome.state === 'open') return { ...place, state: outcome.state };
    const { samples, figures } = outcome.result;
    return { ...place, state: outcome.state, samples, figures };
  });
  const whole = results.length === cells.length;
  const pooled = whole ? pool(cells, results) : null;
  return { format: 'uafer-crossval', version: 1, weights, folds, figures: spreads(results), pooled };
}

function pool(cells: readonly Cell[], results: readonly CellResult[]): CrossValidationResult['pooled'] {
  const answers = cells.map(({ config }) => readAnswers(config.out));
  if (answers.includes(null)) return null;
  const all = answers.flatMap((each) => each ?? []);
  return { samples: all.length, figures: trustFigures(all, results[0]?.classes.length ?? 0)() };
}
