import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { withVotes } from '#uafer/data/votesFile.js';
import { temporaryFolder } from '../support/pictures.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
let made = 0;

const sample = (file: string, label: number) => ({ file, path: file, label });
const DATASET = {
  name: 'mine',
  classes: ['happy', 'sad'],
  train: [sample('a.png', 0), sample('b.png', 1)],
  test: [sample('c.png', 0)],
};

/** The data set in a folder with this `votes.csv`. */
function datasetWith(votes: string | null) {
  const root = join(folder.path, String(made++));
  mkdirSync(root);
  if (votes !== null) writeFileSync(join(root, 'votes.csv'), votes);
  return { ...DATASET, root };
}

describe('votes.csv', () => {
  it('gives counts in the order of the classes, other answers last, and their shares over the classes', () => {
    const { train, test, notes } = withVotes(
      datasetWith('\ufefffile,sad,unknown,happy\r\na.png,1,2,3\r\nc.png,0,0,5\r\n'),
      'all',
    );
    expect(train[0]).toMatchObject({ label: 0, voteCounts: [3, 1, 2], votes: [0.75, 0.25] });
    expect(test[0]).toMatchObject({ voteCounts: [5, 0, 0], votes: [1, 0] });
    expect(notes).toEqual(['votes.csv has votes for 1 of 2 training pictures.']);
  });

  it('takes a picture without a line, or without a vote for a class, as unanimous for its label', () => {
    const { train } = withVotes(datasetWith('file,happy,sad,unknown\na.png,0,0,4\n'), 'all');
    expect(train[0]).toMatchObject({ voteCounts: [0, 0, 4], votes: [1, 0] });
    expect(train[1]).toEqual({ ...sample('b.png', 1), votes: [0, 1] });
  });

  it('changes nothing where there is none', () => {
    const dataset = datasetWith(null);
    expect(withVotes(dataset, 'all')).toBe(dataset);
  });

  it('of the test part alone does not ask for the other pictures', () => {
    const votes = 'file,happy,sad\na.png,1,0\nc.png,0,2\n';
    const { test } = withVotes({ ...datasetWith(votes), train: [] }, 'test');
    expect(test[0]).toMatchObject({ voteCounts: [0, 2] });
  });

  it.each([
    ['no column of a class', 'file,happy\na.png,1\n', /votes\.csv:1: no column "sad", expected the columns file, happy, sad/],
    ['a class twice', 'file,happy,sad,sad\na.png,1,0,0\n', /:1: the column "sad" 2 times/],
    ['no column of pictures', 'name,happy,sad\na.png,1,0\n', /:1: no column "file"/],
    ['an empty file', '', /:1: no column "file"/],
    ['half a vote', 'file,happy,sad\n\na.png,0.5,1\n', /:3: vote "0\.5", expected a whole number/],
    ['a negative vote', 'file,happy,sad\na.png,-1,1\n', /:2: vote "-1"/],
    ['a vote left out', 'file,happy,sad\na.png,1\n', /:2: vote "", expected|:2: expected 3 columns, found 2/],
    ['a picture twice', 'file,happy,sad\na.png,1,0\na.png,1,0\n', /:3: picture "a\.png" stands already/],
    ['a picture that the lists lack', 'file,happy,sad\nz.png,1,0\n', /:2: the lists have no picture "z\.png"/],
    ['quotes that do not match', 'file,happy,sad\n"a.png,1,0\n', /votes\.csv is not CSV/],
  ])('refuses %s', (_, votes, message) => {
    expect(() => withVotes(datasetWith(votes), 'all')).toThrow(message);
  });

  it('reads what was written', () => {
    const counts = fc.tuple(fc.nat(20), fc.nat(20));
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        const { train } = withVotes(datasetWith(`file,happy,sad\na.png,${a}\nb.png,${b}\n`), 'all');
        expect(train.map(({ voteCounts }) => voteCounts)).toEqual([a, b]);
        for (const { votes } of train) expect(votes?.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
      }),
      { numRuns: 20 },
    );
  });
});
