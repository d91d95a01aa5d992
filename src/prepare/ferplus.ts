import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FERPLUS_FOLDERS, FERPLUS_HEADER } from '../data/ferplus.js';
import { UaferError } from '../errors.js';
import { readList } from '../files.js';
import { collectProblems, type Problems } from '../problems.js';
import { readCsv } from './csv.js';
import { type Fer2013Row, fer2013File, pixelSource, readFer2013, type Usage } from './fer2013.js';
import { ferplusLayout } from './layout.js';
import type { LeftOut, Plan, PlannedPicture } from './plan.js';

interface VoteRow {
  line: number;
  usage: string;
  name: string;
  votes: string;
}

/** A picture that a row has named. */
interface Named {
  line: number;
  votes: string;
  pixels: Uint8Array;
}

/** Rows of FER2013, each of which FER+ has a row for (Goodfellow et al. 2013). */
const PUBLISHED: Record<Usage, number> = { Training: 28709, PublicTest: 3589, PrivateTest: 3589 };

/**
 * FER+ (Barsoum et al. 2016) from FER2013's CSV and the votes in `fer2013new.csv`, whose rows belong together one by one. What its
 * owners named no picture for, because annotators saw no face there, is left out; the votes themselves stay as they are, since the
 * loader decides what they mean.
 *
 * @throws UaferError `DATA` naming file and line
 */
export async function planFerplus(raw: string): Promise<Plan> {
  const problems = collectProblems();
  const votesFile = findVotes(raw);
  const votes = await readVotes(votesFile, problems);
  const file = fer2013File(raw);
  const pictures: PlannedPicture[] = [];
  const leftOut: LeftOut[] = [];
  const named = new Map<string, Named>();
  const counts: Record<Usage, number> = { Training: 0, PublicTest: 0, PrivateTest: 0 };
  let rows = 0;
  await readFer2013(file, problems, (row) => {
    counts[row.usage]++;
    const vote = votes[rows++];
    if (vote === undefined) return;
    if (vote.usage !== row.usage)
      problems.add(
        `${votesFile}:${vote.line}: usage "${vote.usage}", but ${file}:${row.line} says "${row.usage}": the rows don't match`,
      );
    else if (vote.name === '')
      leftOut.push({ where: `${file}:${row.line}`, why: 'FER+ names no picture: its annotators saw no face' });
    else {
      const earlier = named.get(vote.name);
      if (earlier === undefined) {
        named.set(vote.name, { line: vote.line, votes: vote.votes, pixels: row.pixels });
        pictures.push(planned(file, row, vote));
      } else if (earlier.votes === vote.votes && Buffer.compare(earlier.pixels, row.pixels) === 0)
        leftOut.push({ where: `${file}:${row.line}`, why: 'the same picture, with the same votes and name, stands before it' });
      else problems.add(`${votesFile}:${vote.line}: picture "${vote.name}" stands already on line ${earlier.line}`);
    }
  });
  if (rows !== votes.length)
    problems.add(`${file} has ${rows} rows that can be used, ${votesFile} has ${votes.length}: each needs one in the other`);
  for (const usage of ['Training', 'PublicTest'] as const) {
    if (counts[usage] === 0) problems.add(`${file} has no row for ${usage}`);
  }
  problems.check('FER+ cannot be used');
  return {
    set: 'ferplus',
    pictures,
    leftOut,
    layout: ferplusLayout(readList(votesFile), counts.PrivateTest > 0),
    published: {},
    notes: countNotes(counts),
    close: () => {},
  };
}

function planned(file: string, row: Fer2013Row, { name }: VoteRow): PlannedPicture {
  const path = `${FERPLUS_FOLDERS[row.usage]}/${name}`;
  return { source: pixelSource(file, row), name, path, label: '', train: row.usage === 'Training' };
}

function findVotes(raw: string): string {
  const candidates = ['fer2013new.csv', 'FERPlus/fer2013new.csv'].map((name) => join(raw, name));
  const file = candidates.find((candidate) => existsSync(candidate));
  if (file === undefined) throw new UaferError('DATA', `${raw} holds no fer2013new.csv, the votes that FER+ adds to FER2013`);
  return file;
}

async function readVotes(file: string, problems: Problems): Promise<VoteRow[]> {
  const votes: VoteRow[] = [];
  let header: string | undefined;
  await readCsv(file, ({ line, fields }) => {
    if (header === undefined) {
      header = fields.join(',');
      return;
    }
    const [usage = '', name = '', ...counts] = fields;
    votes.push({ line, usage, name, votes: counts.join() });
    if (fields.length !== FERPLUS_HEADER.split(',').length)
      problems.add(`${file}:${line}: expected ${FERPLUS_HEADER.split(',').length} columns, found ${fields.length}`);
    const wrong = counts.find((vote) => !/^\d+$/.test(vote));
    if (wrong !== undefined) problems.add(`${file}:${line}: vote "${wrong}", expected a whole number`);
    if (name !== '' && !/^[\w-]+\.png$/.test(name))
      problems.add(`${file}:${line}: picture "${name}", expected a name like fer0000000.png`);
  });
  if (header !== FERPLUS_HEADER) problems.add(`${file}:1: expected the header "${FERPLUS_HEADER}", found "${header ?? ''}"`);
  return votes;
}

function countNotes(counts: Record<Usage, number>): string[] {
  return (Object.keys(PUBLISHED) as Usage[])
    .filter((usage) => counts[usage] !== PUBLISHED[usage])
    .map((usage) => `FER2013's CSV has ${counts[usage]} rows for ${usage}; the challenge gave out ${PUBLISHED[usage]}.`);
}
