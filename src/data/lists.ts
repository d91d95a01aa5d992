import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readLines } from '../files.js';
import { collectProblems, type Problems } from '../problems.js';
import { SUBJECTS_NAME } from './subjects.js';

/** One picture as the three list files describe it. */
export interface ListEntry {
  index: number;
  name: string;
  /** Label as the file writes it (1-based for RAF-DB, 0-based for AffectNet). */
  label: number;
  train: boolean;
  /** Who is seen, where `subjects.txt` beside the lists says it. */
  subject?: string;
  /** Where the picture's name stands, for error messages: `images.txt:17`. */
  where: string;
}

export interface ListFiles {
  /** Folder that holds the three files. */
  folder: string;
  /** Ending of the three names before `.txt`: `_8cls` for AffectNet's 8 classes, else empty. */
  suffix: string;
  firstLabel: number;
  lastLabel: number;
}

interface Row {
  value: string;
  line: number;
}

interface Rows {
  file: string;
  rows: Map<number, Row>;
}

/**
 * Reads `images.txt` (`index name`), `image_class_labels.txt` (`index label`) and `train_test_split.txt` (`index 1|0`, 1 for
 * training) and returns one entry an index, in the order of the indices. `subjects.txt` (`index person`) may be beside them, and need not name
 * everyone.
 *
 * @throws UaferError `DATA` naming file and line: a file that is not there, a line that is not `index value`, an index or a name
 *   that stands twice, an index that another file lacks, a label outside the data set's range, a split that is not 0 or 1.
 */
export function readLists({ folder, suffix, firstLabel, lastLabel }: ListFiles): ListEntry[] {
  const problems = collectProblems();
  const read = (name: string) => readRows(join(folder, `${name}${suffix}.txt`), problems);
  const images = read('images');
  const labels = read('image_class_labels');
  const splits = read('train_test_split');
  const subjects = readSubjects(join(folder, `${SUBJECTS_NAME}${suffix}.txt`), images, problems);
  reportUnmatched(images, [labels, splits], problems);
  reportRepeatedNames(images, problems);
  const wanted = firstLabel === lastLabel ? `${firstLabel}` : `${firstLabel} to ${lastLabel}`;
  reportValues(labels, `a label from ${wanted}`, (value) => isLabel(value, firstLabel, lastLabel), problems);
  reportValues(splits, '1 (train) or 0 (test)', (value) => value === '0' || value === '1', problems);
  problems.check(`The lists in ${folder} cannot be used`);

  return [...images.rows]
    .sort(([a], [b]) => a - b)
    .map(([index, { value, line }]) => ({
      index,
      name: value,
      label: Number(labels.rows.get(index)?.value),
      train: splits.rows.get(index)?.value === '1',
      ...subjectOf(subjects.get(index)),
      where: `${images.file}:${line}`,
    }));
}

function readRows(file: string, problems: Problems): Rows {
  const rows = new Map<number, Row>();
  readLines(file).forEach((text, i) => {
    const line = i + 1;
    const match = /^\s*(\d+)\s+(\S.*?)\s*$/.exec(text);
    if (!match) {
      problems.add(
        `${file}:${line}: expected "index value", found ${text.trim() === '' ? 'a blank line' : `"${text.trim()}"`}`,
      );
      return;
    }
    const index = Number(match[1]);
    const earlier = rows.get(index);
    if (earlier) problems.add(`${file}:${line}: index ${index} stands already on line ${earlier.line}`);
    else rows.set(index, { value: match[2] ?? '', line });
  });
  if (rows.size === 0) problems.add(`${file}: no line of the form "index value"`);
  return { file, rows };
}

/** People by index; a line with an index alone says that it isn't known who is seen. */
function readSubjects(file: string, images: Rows, problems: Problems): Map<number, string> {
  const subjects = new Map<number, string>();
  if (!existsSync(file)) return subjects;
  for (const [i, text] of readLines(file).entries()) {
    const match = /^\s*(\d+)(?:\s+(\S.*?))?\s*$/.exec(text);
    const index = Number(match?.[1]);
    if (!match) problems.add(`${file}:${i + 1}: expected "index person", found "${text.trim()}"`);
    else if (!images.rows.has(index)) problems.add(`${file}:${i + 1}: index ${index} has no line in ${images.file}`);
    else if (subjects.has(index)) problems.add(`${file}:${i + 1}: index ${index} stands already on a line above`);
    else if (match[2] !== undefined) subjects.set(index, match[2]);
  }
  return subjects;
}

const subjectOf = (subject: string | undefined) => (subject === undefined ? {} : { subject });

function reportUnmatched(images: Rows, others: readonly Rows[], problems: Problems): void {
  for (const other of others) {
    for (const [index, { line }] of images.rows) {
      if (!other.rows.has(index)) problems.add(`${images.file}:${line}: index ${index} has no line in ${other.file}`);
    }
    for (const [index, { line }] of other.rows) {
      if (!images.rows.has(index)) problems.add(`${other.file}:${line}: index ${index} has no line in ${images.file}`);
    }
  }
}

function reportRepeatedNames(images: Rows, problems: Problems): void {
  const seen = new Map<string, number>();
  for (const { value, line } of images.rows.values()) {
    const earlier = seen.get(value);
    if (earlier === undefined) seen.set(value, line);
    else problems.add(`${images.file}:${line}: picture "${value}" stands already on line ${earlier}`);
  }
}

function reportValues(list: Rows, expected: string, valid: (value: string) => boolean, problems: Problems): void {
  for (const { value, line } of list.rows.values()) {
    if (!valid(value)) problems.add(`${list.file}:${line}: "${value}", expected ${expected}`);
  }
}

const isLabel = (value: string, first: number, last: number): boolean =>
  /^\d+$/.test(value) && Number(value) >= first && Number(value) <= last;
