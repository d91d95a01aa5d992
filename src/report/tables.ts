/** The tables of a report, as data: the page, Markdown and LaTeX show the same ones. */
import { METRICS, type MetricName, type Metrics } from '../metrics/metrics.js';
import { SCORES } from '../metrics/scores.js';
import { SCORE_COLUMNS, type Trust } from '../metrics/trust.js';
import { VOTE_FIGURES } from '../metrics/votes.js';
import { DECISIONS, decisionCounts } from './decisions.js';
import { classRows, confusionRows, figureRows, percent } from './metricsText.js';
import type { Corruption, Evaluated, OtherPictures, Subject } from './subject.js';

/** Text, or text that is the best of its row or column. */
export type Cell = string | { best: string };

export interface Table {
  title: string;
  heading: readonly string[];
  /** The first cell names the row. */
  rows: readonly (readonly Cell[])[];
  /** A sentence to stand below. */
  note?: string | undefined;
}

/** Every table of some subjects: of a single one what it has, of several first the comparison. */
export function tablesOf(subjects: readonly Subject[]): Table[] {
  const several = subjects.length > 1;
  const titled = (name: string) => (table: Table) => (several ? { ...table, title: `${name}: ${table.title}` } : table);
  const own = subjects.flatMap(({ name, evaluated }) => (evaluated ? evaluatedTables(evaluated).map(titled(name)) : []));
  return several ? [comparisonTable(subjects), ...own] : own;
}

function evaluatedTables({ metrics, answers, corruptions, others }: Evaluated): Table[] {
  return [
    figuresTable(metrics, answers?.trust ?? null),
    classTable(metrics),
    confusionTable(metrics),
    ...(answers ? [scoreTable(answers.trust), ...voteTables(answers.trust), ...decisionTables(answers)] : []),
    ...corruptionTables(corruptions),
    ...otherTables(others),
  ];
}

export function figuresTable(metrics: Metrics, trust: Trust | null): Table {
  const [pictures = ['', ''], ...figures] = figureRows(metrics, { detail: true });
  const intervals = trust?.intervals;
  const title = 'figures of the test pictures';
  if (!intervals) return { title, heading: ['metric', 'value'], rows: [pictures, ...figures] };
  const ends = METRICS.map(({ name, format }) => {
    const shown = format === 'percent' ? percent : decimal;
    return intervals.metrics[name]?.map(shown).join(' to ') ?? '-';
  });
  const rows = figures.map((row, i) => [...row, ends[i] as string]);
  const note = `Intervals are of ${intervals.resamples} resamples of the pictures.`;
  return { title, heading: ['metric', 'value', '95% interval'], rows: [[...pictures, ''], ...rows], note };
}

export function classTable(metrics: Metrics): Table {
  const [heading = [], ...rows] = classRows(metrics);
  return { title: 'classes', heading, rows };
}

function confusionTable(metrics: Metrics): Table {
  const [heading = [], ...rows] = confusionRows(metrics);
  return { title: 'confusion matrix', heading, rows };
}

/** Every score side by side; the best of each column is marked. */
export function scoreTable({ scores, votes }: Trust): Table {
  const columns = SCORE_COLUMNS.filter(({ name }) => votes !== null || name !== 'votesSpearman');
  const present = SCORES.filter(({ name }) => scores[name] !== null);
  const marks = columns.map(({ name, better }) =>
    bestOf(
      present.map((score) => scores[score.name]?.[name]),
      better,
    ),
  );
  const rows = present.map(({ title, name }, at) => [
    title,
    ...columns.map((column, k): Cell => marked(decimal(scores[name]?.[column.name]), marks[k]?.has(at))),
  ]);
  const absent = SCORES.filter(({ name }) => scores[name] === null).map(({ title }) => title);
  return {
    title: 'scores of uncertainty',
    heading: ['errors found by', ...columns.map(({ title, better }) => `${title} ${arrow(better)}`)],
    rows,
    note: absent.length > 0 ? `These answers do not have: ${absent.join(', ')}.` : undefined,
  };
}

/** None without votes. */
export function voteTables({ votes, intervals }: Trust): Table[] {
  if (!votes) return [];
  const rows = VOTE_FIGURES.map(({ name, title, better }) => {
    const ends = intervals?.votes?.[name];
    const within = ends ? ` (${decimal(ends[0])} to ${decimal(ends[1])})` : '';
    return [`${title} ${arrow(better)}`, decimal(votes[name]) + within];
  });
  const { singles, others } = votes.counting;
  const kept = (what: 'keep' | 'drop') => (what === 'keep' ? 'kept' : 'dropped');
  return [
    {
      title: "people's votes",
      heading: ['against the votes', 'mean'],
      rows,
      note: `${votes.samples} pictures with votes; single votes are ${kept(singles)}, answers that are no class ${kept(others)}.`,
    },
  ];
}

