/** How a model answers spoilt and other pictures, as a person reads it on a terminal. */
import type { Metrics } from '../metrics/metrics.js';
import type { CorruptedFigures, OutlierFigures } from '../metrics/robustness.js';
import { SCORES, type ScoreName } from '../metrics/scores.js';
import type { Trust } from '../metrics/trust.js';
import { textTable } from '../textTable.js';
import { percent } from './metricsText.js';

interface Entry extends CorruptedFigures {
  title: string;
  severity: number;
}

/** What the same model says of the pictures as they are. */
interface Ordinary {
  metrics: Metrics;
  trust: Trust;
}

/**
 * Tables of the kinds against the severities: accuracy, calibration, and how well errors are found; then how well each score tells spoilt
 * pictures from those as they are, with `detail` both for every score and kind. Ends without a line break.
 */
export function formatCorruptions(
  entries: readonly Entry[],
  ordinary: Ordinary,
  { detail = false }: { detail?: boolean } = {},
): string {
  const { metrics, trust } = ordinary;
  const scores = SCORES.filter(({ name }) => entries.some(({ outliers }) => outliers[name] !== null));
  const perScore = detail
    ? scores.flatMap(({ name, title }) => [
        against(`errors found by ${title} (AUROC)`, entries, (entry) => decimal(entry.scores[name]?.errorAuroc), {
          clean: decimal(trust.scores[name]?.errorAuroc),
          mean: (group) => decimal(meanOf(group.map((entry) => entry.scores[name]?.errorAuroc))),
        }),
        against(`spoilt pictures found by ${title} (AUROC)`, entries, (entry) => decimal(entry.outliers[name]?.auroc), {
          clean: null,
          mean: (group) => decimal(meanOf(group.map((entry) => entry.outliers[name]?.auroc))),
        }),
      ])
    : [];
  return [
    against('accuracy', entries, (entry) => percent(entry.metrics.accuracy), {
      clean: percent(metrics.accuracy),
      mean: (group) => percent(meanOf(group.map((entry) => entry.metrics.accuracy))),
    }),
    against('expected calibration error', entries, (entry) => decimal(entry.metrics.expectedCalibrationError), {
      clean: decimal(metrics.expectedCalibrationError),
      mean: (group) => decimal(meanOf(group.map((entry) => entry.metrics.expectedCalibrationError))),
    }),
    against('errors found by the uncertainty (AUROC)', entries, (entry) => decimal(entry.metrics.errorAuroc), {
      clean: decimal(metrics.errorAuroc),
      mean: (group) => decimal(meanOf(group.map((entry) => entry.metrics.errorAuroc))),
    }),
    ...perScore,
    spoiltTable(entries, scores),
  ].join('\n\n');
}

interface Around {
  /** The cell of the pictures as they are; null where they have none. */
  clean: string | null;
  mean(group: readonly Entry[]): string;
}

/** A row a kind and a column a severity. */
function against(what: string, entries: readonly Entry[], cell: (entry: Entry) => string, { clean, mean }: Around): string {
  const severities = severitiesOf(entries);
  const before = clean === null ? [] : [clean];
  const titles = [...new Set(entries.map(({ title }) => title))];
  const rows = titles.map((title) => {
    const own = entries.filter((entry) => entry.title === title);
    return [title, ...before, ...severities.map((severity) => ofSeverity(own, severity).map(cell).join())];
  });
  const means = ['mean', ...before, ...severities.map((severity) => mean(ofSeverity(entries, severity)))];
  const heading = [what, ...before.map(() => 'as it is'), ...severities.map(String)];
  return textTable([heading, ...rows, ...(titles.length > 1 ? [means] : [])]);
}

/** A row a score: over the kinds the mean at each severity, and the kind that is found worst at the greatest. */
function spoiltTable(entries: readonly Entry[], scores: readonly { name: ScoreName; title: string }[]): string {
  const severities = severitiesOf(entries);
  const found = (name: ScoreName, group: readonly Entry[]) => group.map((entry) => entry.outliers[name]?.auroc);
  const greatest = ofSeverity(entries, severities.at(-1) as number);
  const rows = scores.map(({ name, title }) => [
    title,
    ...severities.map((severity) => decimal(meanOf(found(name, ofSeverity(entries, severity))))),
    worst(greatest, name),
  ]);
  const heading = ['spoilt pictures found by (mean AUROC)', ...severities.map(String), `worst at ${severities.at(-1)}`];
  return textTable([heading, ...rows]);
}

function worst(entries: readonly Entry[], name: ScoreName): string {
  const [first] = entries.toSorted((a, b) => (a.outliers[name]?.auroc ?? 1) - (b.outliers[name]?.auroc ?? 1));
  return `${decimal(first?.outliers[name]?.auroc)} ${first?.title}`;
}

/** How well each score tells other pictures from those of the test. Ends without a line break. */
export function formatOutliers({ folder, samples, ordinary, outliers }: OutlierFigures & { folder: string }): string {
  const rows = SCORES.flatMap(({ name, title }) => {
    const found = outliers[name];
    return found ? [[title, decimal(found.auroc), decimal(found.aupr), decimal(found.fpr95)]] : [];
  });
  const heading = ['other pictures found by', 'AUROC ↑', 'AUPR ↑', 'FPR95 ↓'];
  return `${samples} pictures of ${folder} beside ${ordinary} of the test\n${textTable([heading, ...rows])}`;
}

const severitiesOf = (entries: readonly Entry[]) => [...new Set(entries.map(({ severity }) => severity))].sort();
const ofSeverity = (entries: readonly Entry[], wanted: number) => entries.filter(({ severity }) => severity === wanted);

/** Of those that are defined. */
function meanOf(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => value != null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

function decimal(value: number | null | undefined): string {
  return value == null ? '-' : value.toFixed(4);
}
