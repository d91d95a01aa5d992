/** How far answers can be trusted, in charts: probabilities, scores as detectors of errors, decisions, votes, features. */
import { reliabilityBins } from '../metrics/calibration.js';
import { levelsOf } from '../metrics/levels.js';
import { dirichletEntropy, entropy, SCORES, type ScoreName, scoreColumns } from '../metrics/scores.js';
import { type RiskCoveragePoint, riskCoverageCurve } from '../metrics/selective.js';
import type { Trust } from '../metrics/trust.js';
import { countVotes, votesEntropy } from '../metrics/votes.js';
import type { PredictionRow } from '../run/predictionsFile.js';
import type { Curve } from './charts.js';
import { DECISIONS, decisionCounts } from './decisions.js';
import { htmlTable, paragraph, type Section } from './html.js';
import type { Evaluated } from './subject.js';
import { decisionTables, scoreTable, voteTables } from './tables.js';

/** The library of the charts takes a third of a second to load: only who writes a report waits for it. */
const charts = () => import('./charts.js');

type Answers = NonNullable<Evaluated['answers']>;

/** What follows from the answers; nothing of a run that kept figures alone. */
export async function trustSections({ answers, examples, metrics }: Evaluated): Promise<Section[]> {
  if (!answers) return [];
  const classes = metrics.perClass.map(({ name }) => name);
  return [
    await probabilitySection(answers.rows),
    await errorSection(answers),
    await decisionSection(answers),
    ...(await voteSection(answers, classes.length)),
    ...(examples?.plane ? [await featureSection(examples.plane, answers.rows, classes)] : []),
  ];
}

async function probabilitySection(rows: readonly PredictionRow[]): Promise<Section> {
  const { reliabilityChart } = await charts();
  const words =
    'A bar is the share of right answers among those of about the same probability; on the dashed line it would be as large as what was said. The ' +
    'difference is marked. Below: how many pictures there are of each probability.';
  return { heading: 'Probabilities', body: paragraph(words) + reliabilityChart(reliability(rows)) };
}

export function reliability(rows: readonly PredictionRow[]) {
  return reliabilityBins(
    rows.map(({ probabilities, predicted }) => probabilities[predicted] as number),
    rows.map(({ label, predicted }) => label === predicted),
  );
}

async function errorSection({ rows, trust }: Answers): Promise<Section> {
  const { lineChart } = await charts();
  const wrong = rows.map(({ label, predicted }) => label !== predicted);
  const curves = [...scoreColumns(rows)].map(([name, values]) => riskCurve(titleOf(name), values, wrong));
  const errors = wrong.filter(Boolean).length;
  const words =
    'Pictures are answered from the least uncertain on, by each score that the answers have; the rest is left out. The risk is the share of errors ' +
    'among what is answered: the lower and the longer, the better. The dashed line is the best that any score could do.';
  const none = errors === 0 || errors === rows.length;
  const chart = lineChart({
    curves: [...curves, { ...bestCurve(wrong), dashed: true }],
    ...{ x: 'coverage', y: 'risk', percent: true, percentX: true },
    domain: { x: [0, 1], y: [0, Math.min(1, Math.max(0.05, (1.3 * errors) / rows.length))] },
  });
  const said = none ? paragraph(`Every answer is ${errors === 0 ? 'right' : 'wrong'}: no score can tell errors apart.`) : '';
  return { heading: 'Uncertainty and errors', body: `${paragraph(words)}${said}${chart}${htmlTable(scoreTable(trust))}` };
}

function titleOf(name: ScoreName): string {
  return SCORES.find((row) => row.name === name)?.title ?? name;
}

/** Of fewer pictures than this the risk is a matter of luck: the curve begins where there are as many, or a twentieth of all. */
const FEWEST = 20;

export function riskCurve(name: string, values: ArrayLike<number>, wrong: readonly boolean[]): Curve {
  const points = riskCoverageCurve(levelsOf(values, wrong));
  const from = Math.min(0.05, FEWEST / wrong.length);
  const shown = points.filter(({ coverage }) => coverage >= from);
  return { name, points: shown.map(({ coverage, risk }: RiskCoveragePoint) => ({ x: coverage, y: risk })) };
}

/** Errors last. */
function bestCurve(wrong: readonly boolean[]): Curve {
  const right = wrong.filter((is) => !is).length / wrong.length;
  const steps = Array.from({ length: 41 }, (_, i) => right + ((1 - right) * i) / 40);
  const points = [{ x: 0, y: 0 }, ...steps.map((x) => ({ x, y: x === 0 ? 0 : (x - right) / x }))];
  return {
    name: 'best possible',
    points:
      right === 0
        ? [
            { x: 0, y: 1 },
            { x: 1, y: 1 },
          ]
        : points,
  };
}

