/** Metrics as a person reads them. */
import { METRICS, type MetricName, type Metrics } from '../metrics/metrics.js';
import { textTable } from '../textTable.js';

/** Metrics as plain text for a terminal: the figures, a table of the classes, the confusion matrix. Ends without a line break. */
export function formatMetrics(metrics: Metrics): string {
  const figures = figureRows(metrics);
  const width = Math.max(...figures.map(([name]) => name.length));
  const lines = figures.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
  return [lines, textTable(classRows(metrics)), textTable(confusionRows(metrics))].join('\n\n');
}

/** Name and value of each figure of the whole set. */
export function figureRows(metrics: Metrics): [string, string][] {
  const absent = metrics.absentClasses.length > 0 ? ` (without ${metrics.absentClasses.join(', ')}: no pictures)` : '';
  const figures = METRICS.map(({ name, title }): [string, string] => {
    return [title, formatMetric(name, metrics) + (name === 'meanClassAccuracy' ? absent : '')];
  });
  return [['pictures', String(metrics.samples)], ...figures];
}

/** `accuracy 66.67%, mean class accuracy 75.00%`: what is said of a set in one line. */
export function headline(metrics: Metrics): string {
  const rows = METRICS.filter((row) => 'headline' in row);
  return rows.map(({ name, title }) => `${title} ${formatMetric(name, metrics)}`).join(', ');
}

function formatMetric(name: MetricName, metrics: Metrics): string {
  const row = METRICS.find((each) => each.name === name);
  return row?.format === 'percent' ? percent(metrics[name]) : decimal(metrics[name]);
}

/** The table of the classes, its heading first. */
export function classRows({ perClass }: Metrics): string[][] {
  const scores = perClass.map(({ name, samples, precision, recall, f1 }) => [
    name,
    String(samples),
    percent(precision),
    percent(recall),
    percent(f1),
  ]);
  return [['class', 'pictures', 'precision', 'recall', 'F1'], ...scores];
}

function confusionRows({ perClass, confusion }: Metrics): string[][] {
  const names = perClass.map(({ name }) => name);
  return [['true \\ predicted', ...names], ...confusion.map((row, c) => [names[c] as string, ...row.map(String)])];
}

/** `0.1234` as `12.34%`; `-` for what is undefined. */
export function percent(value: number | null): string {
  return value === null ? '-' : `${(100 * value).toFixed(2)}%`;
}

function decimal(value: number | null): string {
  return value === null ? '-' : value.toFixed(4);
}
