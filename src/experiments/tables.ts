/** Tables of several trainings, as text and as Markdown. */
import type { Interval } from '../metrics/bootstrap.js';
import type { Spread } from '../metrics/repeated.js';
import { textTable } from '../textTable.js';
import type { CellWeights } from './cell.js';
import type { AblationResult, CrossValidationResult, Difference } from './resultFiles.js';

interface Column {
  /** The figure's path. */
  name: string;
  title: string;
  /** Percent or a plain number. */
  percent?: true;
}

/** The figures that are shown; the files hold all of them. */
const COLUMNS: readonly Column[] = [
  { name: 'accuracy', title: 'accuracy %', percent: true },
  { name: 'meanClassAccuracy', title: 'mean class %', percent: true },
  { name: 'negativeLogLikelihood', title: 'NLL' },
  { name: 'expectedCalibrationError', title: 'ECE' },
  { name: 'errorAuroc', title: 'error AUROC' },
  { name: 'areaUnderRiskCoverage', title: 'AURC' },
  { name: 'scores.topProbability.errorAuroc', title: 'AUROC, top p' },
  { name: 'scores.topProbability.aurc', title: 'AURC, top p' },
];

function taken(weights: CellWeights): string {
  return weights === 'best' ? 'best epoch by the test metric, as `uafer eval` takes it' : 'end of the training';
}

/** A table with its heading first, or a sentence. */
type Block = string[][] | string;

const textOf = (blocks: readonly Block[]) =>
  blocks.map((block) => (typeof block === 'string' ? block : textTable(block))).join('\n\n');

function markdownOf(title: string, blocks: readonly Block[]): string {
  return `${[`# ${title}`, ...blocks.map((block) => (typeof block === 'string' ? block : markdownTable(block)))].join('\n\n')}\n`;
}

/** Numbers to the right, the first column to the left. */
function markdownTable([heading = [], ...rows]: string[][]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replace(/[|\\]/g, '\\$&').replace(/\s+/g, ' ')).join(' | ')} |`;
  return [line(heading), line(heading.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** Without a line break at the end. */
export function ablationText(result: AblationResult): string {
  return textOf(ablationBlocks(result));
}

export function ablationMarkdown(result: AblationResult, title: string): string {
  return markdownOf(title, ablationBlocks(result));
}

function ablationBlocks(result: AblationResult): Block[] {
  const { rows, seeds, weights } = result;
  const finished = rows.map(({ cells }) => cells.filter(({ state }) => state === 'finished').length);
  const heading = ['row', 'seeds', ...COLUMNS.map(({ title }) => title)];
  const cells = rows.map(({ name, figures }, i) => [
    name,
    seedsOf(finished[i] as number, seeds.length),
    ...spreadCells(figures, finished[i] as number),
  ]);
  const compared = rows.slice(1).flatMap(({ name, differences }) => (differences ? differenceRows(name, differences) : []));
  const failed = rows.flatMap(({ name, cells: own }) =>
    own.flatMap(({ seed, state, error }) => (state === 'failed' ? [`${name}, seed ${seed} failed: ${error}`] : [])),
  );
  return [
    `Mean ± standard deviation over seeds ${seeds.join(', ')}; weights of the ${taken(weights)}.`,
    [heading, ...cells],
    ...(compared.length > 0 ? differenceBlocks(result, compared) : []),
    ...(failed.length > 0 ? [failed.join('\n')] : []),
  ];
}

function differenceBlocks({ rows, bootstrap }: AblationResult, compared: string[][]): Block[] {
  const pictures = bootstrap ? `; over pictures: of a bootstrap with ${bootstrap.resamples} resamples` : '';
  return [
    `Differences to ${rows[0]?.name}, paired by seed (percentages: in points), with 95% intervals. Over seeds: of the paired t-test${pictures}.`,
    [
      ['row', 'figure', 'difference', 'over seeds', ...(bootstrap ? ['over pictures'] : [])],
      ...compared.map((row) => row.slice(0, bootstrap ? 5 : 4)),
    ],
  ];
}

const seedsOf = (finished: number, all: number) => (finished === all ? `${all}` : `${finished} of ${all}`);

/** @param of how many trainings there are: a figure that not all of them have says so */
function spreadCells(figures: Readonly<Record<string, Spread>>, of: number): string[] {
  return COLUMNS.map((column) => spreadText(figures[column.name], column, of));
}

function spreadText(found: Spread | undefined, column: Column, of: number): string {
  if (!found || found.mean === null) return '-';
  const deviation = found.deviation === null ? '' : ` ± ${number(found.deviation, column)}`;
  return `${number(found.mean, column)}${deviation}${found.count < of ? ` (${found.count} of ${of})` : ''}`;
}

function differenceRows(name: string, differences: Readonly<Record<string, Difference>>): string[][] {
  return COLUMNS.flatMap((column) => {
    const found = differences[column.name];
    if (!found || found.mean === null) return [];
    return [
      [name, column.title, signed(found.mean, column), range(found.overSeeds, column), range(found.overPictures, column)],
    ];
  });
}

function range(interval: Interval | null, column: Column): string {
  return interval === null ? '-' : interval.map((end) => signed(end, column)).join(' to ');
}

function signed(value: number, column: Column): string {
  const text = number(value, column);
  return Number(text) > 0 ? `+${text}` : text;
}

function number(value: number, { percent }: Column): string {
  const text = percent ? (100 * value).toFixed(2) : value.toFixed(4);
  // Not "-0.00".
  return Number(text) === 0 ? text.replace('-', '') : text;
}

/** Without a line break at the end. */
export function crossValidationText(result: CrossValidationResult): string {
  return textOf(crossValidationBlocks(result));
}

export function crossValidationMarkdown(result: CrossValidationResult, title: string): string {
  return markdownOf(title, crossValidationBlocks(result));
}

function crossValidationBlocks({ folds, figures, pooled, weights }: CrossValidationResult): Block[] {
  const heading = ['fold', 'people', 'pictures', ...COLUMNS.map(({ title }) => title)];
  const plain = (values: Readonly<Record<string, number | null>> | undefined) =>
    COLUMNS.map((column) => {
      const value = values?.[column.name] ?? null;
      return value === null ? '-' : number(value, column);
    });
  const rows = folds.map(({ fold, people, samples, figures: own }) => [
    `${fold}`,
    `${people.length}`,
    `${samples ?? '-'}`,
    ...plain(own),
  ]);
  const finished = folds.filter(({ state }) => state === 'finished').length;
  const everyone = folds.reduce((total, { people }) => total + people.length, 0);
  const together = pooled ? [['together', `${everyone}`, `${pooled.samples}`, ...plain(pooled.figures)]] : [];
  const failed = folds.flatMap(({ fold, state, error }) => (state === 'failed' ? [`Fold ${fold} failed: ${error}`] : []));
  return [
    'Folds by people: nobody is trained on and tested on. Together: all answers as those of one test set, each picture once. ' +
      `Mean ± standard deviation over folds; weights of the ${taken(weights)}.`,
    [heading, ...rows, ['mean', '', '', ...spreadCells(figures, finished)], ...together],
    ...(failed.length > 0 ? [failed.join('\n')] : []),
  ];
}
