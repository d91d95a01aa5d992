import { textTable } from '../textTable.js';
import type { Metrics } from './metrics.js';

/** Metrics as plain text for a terminal: the figures, a table of the classes, the confusion matrix. Ends without a line break. */
export function formatMetrics(metrics: Metrics): string {
  const figures = figureRows(metrics);
  const width = Math.max(...figures.map(([name]) => name.length));
  const lines = figures.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
  return [lines, textTable(classRows(metrics)), textTable(confusionRows(metrics))].join('\n\n');
}

/** Name and value of each figure of the whole set, as a person reads it. */
export function figureRows(metrics: Metrics): [string, string][] {
  const absent = metrics.absentClasses.length > 0 ? ` (without ${metrics.absentClasses.join(', ')}: no pictures)` : '';
  return [
    ['pictures', String(metrics.samples)],
    ['accuracy', percent(metrics.accuracy)],
    ['mean class accuracy', percent(metrics.meanClassAccuracy) + absent],
    ['macro F1', percent(metrics.macroF1)],
    ['expected calibration error', decimal(metrics.expectedCalibrationError)],
    ['AUROC of uncertainty for errors', decimal(metrics.errorAuroc)],
    ['area under risk-coverage curve', decimal(metrics.areaUnderRiskCoverage)],
  ];
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
