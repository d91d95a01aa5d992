import { shellWord } from '../shown.js';
import { textTable } from '../textTable.js';
import type { Plan, Published } from './plan.js';
import type { Written } from './write.js';

/** What a person reads when a data set is made: pictures a class and part, what was left out, and what to know. */
export function formatSummary(plan: Plan, written: Written, out: string): string {
  const { leftOut, withoutFace } = written;
  const parts = [
    textTable(countTable(written.counts, plan.published)),
    ...(leftOut.length > 0
      ? [textTable(leftOutTable(leftOut)), `Left out one by one: ${out}/left-out.txt`]
      : ['Nothing was left out.']),
    ...(withoutFace > 0
      ? [`In ${withoutFace} pictures no face was found; they are there without alignment (${out}/pictures.jsonl).`]
      : []),
    ...(plan.notes.length > 0 ? [plan.notes.map((note) => `Note: ${note}`).join('\n')] : []),
    `Train with --dataset ${plan.layout.dataset} --data-path ${shellWord(out)}`,
  ];
  return parts.join('\n\n');
}

function countTable({ classes, parts }: Written['counts'], published: Published): string[][] {
  const columns = parts.flatMap(({ name, counts }) => [
    { name, values: counts },
    ...publishedColumn(classes, published[name as 'train' | 'test']),
  ]);
  if (parts.length === 2) {
    columns.push({ name: 'all', values: classes.map((_, i) => sum(parts.map(({ counts }) => counts[i] ?? 0))) });
    columns.push(...publishedColumn(classes, published.all));
  }
  return [
    ['class', ...columns.map(({ name }) => name)],
    ...classes.map((label, i) => [label, ...columns.map(({ values }) => String(values[i]))]),
    ['all', ...columns.map(({ values }) => String(sum(values)))],
  ];
}

function publishedColumn(classes: readonly string[], counts?: Readonly<Record<string, number>>) {
  return counts ? [{ name: 'published', values: classes.map((label) => counts[label] ?? 0) }] : [];
}

function leftOutTable(leftOut: Written['leftOut']): string[][] {
  const counts = new Map<string, number>();
  for (const { why } of leftOut) counts.set(why, (counts.get(why) ?? 0) + 1);
  return [['left out because', 'count'], ...[...counts].map(([why, count]) => [why, String(count)])];
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
