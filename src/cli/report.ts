import { resolve } from 'node:path';
import type { Command } from 'commander';
import { UaferError } from '../errors.js';
import { readSubject, type Subject } from '../report/subject.js';
import { reportPath, writeReport } from '../report/writeReport.js';
import { holdsRun, runFolder } from '../run/runFolder.js';
import { notes, printJson, printText, type Verbosity } from './output.js';
import { pagePath } from './pageOption.js';

interface ReportOptions extends Verbosity {
  out?: string;
}

/** Where the report of several stands. */
const SEVERAL = 'report.html';

export function addReport(command: Command): void {
  command
    .argument('<paths...>', 'run folders, and predictions that `uafer eval --predictions` wrote')
    .option(
      '--out <path>',
      'the page to write (.html); by default report.html in the run, or beside the predictions; report.html here for several',
      pagePath,
    )
    .option('--quiet', 'print nothing but errors and the path of the page')
    .option('--json', 'print the paths of the files as one line of JSON')
    .addHelpText(
      'after',
      `
The page is one file without a script, which loads nothing: a summary in words, the figures, every class, the confusion matrix, whether
probabilities mean what they say, which score finds errors, decisions, people's votes (FER+), spoilt pictures, the most certain mistakes and
the least certain pictures with the patches that spoke for each class, features, and the training. Beside it stand the figures as .json and
.csv (a line a figure) and the tables as .md and .tex (booktabs). What the files do not hold is left out.

uafer train writes the report of a run at its end, uafer eval --predictions that of an evaluation.

Examples:
  uafer report runs/rafdb
  uafer report runs/rafdb runs/affectnet results/zero-shot.json --out comparison.html`,
    )
    .action((paths: string[], options: ReportOptions) => reportCommand(paths, options));
}

async function reportCommand(paths: readonly string[], options: ReportOptions): Promise<void> {
  const note = notes(options);
  checkDistinct(paths);
  const subjects = named(paths.map(readSubject));
  for (const { notes: leftOut } of subjects) for (const line of leftOut) note(line);
  const files = await writeReport(subjects, options.out ?? defaultPage(paths));
  if (options.json) return printJson({ files });
  printText(files[0] as string);
  note(`Beside it: ${files.slice(1).join(', ')}`);
}

function checkDistinct(paths: readonly string[]): void {
  const twice = paths.find((path, i) => paths.findIndex((each) => resolve(each) === resolve(path)) < i);
  if (twice !== undefined) throw new UaferError('USAGE', `${twice} is named twice: expected different runs or predictions.`);
}

/** Subjects of the same name are told apart by their paths. */
function named(subjects: readonly Subject[]): Subject[] {
  const names = subjects.map(({ name }) => name);
  return subjects.map((subject) =>
    names.filter((name) => name === subject.name).length > 1 ? { ...subject, name: subject.source } : subject,
  );
}

function defaultPage([first, ...others]: readonly string[]): string {
  if (first === undefined || others.length > 0) return SEVERAL;
  return holdsRun(first) ? runFolder(first).report : reportPath(first);
}
