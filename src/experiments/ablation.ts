/** What an ablation shows: each row's figures over its seeds, and how they differ from those of the first row. */
import { relative } from 'node:path';
import type { Interval } from '../metrics/bootstrap.js';
import { meanInterval, type Spread, spread } from '../metrics/repeated.js';
import type { Ablation, AblationRow } from './ablationFile.js';
import { type CellResult, readAnswers } from './cell.js';
import { type AnswerPair, BOOTSTRAP_SEED, pictureIntervals } from './pictureIntervals.js';
import type { AblationResult, Difference } from './resultFiles.js';
import type { CellOutcome } from './runCells.js';

export interface SummaryOptions {
  /** Rows and their cells are named relative to it. */
  out: string;
  /** Of the bootstrap; 0 for none. */
  resamples: number;
  onResample?(done: number): void;
}

/** @param outcomes of all cells, row after row */
export function summarize(ablation: Ablation, outcomes: readonly CellOutcome[], options: SummaryOptions): AblationResult {
  const { seeds, weights, rows } = ablation;
  const ofRow = (place: number) => outcomes.slice(place * seeds.length, (place + 1) * seeds.length).map(resultOf);
  const results = rows.map((_, place) => ofRow(place));
  const first = results[0] ?? [];
  const intervalsOf = (place: number) => {
    const done = (place - 1) * options.resamples;
    const onResample = (own: number) => options.onResample?.(done + own);
    return options.resamples > 0 ? pictureIntervals(pairsOf(rows, results, place), { ...options, onResample }) : {};
  };
  return {
    format: 'uafer-ablation',
    version: 1,
    seeds,
    weights,
    bootstrap: options.resamples > 0 ? { resamples: options.resamples, seed: BOOTSTRAP_SEED } : null,
    rows: rows.map(({ name, calibrate, cells }, place) => ({
      name,
      calibrated: calibrate,
      cells: cells.map(({ config }, i) => ({
        seed: seeds[i] as number,
        folder: relative(options.out, config.out).replaceAll('\\', '/'),
        ...told(outcomes[place * seeds.length + i] as CellOutcome),
      })),
      figures: spreads(results[place] ?? []),
      differences: place === 0 ? null : differencesOf(first, results[place] ?? [], intervalsOf(place)),
    })),
  };
}

/** The answers of the first row and of another one, seed by seed where both are finished. */
function pairsOf(
  rows: readonly AblationRow[],
  results: readonly (readonly (CellResult | null)[])[],
  place: number,
): AnswerPair[] {
  const answers = (row: number, i: number) => {
    const cell = rows[row]?.cells[i];
    return cell ? readAnswers(cell.config.out) : null;
  };
  return (results[place] ?? []).flatMap((result, i) => {
    const before = results[0]?.[i];
    if (!before || !result || before.classes.join('/') !== result.classes.join('/')) return [];
    return [{ classes: result.classes.length, before: answers(0, i), after: answers(place, i) }];
  });
}

/** Each figure over the results that there are. */
export function spreads(results: readonly (CellResult | null)[]): Record<string, Spread> {
  const known = results.filter((result) => result !== null);
  const names = [...new Set(known.flatMap(({ figures }) => Object.keys(figures)))];
  return Object.fromEntries(names.map((name) => [name, spread(known.map(({ figures }) => figures[name] ?? null))]));
}

const resultOf = (outcome: CellOutcome): CellResult | null => (outcome.state === 'finished' ? outcome.result : null);

function told(outcome: CellOutcome) {
  if (outcome.state === 'failed') return { state: outcome.state, error: outcome.error };
  if (outcome.state === 'open') return { state: outcome.state };
  const { samples, figures } = outcome.result;
  return { state: outcome.state, samples, figures };
}

function differencesOf(
  first: readonly (CellResult | null)[],
  second: readonly (CellResult | null)[],
  overPictures: Readonly<Record<string, Interval | null>>,
): Record<string, Difference> | null {
  const pairs = first.flatMap((one, i) => {
    const other = second[i] ?? null;
    return one && other ? [{ before: one.figures, after: other.figures }] : [];
  });
  if (pairs.length === 0) return null;
  const names = Object.keys(pairs[0]?.after ?? {});
  return Object.fromEntries(
    names.map((name) => {
      const found = spread(pairs.map(({ before, after }) => lessThan(after[name], before[name])));
      return [name, { ...found, overSeeds: meanInterval(found), overPictures: overPictures[name] ?? null }];
    }),
  );
}

const lessThan = (after: number | null | undefined, before: number | null | undefined) =>
  after == null || before == null ? null : after - before;
