/** Spoilt and other pictures in `uafer eval`. */
import { dirname, join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CORRUPTIONS, type CorruptionName } from '../corruptions/corruptions.js';
import type { CheckpointEvaluation } from '../evaluate/evaluateCheckpoint.js';
import { writeFileAtomically } from '../files.js';
import { formatCorruptions, formatOutliers } from '../report/robustnessText.js';
import { didYouMean } from '../suggest.js';
import { runOf } from './checkpointConfig.js';

/** What commander keeps of the options. */
export interface RobustnessOptions {
  /** True for every kind. */
  corruptions?: CorruptionName[] | true;
  ood?: string;
  robustnessTo?: string;
  predictions?: string;
}

export function addRobustnessOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--corruptions [names]',
        'evaluate the test pictures spoilt too, in five severities each: all kinds, or those named, with commas between',
      ).argParser(corruptionNames),
    )
    .option('--ood <folder>', 'a folder of pictures unlike those of the data set: how well each score tells them from the test')
    .option(
      '--robustness-to <folder>',
      'where corruptions.json and ood.json are written; by default beside --predictions, or else in the run',
    );
}

/** What the options ask of an evaluation. */
export function robustnessAsked({ corruptions, ood }: RobustnessOptions): { corruptions?: CorruptionName[]; ood?: string } {
  const all = CORRUPTIONS.map(({ name }) => name);
  return {
    ...(corruptions === undefined ? {} : { corruptions: corruptions === true ? all : corruptions }),
    ...(ood === undefined ? {} : { ood }),
  };
}

export const CORRUPTIONS_HELP = `Corruptions: ${CORRUPTIONS.map(({ name }) => name).join(', ')}.
Lengths are shares of the face's side, so that a severity means the same at any size; what is drawn depends on the kind and the picture's name
alone, so that every run spoils a picture in the same way.`;

type Found = Pick<CheckpointEvaluation, 'checkpoint' | 'metrics' | 'trust' | 'corruptions' | 'ood'>;

export function robustnessTexts({ corruptions, ood, ...ordinary }: Found, detail: boolean): string[] {
  return [
    ...(corruptions ? [formatCorruptions(corruptions, ordinary, { detail })] : []),
    ...(ood ? [formatOutliers(ood)] : []),
  ];
}

/** Writes what there is where it was asked for, beside the predictions, or in the run. */
export function writeRobustness(
  asked: string,
  { corruptions, ood }: Found,
  { robustnessTo, predictions }: RobustnessOptions,
  note: (line: string) => void,
): void {
  const files = { 'corruptions.json': corruptions, 'ood.json': ood };
  const found = Object.entries(files).filter(([, content]) => content !== null);
  if (found.length === 0) return;
  const folder = robustnessTo ?? (predictions === undefined ? runOf(asked) : dirname(predictions));
  if (folder === null) {
    note(`${asked} belongs to no run: --robustness-to FOLDER keeps ${found.map(([name]) => name).join(' and ')}.`);
    return;
  }
  for (const [name, content] of found) {
    const path = join(folder, name);
    writeFileAtomically(path, `${JSON.stringify(content, null, 2)}\n`);
    note(`Wrote ${path}.`);
  }
}

function corruptionNames(text: string): CorruptionName[] {
  const all: readonly string[] = CORRUPTIONS.map(({ name }) => name);
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (!all.includes(name))
      throw new InvalidArgumentError(
        `There is no corruption "${name}".${didYouMean(name, all)} Expected some of ${all.join(', ')}, with commas between.`,
      );
  }
  return [...new Set(names)] as CorruptionName[];
}
