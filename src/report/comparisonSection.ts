/** Several runs or evaluations side by side. */
import { scoreColumns } from '../metrics/scores.js';
import type { PredictionRow } from '../run/predictionsFile.js';
import { htmlTable, paragraph, type Section } from './html.js';
import type { Subject } from './subject.js';
import { comparisonTable } from './tables.js';
import { accuracyOfRuns } from './trainingSection.js';
import { reliability, riskCurve } from './trustSections.js';

export async function comparisonSection(subjects: readonly Subject[]): Promise<Section> {
  const answered = subjects.flatMap(({ name, evaluated }) =>
    evaluated?.answers ? [{ name, rows: evaluated.answers.rows }] : [],
  );
  const body = [
    htmlTable(comparisonTable(subjects)),
    answered.length > 1 ? await riskCurves(answered) : '',
    answered.length > 1 ? await reliabilityCurves(answered) : '',
    await accuracyOfRuns(subjects),
  ];
  return { heading: 'Side by side', body: body.join('') };
}

interface Answered {
  name: string;
  rows: readonly PredictionRow[];
}

/** By the top probability, which every model has. */
async function riskCurves(answered: readonly Answered[]): Promise<string> {
  const { lineChart } = await import('./charts.js');
  const curves = answered.map(({ name, rows }) => {
    const wrong = rows.map(({ label, predicted }) => label !== predicted);
    return riskCurve(name, scoreColumns(rows).get('topProbability') as Float64Array, wrong);
  });
  const highest = Math.max(...curves.map(({ points }) => points.at(-1)?.y ?? 0));
  const domain = { x: [0, 1] as [number, number], y: [0, Math.min(1, Math.max(0.05, 1.3 * highest))] as [number, number] };
  const words = 'The share of errors among what is answered, the least uncertain first, each by the probability of its answer:';
  return paragraph(words) + lineChart({ curves, x: 'coverage', y: 'risk', percent: true, percentX: true, domain });
}

async function reliabilityCurves(answered: readonly Answered[]): Promise<string> {
  const { lineChart } = await import('./charts.js');
  const curves = answered.map(({ name, rows }) => ({
    name,
    points: reliability(rows).map(({ confidence, accuracy }) => ({ x: confidence, y: accuracy })),
  }));
  const equal = { name: 'as said', dashed: true, points: [0, 1].map((at) => ({ x: at, y: at })) };
  const words = 'The share of right answers by the probability that was said:';
  const axes = { x: 'probability of the answer', y: 'right', percent: true, percentX: true };
  return paragraph(words) + lineChart({ curves: [...curves, equal], ...axes, domain: { x: [0, 1], y: [0, 1] } });
}
