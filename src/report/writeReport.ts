/** The files of a report. */
import { writeFileAtomically } from '../files.js';
import { runFolder } from '../run/runFolder.js';
import { latex, markdown } from './markup.js';
import { reportPage } from './page.js';
import { reportCsv, reportJson } from './records.js';
import { readRun, type Subject } from './subject.js';
import { tablesOf } from './tables.js';

/** Where the report of a predictions file stands: `out.report.html` beside `out.json`. */
export function reportPath(predictions: string): string {
  return predictions.replace(/(\.json)?$/, '.report.html');
}

/**
 * Writes the report of some subjects (at least one): `path` as one HTML file that any browser opens without a network, and beside it, by the
 * same name, the figures as JSON and CSV and the tables in Markdown and LaTeX.
 *
 * @returns the paths, the page first
 */
export async function writeReport(subjects: readonly Subject[], path: string): Promise<string[]> {
  const html = await reportPage(subjects);
  const tables = tablesOf(subjects);
  const title = subjects.map(({ name }) => name).join(', ');
  const files = {
    html,
    json: reportJson(subjects),
    csv: reportCsv(subjects),
    md: markdown(title, tables),
    tex: latex(tables),
  };
  return Object.entries(files).map(([ending, contents]) => {
    const file = ending === 'html' ? path : `${path.replace(/\.html?$/i, '')}.${ending}`;
    writeFileAtomically(file, contents);
    return file;
  });
}

/**
 * Writes the report of the run in `folder` from what it holds, and returns the path of the page. A run that has not been evaluated yet gets a
 * report without the figures of the test set.
 *
 * @throws UaferError `USAGE` when the folder holds no run
 */
export async function writeRunReport(folder: string): Promise<string> {
  const { report } = runFolder(folder);
  await writeReport([readRun(folder)], report);
  return report;
}
