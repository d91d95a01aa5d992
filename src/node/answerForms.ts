/** Answers as text: lines of JSON, CSV, and what a person reads. */

import { predictionLine } from '../predict/predictionLine.js';
import type { FacePrediction, Prediction } from '../predict/predictor.js';
import { shownJson } from '../shown.js';
import type { AnswerForm } from './predictionFile.js';

/** What is said of a picture: its prediction, or why there is none. */
export type Result = { file: string } & ({ prediction: Prediction } | { error: string });

/** How answers are written. */
export interface AnswerWriter extends AnswerForm {
  /** All that is said of a picture, with line breaks. */
  text(result: Result): string;
}

export function jsonLines(): AnswerWriter {
  return {
    head: '',
    fileOf: (line) => JSON.parse(line).file,
    text: (result) =>
      `${shownJson('error' in result ? { file: result.file, error: result.error } : predictionLine(result.file, result.prediction))}\n`,
  };
}

/** A row a face; a picture without one, or with an error, is a row too. */
export function csv(classes: readonly string[]): AnswerWriter {
  const columns = [
    ...[
      'file',
      'face',
      'left',
      'top',
      'width',
      'height',
      'score',
      'expression',
      'probability',
      'uncertainty',
      'ambiguity',
      'decision',
    ],
    ...classes.map((name) => `p(${name})`),
    'error',
  ];
  const empty = (count: number) => Array.from({ length: count }, () => '');
  return {
    head: row(columns),
    fileOf: firstCell,
    text: (result) => {
      if ('error' in result) return row([result.file, ...empty(columns.length - 2), result.error]);
      const line = predictionLine(result.file, result.prediction);
      if (!('faces' in line) || line.faces.length === 0) return row([result.file, '0', ...empty(columns.length - 2)]);
      return line.faces
        .map(({ box, score, expression, probabilities, uncertainty, ambiguity, decision }, i) =>
          row([
            ...[result.file, i + 1, box.left, box.top, box.width, box.height, score, expression],
            ...[probabilities[expression] ?? '', uncertainty, ambiguity, decision ?? ''],
            ...classes.map((name) => probabilities[name] ?? ''),
            '',
          ]),
        )
        .join('');
    },
  };
}

/** RFC 4180, with line breaks of Unix. Line breaks within a cell become spaces, so that a row is a line. */
function row(cells: readonly (string | number)[]): string {
  const quoted = cells.map((cell) => {
    const text = String(cell).replace(/\s*[\r\n]+\s*/g, ' ');
    return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${quoted.join(',')}\n`;
}

function firstCell(line: string): string {
  const quoted = /^"((?:[^"]|"")*)"/.exec(line)?.[1];
  return quoted === undefined ? line.slice(0, line.indexOf(',')) : quoted.replaceAll('""', '"');
}

const BAR = 20;

/** What a person reads: a line a picture, and one a face with the length of its probability. */
export function readable(): AnswerWriter {
  return {
    head: '',
    fileOf: () => {
      throw new TypeError('what a person reads is not read again');
    },
    text: (result) => {
      if ('error' in result) return `${result.file}: ${result.error}\n`;
      const { faces } = result.prediction;
      const count = faces.length === 0 ? 'no face' : faces.length === 1 ? '1 face' : `${faces.length} faces`;
      const width = Math.max(0, ...faces.map(({ expression }) => expression.length));
      return [`${result.file}: ${count}`, ...faces.map((face) => faceLine(face, width)), ''].join('\n');
    },
  };
}

function faceLine({ expression, probabilities, uncertainty, decision, candidates }: FacePrediction, width: number): string {
  const probability = probabilities[expression] as number;
  const length = Math.round(BAR * probability);
  const bar = '█'.repeat(length) + '░'.repeat(BAR - length);
  const advice = {
    report: '',
    ambiguous: `  people would disagree: ${candidates?.join(' or ')}`,
    reject: '  rejected: not like the pictures that the model learned from',
  };
  const said = decision ? advice[decision] : '';
  return `  ${expression.padEnd(width)} ${`${(100 * probability).toFixed(1)}%`.padStart(6)} ${bar}  uncertainty ${uncertainty.toFixed(2)}${said}`;
}
