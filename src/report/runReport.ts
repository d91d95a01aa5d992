import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { escapeUTF8 } from 'entities';
import { UaferError } from '../errors.js';
import { writeFileAtomically } from '../files.js';
import { METRICS, type Metrics } from '../metrics/metrics.js';
import type { Best } from '../run/messages.js';
import { holdsRun, type RunFolder, runFolder } from '../run/runFolder.js';
import { type EpochLine, type LogLine, readRunLog } from '../run/runLog.js';
import type { Curve } from './charts.js';
import { classRows, figureRows, percent } from './metricsText.js';

/**
 * Writes `report.html` of the run in `folder` from its log, metrics and configuration, and returns its path: one file that any
 * browser opens without a network. A run that has not been evaluated yet gets a report without the figures of the test set. Throws
 * `USAGE` when the folder holds no run.
 */
export async function writeReport(folder: string): Promise<string> {
  if (!holdsRun(folder)) {
    throw new UaferError(
      'USAGE',
      `${folder} is not a run folder: expected one that "uafer train" wrote, with config.yaml in it.`,
    );
  }
  const run = runFolder(folder);
  const sections = [await testSection(run), await trainingSection(run), configurationSection(run)];
  writeFileAtomically(run.report, page(`Run ${basename(resolve(folder))}`, sections));
  return run.report;
}

/** The library of the charts takes a third of a second to load: only who writes a report waits for it. */
const charts = () => import('./charts.js');

async function testSection({ metrics: path }: RunFolder): Promise<string> {
  if (!existsSync(path)) return section('Test set', '<p>The run has not been evaluated yet.</p>');
  const metrics = readMetrics(path);
  const { confusionChart } = await charts();
  const names = metrics.perClass.map(({ name }) => name);
  const confusion = confusionChart(names, metrics.confusion);
  const tables = [table([['metric', 'value'], ...figureRows(metrics, { detail: true })]), table(classRows(metrics))];
  return section(
    `Test set after epoch ${metrics.epoch + 1}`,
    `${bestLine(metrics.best)}<div class="beside">${tables.join('')}${confusion}</div>`,
  );
}

function bestLine(best: Best | null): string {
  return best ? `<p>Best ${escapeUTF8(best.metric)}: ${percent(best.value)} after epoch ${best.epoch + 1}.</p>` : '';
}

function readMetrics(path: string): Metrics & { epoch: number; best: Best | null } {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UaferError('DATA', `${path} is not JSON: ${(cause as Error).message}. Delete it and evaluate the run again.`, {
      cause,
    });
  }
}

async function trainingSection({ log: path }: RunFolder): Promise<string> {
  const log = readRunLog(path);
  const steps = log.filter((line) => line.kind === 'step');
  const epochs = log.filter((line) => line.kind === 'epoch');
  // A run of few steps may have been evaluated before its first line of a step was due.
  const training: LogLine[] = steps.length > 0 ? steps : epochs;
  if (training.length === 0) return section('Training', '<p>Nothing is logged yet.</p>');
  const { lineChart } = await charts();
  const shown = [
    lineChart({ curves: lossCurves(training), x: 'step', y: 'training loss' }),
    lineChart({ curves: [curve('lr', training, (line) => line.lr)], x: 'step', y: 'learning rate' }),
  ];
  if (epochs.length > 0) shown.push(lineChart({ curves: testCurves(epochs), x: 'step', y: 'test set', percent: true }));
  return section('Training', `<div class="beside">${shown.join('')}</div>`);
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

function curve<Line extends LogLine>(name: string, lines: readonly Line[], y: (line: Line) => number): Curve {
  return { name, points: lines.map((line) => ({ x: line.step, y: y(line) })) };
}

function configurationSection({ config }: RunFolder): string {
  return section('Configuration', `<pre>${escapeUTF8(readFileSync(config, 'utf8'))}</pre>`);
}

function section(heading: string, body: string): string {
  return `<section><h2>${escapeUTF8(heading)}</h2>${body}</section>`;
}

/** The first row is the heading, the first column names the rows. */
function table([heading = [], ...rows]: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: string) => row.map((text) => `<${tag}>${escapeUTF8(text)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('');
  return `<table><thead><tr>${cells(heading, 'th')}</tr></thead><tbody>${body}</tbody></table>`;
}

const STYLE = `
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1f24; background: white; max-width: 84rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid #d5dae0 }
.beside { display: flex; flex-wrap: wrap; gap: 1.5rem 2.5rem; align-items: flex-start }
figure { margin: 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: 0.2rem 0.8rem; text-align: right; border-bottom: 1px solid #e6e9ed }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
pre { background: #f5f7f9; padding: 1rem; overflow-x: auto; font-size: 13px }`;

function page(title: string, sections: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeUTF8(title)}</title><style>${STYLE}
</style></head>
<body>
<h1>${escapeUTF8(title)}</h1>
${sections.join('\n')}
</body>
</html>
`;
}
