/** How a run went: curves of its log. */
import { METRICS } from '../metrics/metrics.js';
import type { EpochLine, LogLine } from '../run/runLog.js';
import type { Curve } from './charts.js';
import { paragraph, type Section } from './html.js';
import type { Subject } from './subject.js';

const charts = () => import('./charts.js');

const LOSSES =
  'The training loss has the distillation from the frozen CLIP in it (loss_kd, times lambdaKd). The test loss of the log leaves it out, as ' +
  'the original does: the two are not to be compared.';

export async function trainingSection(log: readonly LogLine[]): Promise<Section> {
  const heading = 'Training';
  const steps = log.filter((line) => line.kind === 'step');
  const epochs = epochsOf(log);
  // A run of few steps may have been evaluated before its first line of a step was due.
  const training: LogLine[] = steps.length > 0 ? steps : epochs;
  if (training.length === 0) return { heading, body: paragraph('Nothing is logged yet.') };
  const { lineChart } = await charts();
  const shown = [
    lineChart({ curves: lossCurves(training), x: 'step', y: 'training loss' }),
    lineChart({ curves: [curve('lr', training, (line) => line.lr)], x: 'step', y: 'learning rate' }),
  ];
  if (epochs.length > 0) {
    shown.push(lineChart({ curves: testCurves(epochs), x: 'step', y: 'test set', percent: true }));
    const losses = curve('test loss', epochs, (line) => line.test_loss ?? Number.NaN);
    if (hasPoints(losses)) shown.push(lineChart({ curves: [losses], x: 'step', y: 'test loss' }));
    const auroc = curve('AUROC of uncertainty for errors', epochs, (line) => line.test_error_auroc ?? Number.NaN);
    const chance = { name: 'chance', points: auroc.points.map(({ x }) => ({ x, y: 0.5 })) };
    if (hasPoints(auroc)) shown.push(lineChart({ curves: [auroc, chance], x: 'step', y: 'AUROC for errors' }));
  }
  const lines = 'loss_kd' in (training[0] ?? {}) ? paragraph(LOSSES) : '';
  return { heading, body: lines + shown.join('') };
}

/** Test accuracy of several runs, epoch by epoch; empty where fewer than two were evaluated. */
export async function accuracyOfRuns(subjects: readonly Subject[]): Promise<string> {
  const curves = subjects.flatMap(({ name, run }) => {
    const epochs = epochsOf(run?.log ?? []);
    return epochs.length === 0
      ? []
      : [{ name, points: epochs.map(({ epoch, test_accuracy }) => ({ x: epoch + 1, y: test_accuracy ?? Number.NaN })) }];
  });
  if (curves.length < 2) return '';
  return (await charts()).lineChart({ curves, x: 'epoch', y: 'test accuracy', percent: true });
}

function epochsOf(log: readonly LogLine[]): EpochLine[] {
  return log.filter((line) => line.kind === 'epoch');
}

/** The loss and its parts. */
function lossCurves(lines: readonly LogLine[]): Curve[] {
  const names = Object.keys(lines[0] ?? {}).filter((name) => name.startsWith('loss'));
  return names.map((name) => curve(name, lines, (line) => line[name] as number));
}

function testCurves(epochs: readonly EpochLine[]): Curve[] {
  const rows = METRICS.filter((row) => 'headline' in row);
  return rows.map(({ title, logged }) => curve(title, epochs, (line) => line[`test_${logged}`] ?? Number.NaN));
}

const hasPoints = ({ points }: Curve) => points.some(({ y }) => Number.isFinite(y));

function curve<Line extends LogLine>(name: string, lines: readonly Line[], y: (line: Line) => number): Curve {
  return { name, points: lines.map((line) => ({ x: line.step, y: y(line) })) };
}
