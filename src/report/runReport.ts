import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { escapeUTF8 } from 'entities';
import { parse } from 'yaml';
import { UaferError } from '../errors.js';
import { writeFileAtomically } from '../files.js';
import { METRICS, type Metrics } from '../metrics/metrics.js';
import type { Best } from '../run/messages.js';
import { holdsRun, type RunFolder, runFolder } from '../run/runFolder.js';
import { type EpochLine, type LogLine, readRunLog } from '../run/runLog.js';
import type { Curve } from './charts.js';
import { classRows, figureRows, percent } from './metricsText.js';
import { isReleasedForm, RELEASED_FORM_NOTE } from './releasedForm.js';

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
  const { CHART_STYLE } = await charts();
  writeFileAtomically(run.report, page(`Run ${basename(resolve(folder))}`, sections, CHART_STYLE));
  return run.report;
}

/** The library of the charts takes a third of a second to load: only who writes a report waits for it. */
const charts = () => import('./charts.js');

async function testSection({ metrics: path, config }: RunFolder): Promise<string> {
  if (!existsSync(path)) return section('Test set', '<p>The run has not been evaluated yet.</p>');
  const metrics = readMetrics(path);
  const { confusionChart } = await charts();
  const names = metrics.perClass.map(({ name }) => name);
  const confusion = confusionChart(names, metrics.confusion);
  const tables = [table([['metric', 'value'], ...figureRows(metrics, { detail: true })], 'figures'), table(classRows(metrics))];
  const note = isReleasedForm(parse(readFileSync(config, 'utf8')))
    ? `<p class="note">${escapeUTF8(RELEASED_FORM_NOTE)}</p>`
    : '';
  return section(
    `Test set after epoch ${metrics.epoch + 1}`,
    `${bestLine(metrics.best)}${note}<div class="beside">${tables.join('')}</div>${confusion}`,
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
  if (epochs.length > 0) {
    shown.push(lineChart({ curves: testCurves(epochs), x: 'step', y: 'test set', percent: true }));
    const losses = curve('test loss', epochs, (line) => line.test_loss ?? Number.NaN);
    if (hasPoints(losses)) shown.push(lineChart({ curves: [losses], x: 'step', y: 'test loss' }));
    const auroc = curve('AUROC of uncertainty for errors', epochs, (line) => line.test_error_auroc ?? Number.NaN);
    const chance = { name: 'chance', points: auroc.points.map(({ x }) => ({ x, y: 0.5 })) };
    if (hasPoints(auroc)) shown.push(lineChart({ curves: [auroc, chance], x: 'step', y: 'AUROC for errors' }));
  }
  const lines = 'loss_kd' in (training[0] ?? {}) ? `<p>${LOSSES}</p>` : '';
  return section('Training', lines + shown.join(''));
}

const LOSSES =
  'The training loss has the distillation from the frozen CLIP in it (loss_kd, times lambdaKd). The test loss of the log leaves it out, as ' +
  'the original does: the two are not to be compared.';

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

function configurationSection({ config }: RunFolder): string {
  return section('Configuration', `<pre>${escapeUTF8(readFileSync(config, 'utf8'))}</pre>`);
}

function section(heading: string, body: string): string {
  return `<section><h2>${escapeUTF8(heading)}</h2>${body}</section>`;
}

/** The first row is the heading, the first column names the rows. */
function table([heading = [], ...rows]: readonly (readonly string[])[], kind = 'scores'): string {
  const cells = (row: readonly string[], tag: string) => row.map((text) => `<${tag}>${escapeUTF8(text)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('');
  return `<div class="scroll" tabindex="0"><table class="${kind}"><thead><tr>${cells(heading, 'th')}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** Light and dark as the reader's system has it, from a phone's width on; what is wider than the page scrolls in a box of its own. */
const STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --paper: #ffffff; --panel: #f5f7f9; --line: #d5dae0; --accent: #1f6fb2; --on-accent: #ffffff }
@media (prefers-color-scheme: dark) {
  :root { --text: #dfe4ea; --paper: #14181d; --panel: #1d232a; --line: #39424d; --accent: #58a6e8; --on-accent: #0b1016 }
}
* { box-sizing: border-box }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--paper); max-width: 84rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; overflow-wrap: anywhere } h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid var(--line) }
.beside { display: flex; flex-wrap: wrap; gap: 1.5rem 2.5rem; align-items: flex-start }
.scroll { overflow-x: auto; max-width: 100%; min-width: 0 }
.note { border-left: 4px solid var(--accent); padding-left: 0.8rem; max-width: 52rem }
.chart { margin: 1.5rem 0 } figure { margin: 0; max-width: none !important }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: 0.2rem 0.8rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
.figures td { white-space: normal }
@media (max-width: 560px) { th, td { padding: 0.2rem 0.3rem } }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
pre { background: var(--panel); padding: 1rem; overflow-x: auto; font-size: 13px }`;

function page(title: string, sections: readonly string[], chartStyle: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeUTF8(title)}</title><style>${STYLE}${chartStyle}
</style></head>
<body>
<h1>${escapeUTF8(title)}</h1>
${sections.join('\n')}
</body>
</html>
`;
}
