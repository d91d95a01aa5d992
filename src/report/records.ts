/** The figures of a report for programs: JSON, and CSV with a line a figure. */
import { csvFormat } from 'd3-dsv';
import type { Interval } from '../metrics/bootstrap.js';
import { METRICS } from '../metrics/metrics.js';
import { SCORES } from '../metrics/scores.js';
import { SCORE_COLUMNS } from '../metrics/trust.js';
import { VOTE_FIGURES } from '../metrics/votes.js';
import { DECISIONS, decisionCounts } from './decisions.js';
import type { Evaluated, Subject } from './subject.js';
import { verdicts } from './words.js';

/** One figure. */
interface FigureRecord {
  /** Of the run or evaluation. */
  name: string;
  /** `metric`, `class`, `score`, `votes`, `decision`, `corruption`, or `other` (pictures of another folder). */
  group: string;
  /** Which class, score, decision or corruption (with its severity); empty for the whole set. */
  of: string;
  figure: string;
  /** Empty where nothing defines it. */
  value: number | '';
  /** Ends of its 95% interval, where a bootstrap was asked for. */
  low: number | '';
  high: number | '';
}

const COLUMNS = ['name', 'group', 'of', 'figure', 'value', 'low', 'high'] as const satisfies (keyof FigureRecord)[];

export function reportCsv(subjects: readonly Subject[]): string {
  const records = subjects.flatMap(({ name, evaluated }) => (evaluated ? figureRecords(name, evaluated) : []));
  return `${csvFormat(records, [...COLUMNS])}\n`;
}

export function reportJson(subjects: readonly Subject[]): string {
  const shown = subjects.map((subject) => {
    const { name, source, evaluated, run, notes } = subject;
    return {
      name,
      source,
      epoch: run?.epoch ?? null,
      best: run?.best ?? null,
      verdicts: verdicts(subject),
      notes,
      metrics: evaluated?.metrics ?? null,
      ...(evaluated?.answers?.trust ?? {}),
      decisions: evaluated?.answers ? decisionCounts(evaluated.answers.rows) : null,
      corruptions: evaluated?.corruptions ?? [],
      others: evaluated?.others ?? null,
    };
  });
  return `${JSON.stringify({ format: 'uafer-report', version: 1, subjects: shown }, null, 2)}\n`;
}

function figureRecords(name: string, { metrics, answers, corruptions, others }: Evaluated): FigureRecord[] {
  const record = (group: string, of: string, figure: string, value: number | null | undefined, ends?: Interval | null) => ({
    name,
    ...{ group, of, figure },
    value: value ?? ('' as const),
    low: ends?.[0] ?? ('' as const),
    high: ends?.[1] ?? ('' as const),
  });
  const intervals = answers?.trust.intervals;
  const records = [
    record('metric', '', 'samples', metrics.samples),
    ...METRICS.map((row) => record('metric', '', row.name, metrics[row.name], intervals?.metrics[row.name])),
    ...metrics.perClass.flatMap(({ name: of, ...figures }) =>
      Object.entries(figures).map(([figure, value]) => record('class', of, figure, value)),
    ),
  ];
  if (answers) {
    const { scores, votes } = answers.trust;
    for (const score of SCORES) {
      const own = scores[score.name];
      const columns = own ? SCORE_COLUMNS : [];
      records.push(
        ...columns.map((column) =>
          record('score', score.name, column.name, own?.[column.name], intervals?.scores[score.name]?.[column.name]),
        ),
      );
    }
    if (votes)
      records.push(...VOTE_FIGURES.map((row) => record('votes', '', row.name, votes[row.name], intervals?.votes?.[row.name])));
    const counts = decisionCounts(answers.rows);
    for (const { name: of } of counts ? DECISIONS : [])
      for (const figure of ['pictures', 'right'] as const) records.push(record('decision', of, figure, counts?.[of][figure]));
  }
  for (const { name: corruption, severity, metrics: figures } of corruptions) {
    const known = METRICS.filter((row) => typeof figures[row.name] === 'number');
    records.push(
      ...known.map((row) => record('corruption', `${corruption} ${severity}`, row.name, figures[row.name] as number)),
    );
  }
  for (const [of, found] of Object.entries(others?.outliers ?? {}))
    for (const [figure, value] of Object.entries(found ?? {})) records.push(record('other', of, figure, value));
  return records;
}