/** None where a model decides nothing. */
export function decisionTables({ rows }: NonNullable<Evaluated['answers']>): Table[] {
  const counts = decisionCounts(rows);
  if (!counts) return [];
  const cells = DECISIONS.map(({ name }) => {
    const { pictures, right } = counts[name];
    return [name, String(pictures), percent(pictures / rows.length), percent(pictures === 0 ? null : right / pictures)];
  });
  return [{ title: 'decisions', heading: ['decision', 'pictures', 'share', 'right'], rows: cells }];
}

/** Accuracy under each corruption by severity; none where that was not tried. */
export function corruptionTables(corruptions: readonly Corruption[]): Table[] {
  if (corruptions.length === 0) return [];
  const severities = [...new Set(corruptions.map(({ severity }) => severity))].sort((a, b) => a - b);
  const rows = [...new Set(corruptions.map(({ name }) => name))].map((name) => [
    corruptionTitle(corruptions, name),
    ...severities.map((severity) => {
      const found = corruptions.find((each) => each.name === name && each.severity === severity);
      return percent(found?.metrics.accuracy);
    }),
  ]);
  return [{ title: 'accuracy of spoilt pictures', heading: ['corruption', ...severities.map((s) => `severity ${s}`)], rows }];
}

/** What a corruption is called. */
export function corruptionTitle(corruptions: readonly Corruption[], name: string): string {
  return corruptions.find((each) => each.name === name)?.title ?? name;
}

/** How each score tells pictures of another folder from those of the test; none where that was not tried. */
export function otherTables(others: OtherPictures | null): Table[] {
  if (!others) return [];
  const rows = SCORES.flatMap(({ name, title }) => {
    const found = others.outliers[name];
    return found ? [[title, decimal(found.auroc), decimal(found.aupr), decimal(found.fpr95)]] : [];
  });
  return [
    {
      title: 'other pictures',
      heading: ['told from the test by', 'AUROC ↑', 'AUPR ↑', 'FPR95 ↓'],
      rows,
      note: `${others.samples} pictures of ${others.folder} beside ${others.ordinary} of the test.`,
    },
  ];
}

/** Figures of several subjects, a column each; the best of each row is marked where they were asked about the same pictures. */
export function comparisonTable(subjects: readonly Subject[]): Table {
  const metrics = subjects.map(({ evaluated }) => evaluated?.metrics ?? null);
  const texts = metrics.map((each) => new Map(each ? figureTexts(each) : []));
  const same = samePictures(subjects);
  const rows = METRICS.map(({ name, title, better }) => {
    const values = same ? metrics.map((each) => each?.[name]) : [];
    const best = bestOf(values, better);
    return [`${title} ${arrow(better)}`, ...texts.map((of, at): Cell => marked(of.get(name) ?? '-', best.has(at)))];
  });
  return {
    title: 'side by side',
    heading: ['metric', ...subjects.map(({ name }) => name)],
    rows: [['pictures', ...metrics.map((each) => (each ? String(each.samples) : '-'))], ...rows],
    note: same ? undefined : 'They were asked about different pictures: their figures are not to be compared.',
  };
}

/** As far as is known: of some, only how many there are of each class. */
function samePictures(subjects: readonly Subject[]): boolean {
  const evaluated = subjects.flatMap(({ evaluated: each }) => (each ? [each] : []));
  const counts = evaluated.map(({ metrics }) => JSON.stringify(metrics.perClass.map(({ name, samples }) => [name, samples])));
  const files = evaluated.flatMap(({ answers, metrics }) => {
    const names = answers?.rows.map(({ file, label }) => `${metrics.perClass[label]?.name} ${file}`);
    return names ? [names.sort().join('\n')] : [];
  });
  return new Set(counts).size <= 1 && new Set(files).size <= 1;
}

function figureTexts(metrics: Metrics): [MetricName, string][] {
  return METRICS.map(({ name, format }) => [name, format === 'percent' ? percent(metrics[name]) : decimal(metrics[name])]);
}

/** Positions of the best values, by the digits that are shown; none where there is nothing to choose between. */
function bestOf(values: readonly (number | null | undefined)[], better: 'higher' | 'lower'): Set<number> {
  const shown = values.map((value) => (value == null ? null : Number(value.toFixed(4))));
  const known = shown.filter((value) => value !== null);
  const best = better === 'higher' ? Math.max(...known) : Math.min(...known);
  const differ = known.some((value) => value !== best);
  return new Set(differ ? [...shown.keys()].filter((at) => shown[at] === best) : []);
}

function marked(value: string, best: boolean | undefined): Cell {
  return best ? { best: value } : value;
}

const arrow = (better: 'higher' | 'lower') => (better === 'higher' ? '↑' : '↓');

function decimal(value: number | null | undefined): string {
  return value == null ? '-' : value.toFixed(4);
}
