/** Metrics as a person reads them. */
import type { Interval } from '../metrics/bootstrap.js';
import { chanceOf, METRICS, type MetricName, type Metrics } from '../metrics/metrics.js';
import type { TrustIntervals } from '../metrics/trust.js';
import { textTable } from '../textTable.js';

interface TextOptions {
  /** Figures that stand in files and reports alone otherwise. */
  detail?: boolean;
  /** What is to be known of the figures. */
  note?: string | undefined;
  intervals?: TrustIntervals | undefined;
}

/** Metrics as plain text for a terminal: the figures, a table of the classes, the confusion matrix. Ends without a line break. */
export function formatMetrics(metrics: Metrics, { note, ...options }: TextOptions = {}): string {
  const figures = figureRows(metrics, options);
  const width = Math.max(...figures.map(([name]) => name.length));
  const lines = figures.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
  const shown = [lines, note, textTable(classRows(metrics)), textTable(confusionRows(metrics))];
  return shown.filter((part) => part !== undefined).join('\n\n');
}

/** Name and value of each figure of the whole set, with what chance would be. */
export function figureRows(metrics: Metrics, { detail = false, intervals }: TextOptions = {}): [string, string][] {
  const figures = METRICS.filter((row) => detail || !('detail' in row)).map((row): [string, string] => {
    const { name, title } = row;
    const ends = intervals ? `  ${range(intervals.metrics[name], formatter(row))}` : '';
    const remarks = [chance(name, metrics), ...(name === 'meanClassAccuracy' ? absent(metrics) : [])].filter(Boolean);
    return [title, formatMetric(name, metrics) + ends + (remarks.length > 0 ? ` (${remarks.join('; ')})` : '')];
  });
  const said = intervals ? `  (95% intervals of ${intervals.resamples} resamples)` : '';
  return [['pictures', `${metrics.samples}${said}`], ...figures];
}

/** `80.87% to 83.49%`; `-` for an interval that is not known. */
function range(interval: Interval | null, format: (value: number | null) => string): string {
  return interval === null ? '-' : interval.map(format).join(' to ');
}

function chance(name: MetricName, metrics: Metrics): string | null {
  const found = chanceOf(name, metrics);
  if (!found) return null;
  const row = METRICS.find((each) => each.name === name);
  const value = row?.format === 'percent' ? percent(found.value) : String(Number(found.value.toFixed(4)));
  return `${value} is chance${found.worse ? ': this is worse' : ''}`;
}

function absent({ absentClasses }: Metrics): string[] {
  return absentClasses.length > 0 ? [`without ${absentClasses.join(', ')}: no pictures`] : [];
}

/** `accuracy 66.67%, mean class accuracy 75.00%`: what is said of a set in one line. */
export function headline(metrics: Metrics): string {
  const rows = METRICS.filter((row) => 'headline' in row);
  return rows.map(({ name, title }) => `${title} ${formatMetric(name, metrics)}`).join(', ');
}

function formatMetric(name: MetricName, metrics: Metrics): string {
  return formatter(METRICS.find((each) => each.name === name) as (typeof METRICS)[number])(metrics[name]);
}

function formatter({ format }: (typeof METRICS)[number]): (value: number | null | undefined) => string {
  return format === 'percent' ? percent : decimal;
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

/** The confusion matrix, its heading first. */
export function confusionRows({ perClass, confusion }: Metrics): string[][] {
  const names = perClass.map(({ name }) => name);
  return [['true \\ predicted', ...names], ...confusion.map((row, c) => [names[c] as string, ...row.map(String)])];
}

/** `0.1234` as `12.34%`; `-` for what is undefined, or was no figure yet when a run was evaluated. */
export function percent(value: number | null | undefined): string {
  return value == null ? '-' : `${(100 * value).toFixed(2)}%`;
}

function decimal(value: number | null | undefined): string {
  return value == null ? '-' : value.toFixed(4);
}
