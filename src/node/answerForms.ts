/** Answers as text: lines of JSON, CSV, and what a person reads. */

import { counted } from '../counted.js';
import { type AnswerLine, type FaceLine, predictionLine } from '../predict/predictionLine.js';
import type { FacePrediction, Prediction } from '../predict/predictor.js';
import { type ChangeLine, type ClipLine, frameLine, type PlacedFrame } from '../predict/videoLine.js';
import { shownJson } from '../shown.js';
import type { AnswerForm } from './predictionFile.js';
import { advice, readableChange, readableClip } from './readableVideo.js';

/** What is said of a picture: its prediction, or why there is none. */
export type Result = { file: string } & ({ prediction: Prediction } | { error: string });

/** How answers are written. */
export interface AnswerWriter extends AnswerForm {
  /** All that is said of a picture, with line breaks. */
  text(result: Result): string;
  /** What is said of a frame of a video. */
  frame(file: string, frame: PlacedFrame): string;
  /** What is said of a face that came, changed or left. */
  change(line: ChangeLine): string;
  /** What is said of a video at its end. */
  clip(line: ClipLine): string;
}

const json = (value: unknown) => `${shownJson(value)}\n`;

export function jsonLines(): AnswerWriter {
  return {
    head: '',
    fileOf: (line) => JSON.parse(line).file,
    isLast: (line) => {
      const { frame, clip } = JSON.parse(line);
      return frame === undefined && clip?.complete !== false;
    },
    frame: (file, frame) => json(frameLine(file, frame)),
    change: json,
    clip: json,
    text: (result) =>
      json('error' in result ? { file: result.file, error: result.error } : predictionLine(result.file, result.prediction)),
  };
}

const PICTURE_COLUMNS = 'file,face,left,top,width,height,score,expression,probability,uncertainty,ambiguity,decision'.split(
  ',',
);
const VIDEO_COLUMNS = [
  ...['frame', 'time', 'track', 'change'],
  ...['expression over time', 'probability over time', 'uncertainty over time', 'ambiguity over time', 'decision over time'],
];

/**
 * A row a face; a picture without one, or with an error, is a row too.
 *
 * @param videos whether there are columns for videos: their faces are followed and have an answer over time beside that of the frame
 */
export function csv(classes: readonly string[], videos = false): AnswerWriter {
  const columns = [...PICTURE_COLUMNS, ...classes.map((name) => `p(${name})`), 'error', ...(videos ? VIDEO_COLUMNS : [])];
  type Cells = Record<string, string | number | null>;
  const cells = (values: Cells) => row(columns.map((column) => values[column] ?? ''));
  const faceCells = (face: FaceLine): Cells => ({
    ...face.box,
    score: face.score,
    ...answerCells(face),
    ...Object.fromEntries(classes.map((name) => [`p(${name})`, face.probabilities[name] ?? ''])),
  });
  const overTimeCells = (answer: AnswerLine): Cells =>
    Object.fromEntries(Object.entries(answerCells(answer)).map(([name, value]) => [`${name} over time`, value]));
  return {
    head: row(columns),
    fileOf: firstCell,
    text: (result) => {
      if ('error' in result) return cells({ file: result.file, error: result.error });
      const line = predictionLine(result.file, result.prediction);
      if (!('faces' in line) || line.faces.length === 0) return cells({ file: result.file, face: 0 });
      return line.faces.map((face, i) => cells({ file: result.file, face: i + 1, ...faceCells(face) })).join('');
    },
    frame: (name, placed) => {
      const { file, frame, time, faces } = frameLine(name, placed);
      if (faces.length === 0) return cells({ file, face: 0, frame, time });
      return faces
        .map(({ track, overTime, ...face }, i) =>
          cells({ file, face: i + 1, ...faceCells(face), frame, time, track, ...overTimeCells(overTime) }),
        )
        .join('');
    },
    change: ({ overTime, ...line }) => cells({ ...line, ...overTimeCells(overTime) }),
    // A row is a face, and what a video is as a whole is none.
    clip: () => '',
  };
}

function answerCells({ expression, probabilities, uncertainty, ambiguity, decision }: AnswerLine) {
  return { expression, probability: probabilities[expression] ?? '', uncertainty, ambiguity, decision };
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

/** What a person reads: a line a picture, and one a face with the length of its probability; of a video what its faces showed. */
export function readable(): AnswerWriter {
  return {
    head: '',
    fileOf: () => {
      throw new TypeError('what a person reads is not read again');
    },
    text: (result) => {
      if ('error' in result) return `${result.file}: ${result.error}\n`;
      const { faces } = result.prediction;
      const width = Math.max(0, ...faces.map(({ expression }) => expression.length));
      return [`${result.file}: ${facesCounted(faces.length)}`, ...faces.map((face) => faceLine(face, width)), ''].join('\n');
    },
    // Nobody reads a line a frame.
    frame: () => '',
    change: readableChange,
    clip: readableClip,
  };
}

const facesCounted = (count: number) => (count === 0 ? 'no face' : counted(count, 'face'));

function faceLine({ expression, probabilities, uncertainty, decision, candidates }: FacePrediction, width: number): string {
  const probability = probabilities[expression] as number;
  const length = Math.round(BAR * probability);
  const bar = '█'.repeat(length) + '░'.repeat(BAR - length);
  const said = advice(decision, candidates);
  return `  ${expression.padEnd(width)} ${`${(100 * probability).toFixed(1)}%`.padStart(6)} ${bar}  uncertainty ${uncertainty.toFixed(2)}${said}`;
}
