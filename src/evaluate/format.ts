import type { Metrics } from './metrics.js';

/** Metrics as plain text for a terminal: the figures, a table of the classes, the confusion matrix. Ends without a line break. */
export function formatMetrics(metrics: Metrics): string {
  return [figures(metrics), classTable(metrics), confusionTable(metrics)].join('\n\n');
}

function figures(metrics: Metrics): string {
  const absent = metrics.absentClasses.length > 0 ? ` (without ${metrics.absentClasses.join(', ')}: no pictures)` : '';
  const rows: [string, string][] = [
    ['pictures', String(metrics.samples)],
    ['accuracy', percent(metrics.accuracy)],
    ['mean class accuracy', percent(metrics.meanClassAccuracy) + absent],
    ['macro F1', percent(metrics.macroF1)],
    ['calibration error', decimal(metrics.expectedCalibrationError)],
    ['AUROC of uncertainty for errors', decimal(metrics.errorAuroc)],
    ['area under risk-coverage', decimal(metrics.areaUnderRiskCoverage)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function classTable({ perClass }: Metrics): string {
  return table([
    ['class', 'pictures', 'precision', 'recall', 'F1'],
    ...perClass.map(({ name, samples, precision, recall, f1 }) => [
      name,
      String(samples),
      percent(precision),
      percent(recall),
      percent(f1),
    ]),
  ]);
}

function confusionTable({ perClass, confusion }: Metrics): string {
  const names = perClass.map(({ name }) => name);
  return table([['true \\ predicted', ...names], ...confusion.map((row, c) => [names[c] as string, ...row.map(String)])]);
}

/** The first column to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const cell = (text: string, column: number) => {
    const width = widths[column] as number;
    return column === 0 ? text.padEnd(width) : text.padStart(width);
  };
  return rows.map((row) => row.map(cell).join('  ')).join('\n');
}

function percent(value: number | null): string {
  return value === null ? '-' : `${(100 * value).toFixed(2)}%`;
}

function decimal(value: number | null): string {
  return value === null ? '-' : value.toFixed(4);
}