async function decisionSection(answers: Answers): Promise<Section> {
  const { rows } = answers;
  const { stackedHistogram } = await charts();
  const heading = 'Decisions';
  if (!decisionCounts(rows)) {
    const kinds = [
      { name: 'right', colour: 'var(--accent)' },
      { name: 'wrong', colour: 'var(--wrong)' },
    ];
    const values = rows.map(({ uncertainty, label, predicted }) => ({
      value: uncertainty,
      kind: label === predicted ? 'right' : 'wrong',
    }));
    const words =
      'This model reports every answer: no thresholds were fitted (`uafer calibrate` does that). How right and wrong answers lie by its own ' +
      'uncertainty:';
    return { heading, body: paragraph(words) + stackedHistogram({ values, kinds, x: 'uncertainty' }) };
  }
  const kinds = DECISIONS.map(({ name, colour }) => ({ name, colour }));
  const by = (x: string, value: (row: PredictionRow) => number | undefined) => {
    const values = rows.flatMap((row) => {
      const known = value(row);
      return known === undefined || row.decision === undefined ? [] : [{ value: known, kind: row.decision }];
    });
    return values.length === 0 ? '' : stackedHistogram({ values, kinds, x });
  };
  const words =
    'What is not like the pictures that it learned from is rejected, by its uncertainty; of the others an answer is reported or called ambiguous, ' +
    'by the risk that it is wrong.';
  const histograms = by('risk of an error', ({ risk }) => risk) + by('uncertainty', ({ uncertainty }) => uncertainty);
  return {
    heading,
    body:
      paragraph(words) +
      decisionTables(answers)
        .map((table) => htmlTable(table))
        .join('') +
      histograms,
  };
}

/** None without votes. */
async function voteSection({ rows, trust }: Answers, classes: number): Promise<Section[]> {
  if (!trust.votes) return [];
  const { densityChart } = await charts();
  const points = votePoints(rows, classes, trust.votes);
  const words =
    'How much people disagree (the entropy of their votes) beside how much the model says that they would. The darker a cell, the more pictures; the ' +
    'line is the mean.';
  const chart = densityChart({ points, mean: means(points), x: "entropy of people's votes", y: 'ambiguity of the answer' });
  const tables = voteTables(trust).map((table) => htmlTable(table, 'figures'));
  return [{ heading: 'Ambiguity and votes', body: paragraph(words) + chart + tables.join('') }];
}

function votePoints(rows: readonly PredictionRow[], classes: number, { counting }: NonNullable<Trust['votes']>) {
  return rows.flatMap(({ votes, alpha, probabilities, ambiguity }) => {
    const disagreement = votes ? votesEntropy(countVotes(votes, classes, counting)) : null;
    if (disagreement === null) return [];
    return [{ x: disagreement, y: ambiguity ?? (alpha ? dirichletEntropy(alpha) : entropy(probabilities)) }];
  });
}

/** Steps of the mean's line. */
const STEPS = 10;

function means(points: readonly { x: number; y: number }[]): { x: number; y: number }[] {
  const groups = Array.from({ length: STEPS }, (): { x: number; y: number }[] => []);
  for (const point of points) groups[Math.min(STEPS - 1, Math.floor(point.x * STEPS))]?.push(point);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return groups.flatMap((group) =>
    group.length === 0 ? [] : [{ x: mean(group.map(({ x }) => x)), y: mean(group.map(({ y }) => y)) }],
  );
}

async function featureSection(
  { points, explained }: NonNullable<NonNullable<Evaluated['examples']>['plane']>,
  rows: readonly PredictionRow[],
  classes: readonly string[],
): Promise<Section> {
  const { scatterChart } = await charts();
  const shown = points.flatMap(([row, x, y]) => {
    const of = classes[rows[row]?.label ?? -1];
    return of === undefined ? [] : [{ x, y, kind: of }];
  });
  const part = shown.length < rows.length ? ` ${shown.length} of ${rows.length} pictures are shown.` : '';
  const share = (value: number) => `${(100 * value).toFixed(0)}%`;
  const words =
    `Features of the pictures on their two principal components (${share(explained[0])} and ${share(explained[1])} of the variance), ` +
    `coloured by the label.${part} Classes that lie on each other here may lie apart in the other dimensions.`;
  return {
    heading: 'Features',
    body: paragraph(words) + scatterChart({ points: shown, kinds: classes, x: 'first', y: 'second' }),
  };
}
